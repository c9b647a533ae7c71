//! What is counted under load, and what is told of it.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::table::table;

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered with success.
    Done,
    /// Answered with another HTTP status, or another refusal's number.
    Refused(u16),
    /// Not answered.
    Lost,
}

/// Counts of one kind of request.
#[derive(Clone, Debug)]
struct Kind {
    /// Microseconds of the requests that were done.
    times: Histogram<u64>,
    refused: BTreeMap<u16, u64>,
    lost: u64,
}

/// Counts of a load.
#[derive(Clone, Debug)]
pub struct Figures {
    measured: Duration,
    kinds: BTreeMap<&'static str, Kind>,
    /// When requests were done, in microseconds.
    done_at: Vec<u64>,
    /// What the load itself cost.
    pub cpu_seconds: f64,
    /// In so many seconds, the warm-up included.
    pub wall_seconds: f64,
}

impl Figures {
    /// Nothing yet, in so long a time.
    #[must_use]
    pub fn new(measured: Duration) -> Self {
        let kinds = BTreeMap::new();
        Self { measured, kinds, done_at: Vec::new(), cpu_seconds: 0.0, wall_seconds: 0.0 }
    }

    /// Counts a request that ended so long after the start and took so long.
    pub fn count(&mut self, kind: &'static str, outcome: Outcome, at: Duration, took: Duration) {
        let Some(kind) = entry(&mut self.kinds, kind) else { return };
        match outcome {
            Outcome::Done => {
                kind.times.saturating_record(micros(took));
                self.done_at.push(micros(at));
            }
            Outcome::Refused(status) => *kind.refused.entry(status).or_default() += 1,
            Outcome::Lost => kind.lost += 1,
        }
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        for (name, added) in &other.kinds {
            let Some(kind) = entry(&mut self.kinds, name) else { continue };
            // Both have the same bounds.
            let _ = kind.times.add(&added.times);
            kind.lost += added.lost;
            for (status, count) in &added.refused {
                *kind.refused.entry(*status).or_default() += count;
            }
        }
        self.done_at.extend(&other.done_at);
    }

    /// Whether anything was answered.
    #[must_use]
    pub fn answered(&self) -> bool {
        self.kinds.values().any(|kind| !kind.times.is_empty() || !kind.refused.is_empty())
    }

    /// What is told of it.
    #[must_use]
    pub fn report(&self) -> Report {
        let seconds = self.measured.as_secs_f64();
        let mut done_at = self.done_at.clone();
        done_at.sort_unstable();
        let gap = done_at.windows(2).map(|pair| pair[1] - pair[0]).max();
        let kinds = self.kinds.iter();
        Report {
            seconds,
            kinds: kinds.map(|(name, kind)| ((*name).to_owned(), kind.report(seconds))).collect(),
            longest_gap_ms: gap.unwrap_or_default() as f64 / 1000.0,
            own_cores: self.cpu_seconds / self.wall_seconds.max(1e-9),
        }
    }
}

/// None only if the bounds of a histogram made no sense.
fn entry<'a>(
    kinds: &'a mut BTreeMap<&'static str, Kind>,
    name: &'static str,
) -> Option<&'a mut Kind> {
    if !kinds.contains_key(name) {
        let times = Histogram::new_with_bounds(1, 60_000_000, 3).ok()?;
        kinds.insert(name, Kind { times, refused: BTreeMap::new(), lost: 0 });
    }
    kinds.get_mut(name)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Kind {
    fn report(&self, seconds: f64) -> KindReport {
        let ms = |quantile| self.times.value_at_quantile(quantile) as f64 / 1000.0;
        KindReport {
            done: self.times.len(),
            per_second: self.times.len() as f64 / seconds,
            refused: self.refused.clone(),
            lost: self.lost,
            mean_ms: self.times.mean() / 1000.0,
            p50_ms: ms(0.5),
            p90_ms: ms(0.9),
            p99_ms: ms(0.99),
            p999_ms: ms(0.999),
            max_ms: self.times.max() as f64 / 1000.0,
        }
    }
}

/// A load in figures.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Report {
    /// How long it was measured.
    pub seconds: f64,
    /// Each kind of request.
    pub kinds: BTreeMap<String, KindReport>,
    /// The longest time between two requests that were done, of any kind.
    pub longest_gap_ms: f64,
    /// How many cores the load kept busy itself; near the number of its threads it, and not the
    /// store, is what was measured.
    pub own_cores: f64,
}

/// One kind of request in figures; times are of those that were done.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct KindReport {
    /// Answered with success.
    pub done: u64,
    /// The same, per second.
    pub per_second: f64,
    /// Other answers, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Not answered.
    pub lost: u64,
    /// Mean time.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p999_ms: f64,
    /// Longest.
    pub max_ms: f64,
}

impl Report {
    /// For people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let ms = |ms: f64| format!("{ms:.3}");
        let row = |(name, kind): (&String, &KindReport)| {
            let times = [kind.p50_ms, kind.p90_ms, kind.p99_ms, kind.p999_ms, kind.max_ms].map(ms);
            let others: Vec<_> =
                kind.refused.iter().map(|(status, count)| format!("{count}x {status}")).collect();
            let mut row = vec![name.clone(), kind.done.to_string()];
            row.push(format!("{:.0}", kind.per_second));
            row.extend(times);
            row.push(if others.is_empty() { "-".to_owned() } else { others.join(", ") });
            row.push(kind.lost.to_string());
            row
        };
        let rows: Vec<_> = self.kinds.iter().map(row).collect();
        let head =
            ["", "done", "per s", "p50 ms", "p90", "p99", "p99.9", "max", "refused", "no answer"];
        format!(
            "{}Longest gap {:.1} ms in {:.1} s; the load itself kept {:.2} cores busy.",
            table(&head, &rows),
            self.longest_gap_ms,
            self.seconds,
            self.own_cores
        )
    }
}
