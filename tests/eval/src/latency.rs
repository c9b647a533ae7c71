//! The times of requests of one kind, summed up.

use serde::{Deserialize, Serialize};

/// What customers do.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// `GET /products/NAME`.
    LookUp,
    /// `POST /orders`.
    Buy,
    /// `GET /orders/NUMBER`.
    OrderLookUp,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::LookUp, Self::Buy, Self::OrderLookUp];

    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LookUp => "look-up",
            Self::Buy => "buy",
            Self::OrderLookUp => "order look-up",
        }
    }

    /// The same, with its article.
    #[must_use]
    pub fn one(self) -> &'static str {
        match self {
            Self::LookUp => "a look-up",
            Self::Buy => "a buy",
            Self::OrderLookUp => "an order look-up",
        }
    }
}

/// Times of requests that were answered with success.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Latency {
    /// How many.
    pub count: usize,
    /// Mean.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// How many in a second of the phase in which they were sent.
    pub per_second: f64,
}

impl Latency {
    /// Of these times, in a phase of so many seconds; none of no times.
    #[must_use]
    pub fn of(mut times_ms: Vec<f64>, seconds: f64) -> Option<Self> {
        times_ms.sort_by(f64::total_cmp);
        let count = times_ms.len();
        let rank = |percent: usize| (count * percent).div_ceil(100).saturating_sub(1);
        let at = |percent| times_ms.get(rank(percent)).copied();
        Some(Self {
            count,
            p50_ms: at(50)?,
            p95_ms: at(95)?,
            p99_ms: at(99)?,
            mean_ms: times_ms.iter().sum::<f64>() / count as f64,
            per_second: count as f64 / seconds.max(1e-9),
        })
    }
}

/// The latency of each kind; none of a kind of which there was no request.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Latencies {
    look_up: Option<Latency>,
    buy: Option<Latency>,
    order_look_up: Option<Latency>,
}

impl Latencies {
    /// Each kind's.
    #[must_use]
    pub fn new(of: impl Fn(Kind) -> Option<Latency>) -> Self {
        Self { look_up: of(Kind::LookUp), buy: of(Kind::Buy), order_look_up: of(Kind::OrderLookUp) }
    }

    /// One kind's.
    #[must_use]
    pub fn of(&self, kind: Kind) -> Option<Latency> {
        match kind {
            Kind::LookUp => self.look_up,
            Kind::Buy => self.buy,
            Kind::OrderLookUp => self.order_look_up,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let latency = Latency::of((1..=200).rev().map(f64::from).collect(), 2.0).unwrap();
        assert_eq!((latency.p50_ms, latency.p95_ms, latency.p99_ms), (100.0, 190.0, 198.0));
        assert_eq!((latency.mean_ms, latency.count, latency.per_second), (100.5, 200, 100.0));
        assert_eq!(Latency::of(Vec::new(), 1.0), None);
    }
}
