//! How much is measured.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::distance::Distance;
use crate::options::Options;

/// Customers of each measurement, as in the lab.
pub const CLIENTS: u64 = 5;

/// How much is measured.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Sizes {
    /// Requests of each kind and customer under load.
    pub load: usize,
    /// The same where customers are far away.
    pub far_load: usize,
    /// Looks of each customer in each cell of the sweep.
    pub sweep: usize,
    /// The same where there is a distance.
    pub far_sweep: usize,
    /// The probabilities of the sweep.
    pub probabilities: Vec<f64>,
    /// Those where there is a distance.
    pub far_probabilities: Vec<f64>,
    /// How often each cell is measured, and each load.
    pub repeats: usize,
    /// Looks of each customer while processes crash.
    pub crash: usize,
    /// How often each crash is repeated.
    pub crash_repeats: usize,
    /// How long a crashed process stays away at most.
    pub away: Duration,
    /// The distances.
    pub distances: Vec<Distance>,
    /// The longest time for the load, the sweep, the distances and the crashes; what is under way
    /// is finished, and no further repeat begun.
    pub limits: [Duration; 4],
}

impl Sizes {
    /// Those of a run with these options.
    #[must_use]
    pub fn of(options: &Options) -> Self {
        let mut sizes = if options.quick { Self::quick() } else { Self::full() };
        if let Some(repeats) = options.repeats {
            sizes.repeats = repeats;
            sizes.crash_repeats = sizes.crash_repeats.min(repeats);
        }
        if !options.inject_delay.is_empty() {
            sizes.distances.clone_from(&options.inject_delay);
        }
        let Self { load, far_load, sweep, far_sweep, crash, .. } = &mut sizes;
        for size in [load, far_load, sweep, far_sweep, crash] {
            *size = (*size * options.scale).div_ceil(100);
        }
        sizes
    }

    /// All together at most.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limits.iter().sum()
    }

    fn full() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            load: 1000,
            far_load: 100,
            sweep: 600,
            far_sweep: 40,
            probabilities: vec![0.0, 0.2, 0.4, 0.6, 0.8],
            far_probabilities: vec![0.0, 0.4, 0.8],
            repeats: 10,
            crash: 4000,
            crash_repeats: 3,
            away: Duration::from_secs(2),
            distances: vec![Distance::Client(50.0), Distance::Inside(5.0), Distance::Inside(20.0)],
            limits: [minutes(2), minutes(6), minutes(8), minutes(9)],
        }
    }

    fn quick() -> Self {
        Self {
            load: 200,
            far_load: 20,
            sweep: 40,
            far_sweep: 8,
            probabilities: vec![0.0, 0.2, 0.4, 0.6, 0.8],
            far_probabilities: vec![0.0, 0.8],
            repeats: 3,
            crash: 1000,
            crash_repeats: 1,
            away: Duration::from_millis(1500),
            distances: vec![Distance::Client(10.0), Distance::Inside(5.0)],
            limits: [10, 25, 25, 60].map(Duration::from_secs),
        }
    }
}
