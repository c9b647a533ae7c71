//! How fast a replica catches up: it works a part of the time, so that customers keep the rest.
//!
//! Without a rest, a replica on the same machine takes every cycle and every sync it can get. The time
//! that a page takes grows with what else the machine has to do, and so does the rest.

use std::time::Duration;

use tokio::time::Instant;
use toystore_host::limits::{CATCH_UP_REST_MAX, CATCH_UP_SHARE};

/// Of one catch-up after the other.
#[derive(Default)]
pub struct Pace {
    /// When the last page was asked for.
    asked: Option<Instant>,
}

impl Pace {
    /// How long to wait before the next page is asked for, now that it is wanted.
    pub fn rest(&mut self) -> Duration {
        let now = Instant::now();
        let worked = self.asked.map_or(Duration::ZERO, |asked| now.duration_since(asked));
        let rest = (worked * (100 - CATCH_UP_SHARE) / CATCH_UP_SHARE).min(CATCH_UP_REST_MAX);
        self.asked = Some(now + rest);
        rest
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_replica_works_its_share_of_the_time() {
        let (mut pace, begun, mut worked) = (Pace::default(), Instant::now(), Duration::ZERO);
        assert_eq!(pace.rest(), Duration::ZERO, "nothing to rest from");
        for millis in [8, 2, 10, 4] {
            let work = Duration::from_millis(millis);
            advance(work).await;
            worked += work;
            sleep(pace.rest()).await;
        }
        assert_eq!(begun.elapsed() * CATCH_UP_SHARE / 100, worked);
    }

    #[tokio::test(start_paused = true)]
    async fn no_rest_is_long() {
        let mut pace = Pace::default();
        pace.rest();
        advance(Duration::from_secs(3600)).await;
        assert_eq!(pace.rest(), CATCH_UP_REST_MAX);
    }
}
