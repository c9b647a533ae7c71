//! How fast a replica catches up: it works a third of the time, so that customers keep the rest.
//!
//! Without a rest, a replica on the same machine takes every cycle and every sync it can get. The time
//! that a page takes grows with what else the machine has to do, and so does the rest.

use std::time::Duration;

use tokio::time::Instant;
use toystore_host::limits::{CATCH_UP_REST, CATCH_UP_REST_MAX};

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
        let rest = (worked * CATCH_UP_REST).min(CATCH_UP_REST_MAX);
        self.asked = Some(now + rest);
        rest
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_replica_rests_longer_than_it_works() {
        let (mut pace, begun, mut worked) = (Pace::default(), Instant::now(), Duration::ZERO);
        assert_eq!(pace.rest(), Duration::ZERO, "nothing to rest from");
        for millis in [3, 1, 4, 2] {
            let work = Duration::from_millis(millis);
            advance(work).await;
            worked += work;
            sleep(pace.rest()).await;
        }
        assert_eq!(begun.elapsed(), worked * (1 + CATCH_UP_REST));
    }

    #[tokio::test(start_paused = true)]
    async fn no_rest_is_long() {
        let mut pace = Pace::default();
        pace.rest();
        advance(Duration::from_secs(3600)).await;
        assert_eq!(pace.rest(), CATCH_UP_REST_MAX);
    }
}
