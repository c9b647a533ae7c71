//! The one retry policy: pauses that grow and differ, within a deadline and a budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::ambient::chance;
use crate::limits::{RETRY_BURST, RETRY_EARNED_BY, RETRY_FIRST_PAUSE, RETRY_MAX_PAUSE};

/// The pauses between tries: each up to twice as long as the one before, none past the deadline.
#[derive(Debug, Clone)]
pub struct Backoff {
    deadline: Instant,
    longest: Duration,
}

impl Backoff {
    /// Pauses that all end before `deadline`.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self { deadline, longest: RETRY_FIRST_PAUSE }
    }

    /// Pauses for the next one; `false` when the time is up and another try makes no sense.
    pub async fn pause(&mut self) -> bool {
        match self.next() {
            Some(pause) => {
                tokio::time::sleep(pause).await;
                true
            }
            None => false,
        }
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        // Between half and all of it: clients that failed together do not come back together.
        let pause = self.longest.mul_f64(0.5 + 0.5 * chance());
        self.longest = (self.longest * 2).min(RETRY_MAX_PAUSE);
        let left = self.deadline.saturating_duration_since(Instant::now());
        (pause < left).then_some(pause)
    }
}

/// Keeps retries a small part of the load, so that they never make a bad moment worse.
///
/// Each first try earns a part of a retry; a retry that is not earned is not made. Clones share
/// one budget.
#[derive(Debug, Clone)]
pub struct RetryBudget {
    /// In parts of a retry: [`RETRY_EARNED_BY`] of them pay for one.
    saved: Arc<AtomicU32>,
}

const FULL: u32 = RETRY_BURST * RETRY_EARNED_BY;

impl RetryBudget {
    /// A full budget.
    #[must_use]
    pub fn new() -> Self {
        Self { saved: Arc::new(AtomicU32::new(FULL)) }
    }

    /// Notes a first try.
    pub fn earn(&self) {
        let more = |saved: u32| Some((saved + 1).min(FULL));
        let _ = self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Takes one retry out; `false` when there is none.
    #[must_use]
    pub fn spend(&self) -> bool {
        let less = |saved: u32| saved.checked_sub(RETRY_EARNED_BY);
        self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pauses_grow_to_the_cap_and_end_at_the_deadline() {
        let pauses: Vec<_> =
            Backoff::until(Instant::now() + Duration::from_secs(60)).take(20).collect();
        assert!(pauses[0] >= RETRY_FIRST_PAUSE / 2 && pauses[0] <= RETRY_FIRST_PAUSE);
        assert!(pauses[10..].iter().all(|p| *p >= RETRY_MAX_PAUSE / 2 && *p <= RETRY_MAX_PAUSE));
        assert_eq!(Backoff::until(Instant::now()).next(), None);
    }

    #[test]
    fn five_tries_earn_one_retry() {
        let budget = RetryBudget::new();
        let at_once = std::iter::repeat_with(|| budget.spend()).take_while(|paid| *paid).count();
        assert_eq!(at_once, RETRY_BURST as usize);
        (0..RETRY_EARNED_BY).for_each(|_| budget.earn());
        assert!(budget.spend());
        assert!(!budget.clone().spend());
    }
}
