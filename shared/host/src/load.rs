//! What this process has to do at the moment: connections and requests, counted as they come.
//!
//! One process has one load, however many listeners it has; so these are its own, and not a
//! server's.

use std::sync::atomic::{AtomicU64, Ordering};

static ACCEPTED: AtomicU64 = AtomicU64::new(0);
static ADMITTED: AtomicU64 = AtomicU64::new(0);
static OPEN: AtomicU64 = AtomicU64::new(0);
static UNDER_WAY: AtomicU64 = AtomicU64::new(0);

/// The load at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Connections that were accepted so far.
    pub(crate) accepted: u64,
    /// Those of them that were above the cap.
    pub(crate) refused: u64,
    /// Connections that are open.
    pub(crate) open: u64,
    /// Requests that are being answered.
    pub(crate) under_way: u64,
}

/// The load now.
pub(crate) fn now() -> Load {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    // Read in this order: whoever is admitted was accepted before.
    let (admitted, accepted) = (read(&ADMITTED), read(&ACCEPTED));
    let refused = accepted.saturating_sub(admitted);
    Load { accepted, refused, open: read(&OPEN), under_way: read(&UNDER_WAY) }
}

/// Something that is counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(&'static AtomicU64);

impl Counted {
    fn one(of: &'static AtomicU64) -> Self {
        of.fetch_add(1, Ordering::Relaxed);
        Self(of)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection was accepted.
pub(crate) fn accepted() {
    ACCEPTED.fetch_add(1, Ordering::Relaxed);
}

/// A connection is served.
pub(crate) fn connection() -> Counted {
    ADMITTED.fetch_add(1, Ordering::Relaxed);
    Counted::one(&OPEN)
}

/// A request is being answered.
pub(crate) fn request() -> Counted {
    Counted::one(&UNDER_WAY)
}
