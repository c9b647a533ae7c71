//! Counts, percentiles, the longest gap.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::api::Trouble;

/// How often each kind of trouble was seen.
pub type Kinds = BTreeMap<String, u64>;

/// What happened to the requests of one kind.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    requests: u64,
    repeats: u64,
    failures: u64,
    sold_out: u64,
    gave_up: u64,
    errors_seen: u64,
    kinds: Kinds,
    times: Vec<Duration>,
}

impl Tally {
    /// Counts trouble that leads to a repeat, or to giving up.
    pub fn saw_error(&mut self, trouble: &Trouble) {
        self.errors_seen += 1;
        *self.kinds.entry(trouble.kind()).or_default() += 1;
    }

    /// Counts a request that ended after so many attempts, so long after it was first sent.
    pub fn count(&mut self, attempts: u64, trouble: Option<&Trouble>, took: Duration) {
        self.requests += 1;
        self.repeats += attempts.saturating_sub(1);
        match trouble {
            None => self.times.push(took),
            Some(trouble) if trouble.has_status(409) => self.sold_out += 1,
            Some(trouble) => {
                self.failures += 1;
                if trouble.is_transient() {
                    self.gave_up += 1;
                } else {
                    *self.kinds.entry(trouble.kind()).or_default() += 1;
                }
            }
        }
    }

    /// Adds another customer's counts.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.repeats += other.repeats;
        self.failures += other.failures;
        self.sold_out += other.sold_out;
        self.gave_up += other.gave_up;
        self.errors_seen += other.errors_seen;
        self.times.extend(other.times);
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
    }

    /// The figures of it, for a phase that took this long.
    #[must_use]
    pub fn summary(&self, phase: Duration) -> Summary {
        let mut times = self.times.clone();
        times.sort_unstable();
        let total: Duration = times.iter().sum();
        Summary {
            requests: self.requests,
            repeats: self.repeats,
            failures: self.failures,
            sold_out: self.sold_out,
            gave_up: self.gave_up,
            errors_seen: self.errors_seen,
            errors_by_kind: self.kinds.clone(),
            mean_ms: (!times.is_empty()).then(|| to_micros(millis(total) / times.len() as f64)),
            p50_ms: percentile(&times, 50).map(millis),
            p99_ms: percentile(&times, 99).map(millis),
            max_ms: times.last().copied().map(millis),
            per_second: self.requests as f64 / phase.as_secs_f64().max(1e-6),
        }
    }
}

/// The figures of one kind of request. A request is one wish of a customer, its repeats included;
/// the times, from first sending it, are of those that were answered with success.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Requests that ended.
    pub requests: u64,
    /// Attempts beyond the first of each.
    pub repeats: u64,
    /// Requests without a useful answer; sold out is one.
    pub failures: u64,
    /// Purchases refused because too few were left.
    pub sold_out: u64,
    /// Failures because patience ran out.
    pub gave_up: u64,
    /// Replies of 429 or 5xx and broken or refused connections, of all attempts.
    pub errors_seen: u64,
    /// These, and refusals that no repeat would change, by kind.
    pub errors_by_kind: Kinds,
    /// Mean time.
    pub mean_ms: Option<f64>,
    /// Median time.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the times.
    pub p99_ms: Option<f64>,
    /// Longest time.
    pub max_ms: Option<f64>,
    /// Requests per second of the phase they were sent in.
    pub per_second: f64,
}

/// A stretch of time without an acknowledged order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gap {
    /// How long.
    pub ms: f64,
    /// When the order before it was acknowledged, since the start.
    pub from_ms: f64,
    /// When the order after it was acknowledged, since the start.
    pub until_ms: f64,
}

/// The longest gap between two neighbours of these times; none below two.
#[must_use]
pub fn longest_gap(mut times_ms: Vec<f64>) -> Option<Gap> {
    times_ms.sort_unstable_by(f64::total_cmp);
    let gaps = times_ms.windows(2).filter_map(|pair| match pair {
        [from_ms, until_ms] => {
            Some(Gap { ms: to_micros(until_ms - from_ms), from_ms: *from_ms, until_ms: *until_ms })
        }
        _ => None,
    });
    gaps.max_by(|a, b| a.ms.total_cmp(&b.ms))
}

/// Milliseconds, to the microsecond.
#[must_use]
pub fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

/// Without the digits that a subtraction of decimals leaves behind.
fn to_micros(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}

/// The smallest of the sorted times that `percent` of them do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&times, 99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&times[..1], 99), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn the_longest_gap_is_found_in_any_order() {
        let gap = longest_gap(vec![9.0, 1.0, 2.0, 4.0]);
        assert_eq!(gap, Some(Gap { ms: 5.0, from_ms: 4.0, until_ms: 9.0 }));
        assert_eq!(longest_gap(vec![3.0]), None);
    }

    #[test]
    fn sold_out_is_no_failure_and_no_error() {
        let refused = |status| Trouble::Refused { status, message: String::new(), later: false };
        let mut tally = Tally::default();
        tally.count(1, Some(&refused(409)), Duration::ZERO);
        tally.count(1, None, Duration::from_millis(2));
        tally.saw_error(&refused(503));
        tally.count(2, Some(&refused(503)), Duration::ZERO);
        let mut sum = tally.clone();
        sum.add(tally);
        let figures = sum.summary(Duration::from_secs(2));
        assert_eq!((figures.requests, figures.failures, figures.sold_out), (6, 2, 2));
        assert_eq!((figures.repeats, figures.gave_up, figures.errors_seen), (2, 2, 2));
        assert_eq!(figures.errors_by_kind, Kinds::from([("503".into(), 2)]));
        assert_eq!((figures.mean_ms, figures.per_second), (Some(2.0), 3.0));
    }
}
