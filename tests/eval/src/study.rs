//! What the parts share: sizes, chance, progress, and time.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::sizes::Sizes;

/// What every part is given.
#[derive(Debug)]
pub struct Study {
    /// How much.
    pub sizes: Sizes,
    /// Decides what customers do, and whom chance hits.
    pub seed: u64,
    bar: ProgressBar,
}

/// Time that a part has.
#[derive(Clone, Copy, Debug)]
pub struct Limit(Instant);

impl Limit {
    /// From now on.
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.0
    }
}

impl Study {
    /// With so many steps ahead.
    #[must_use]
    pub fn new(sizes: Sizes, seed: u64, steps: usize) -> Self {
        let bar = ProgressBar::new(steps as u64);
        if stderr().is_terminal() {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}, {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(200));
        } else {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        Self { sizes, seed, bar }
    }

    /// Says what is done now.
    pub fn step(&self, what: &str) {
        self.bar.inc(1);
        self.bar.set_message(what.to_owned());
        if self.bar.is_hidden() {
            eprintln!("{}/{} {what}", self.bar.position(), self.bar.length().unwrap_or_default());
        }
    }

    /// The end.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
