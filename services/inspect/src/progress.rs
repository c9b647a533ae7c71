//! How far a long command is: a bar on a terminal, and the place where a signal stops it.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use crate::Failure;

/// Whether a signal asked the command to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks it to.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Ends the command here if it is to stop.
    ///
    /// # Errors
    /// It is.
    pub fn heed(&self) -> Result<(), Failure> {
        if self.0.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
    }
}

/// One stage of a command.
pub struct Progress {
    bar: ProgressBar,
    stop: Stop,
}

impl Progress {
    /// A stage of so many steps; shown only to a person.
    #[must_use]
    pub fn start(stage: &str, steps: u64, stop: &Stop) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}, {eta} left");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(steps).with_style(style).with_message(stage.to_owned())
        } else {
            ProgressBar::hidden()
        };
        Self { bar, stop: stop.clone() }
    }

    /// So many steps more.
    ///
    /// # Errors
    /// The command is to stop.
    pub fn advance(&self, steps: usize) -> Result<(), Failure> {
        self.bar.inc(steps as u64);
        self.stop.heed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
