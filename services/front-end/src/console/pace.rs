//! How long orders take here, counted so that an order pays for it with one addition.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Each bucket ends a quarter above the one before: what is read out is at most that much too long.
const STEP: f64 = 1.25;
/// The first bucket's end, in seconds.
const SHORTEST: f64 = 50e-6;
/// The last one's end is above the deadline of a request.
const BUCKETS: usize = 54;

/// Orders placed through this front end, by how long they took.
#[derive(Debug)]
pub struct Pace([AtomicU64; BUCKETS]);

impl Default for Pace {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Pace {
    /// An order was placed.
    pub fn note(&self, took: Duration) {
        let steps = (took.as_secs_f64() / SHORTEST).max(1.0).ln() / STEP.ln();
        // The cast cuts off what is too large, and `steps` is not negative.
        let bucket = (steps.ceil() as usize).min(BUCKETS - 1);
        self.0[bucket].fetch_add(1, Ordering::Relaxed);
    }

    /// All counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts(std::array::from_fn(|bucket| self.0[bucket].load(Ordering::Relaxed)))
    }
}

/// The counts at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts([u64; BUCKETS]);

impl Counts {
    /// What came since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self(std::array::from_fn(|bucket| self.0[bucket] - earlier.0[bucket]))
    }

    /// In milliseconds, what this share of the orders did not exceed; none without orders.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let all: u64 = self.0.iter().sum();
        let wanted = ((all as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let bucket = self.0.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        let millis = SHORTEST * STEP.powi(i32::try_from(bucket).ok()?) * 1e3;
        Some((millis * 100.0).round() / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near_what_was_noted() {
        let pace = Pace::default();
        let before = pace.counts();
        assert_eq!(before.quantile(0.5), None);
        for millis in 1..=100 {
            pace.note(Duration::from_millis(millis));
        }
        let counts = pace.counts().since(&before);
        for (share, millis) in [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            let said = counts.quantile(share).unwrap();
            assert!((millis..=millis * STEP + 0.01).contains(&said), "{share}: {said}");
        }
        assert_eq!(pace.counts().since(&pace.counts()).quantile(0.5), None);
    }

    #[test]
    fn nothing_is_too_short_or_too_long() {
        let pace = Pace::default();
        for took in [Duration::ZERO, Duration::MAX] {
            pace.note(took);
        }
        let counts = pace.counts();
        assert!(counts.quantile(0.5).unwrap() <= 0.05);
        assert!(counts.quantile(1.0).unwrap() > 5_000.0);
    }
}
