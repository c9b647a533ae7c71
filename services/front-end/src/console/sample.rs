//! One look at everything that the console shows.

use std::time::SystemTime;

use serde::Serialize;
use tokio::time::Instant;
use toystore_domain::api::ClusterBody;

use super::news::{News, between};
use super::pace::{Counts, Pace};
use crate::cluster;
use crate::parts::Parts;

/// How everything is now.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// When, in milliseconds since 1970; for people.
    pub at: u64,
    /// As `GET /cluster` has it.
    pub cluster: ClusterBody,
    /// Why no orders are taken, if so.
    pub trouble: Option<String>,
    /// Orders of the whole store per second, since the look before.
    pub orders_per_second: Option<f64>,
    /// What half of the orders placed here since then did not exceed, in milliseconds.
    pub p50_ms: Option<f64>,
    /// What 99 of 100 of them did not exceed.
    pub p99_ms: Option<f64>,
}

/// The time of day, for people; no rule depends on it.
pub fn time_of_day() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Looks again and again, and remembers the look before.
#[derive(Debug)]
pub struct Sampler<'a> {
    parts: &'a Parts,
    pace: &'a Pace,
    before: Option<Before>,
}

#[derive(Debug)]
struct Before {
    at: Instant,
    counts: Counts,
    cluster: ClusterBody,
}

impl<'a> Sampler<'a> {
    /// Nothing was looked at yet.
    #[must_use]
    pub fn new(parts: &'a Parts, pace: &'a Pace) -> Self {
        Self { parts, pace, before: None }
    }

    /// Looks, and says what is new since the look before.
    pub async fn look(&mut self) -> (Sample, Vec<News>) {
        let (relay, cache) = (&self.parts.relay, self.parts.products.cache().map(AsRef::as_ref));
        let cluster = cluster::state(relay.peers(), relay.leadership(), cache).await;
        let (at, counts) = (Instant::now(), self.pace.counts());
        let before = self.before.as_ref();
        let news = before.map(|before| between(&before.cluster, &cluster)).unwrap_or_default();
        let placed = before.map(|before| counts.since(&before.counts));
        let quantile = |share| placed.as_ref().and_then(|placed| placed.quantile(share));
        let sample = Sample {
            at: time_of_day(),
            trouble: relay.leadership().known().ready().err(),
            orders_per_second: before.and_then(|before| rate(before, at, &cluster)),
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            cluster: cluster.clone(),
        };
        self.before = Some(Before { at, counts, cluster });
        (sample, news)
    }
}

/// None while nobody says how many orders there are.
fn rate(before: &Before, at: Instant, now: &ClusterBody) -> Option<f64> {
    let orders = last_order(now)?.saturating_sub(last_order(&before.cluster)?);
    let seconds = at.duration_since(before.at).as_secs_f64();
    (seconds > 0.0).then(|| (orders as f64 / seconds * 10.0).round() / 10.0)
}

fn last_order(cluster: &ClusterBody) -> Option<u64> {
    cluster.replicas.iter().filter_map(|replica| replica.last_order).max()
}
