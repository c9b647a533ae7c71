//! Which answers are worth a line in the log: failures of this side, and what took long.
//!
//! An overloaded process refuses thousands of requests a second; a line for each would make it
//! worse, so there are at most [`LINES`] a second, and the next one says how many were left out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;

use crate::limits::SLOW_REQUEST;

/// Lines in one second at most.
const LINES: u64 = 10;

/// Lets so many lines through in each second.
#[derive(Debug)]
struct Limit {
    /// The second of the latest line.
    second: AtomicU64,
    /// The lines wanted in it.
    wanted: AtomicU64,
    left_out: AtomicU64,
}

static LIMIT: Limit =
    Limit { second: AtomicU64::new(0), wanted: AtomicU64::new(0), left_out: AtomicU64::new(0) };

impl Limit {
    /// Whether a line may be written in this second; if so, how many were left out before it.
    ///
    /// Two threads at the turn of a second may let a line too many through, or one too few.
    fn admit(&self, second: u64) -> Option<u64> {
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.wanted.store(0, Ordering::Relaxed);
        }
        if self.wanted.fetch_add(1, Ordering::Relaxed) < LINES {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// The lines that may be left out, one by one: how many were, if this one may be written.
pub(crate) fn admit() -> Option<u64> {
    static BEGUN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    LIMIT.admit(BEGUN.get_or_init(Instant::now).elapsed().as_secs() + 1)
}

/// A request was answered.
pub(crate) fn answered(route: &'static str, status: StatusCode, took: Duration) {
    let code = status.as_u16();
    tracing::debug!(route, status = code, micros = took.as_micros() as u64, "answered");
    if !status.is_server_error() && took < SLOW_REQUEST {
        return;
    }
    if let Some(left_out) = admit() {
        let (millis, slow) = (took.as_millis() as u64, took >= SLOW_REQUEST);
        tracing::warn!(route, status = code, millis, slow, left_out, "failed or took long");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_of_lines_is_cut_short_and_counted() {
        let limit = Limit { second: 0.into(), wanted: 0.into(), left_out: 0.into() };
        let written = |second: u64, lines: u64| {
            (0..lines).filter_map(|_| limit.admit(second)).collect::<Vec<_>>()
        };
        assert_eq!(written(1, LINES + 7), vec![0; LINES as usize]);
        let mut next = vec![0; LINES as usize];
        next[0] = 7;
        assert_eq!(written(2, LINES), next);
    }
}
