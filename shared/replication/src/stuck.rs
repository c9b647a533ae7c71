//! A disk that hangs: one write is under way for too many ticks, whatever else goes on.
//!
//! A leader whose disk hangs still reserves stock and hears its followers acknowledge, so that
//! work goes on and nothing is ever committed; and a follower that hangs must not be chosen.

use crate::WriteId;

/// The oldest write under way, and for how many ticks it has been the oldest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct OldestWrite {
    id: Option<WriteId>,
    ticks: u32,
}

impl OldestWrite {
    /// A tick, at which this is the oldest write under way.
    pub(crate) fn tick(&mut self, oldest: Option<WriteId>) {
        let same = oldest.is_some() && oldest == self.id;
        self.ticks = if same { self.ticks.saturating_add(1) } else { 0 };
        self.id = oldest;
    }

    /// Whether the disk hangs.
    pub(crate) fn is_stuck(&self, limit: u32) -> bool {
        self.ticks > limit
    }

    /// Writes are numbered from one less by so many; ticks are counted as far as they matter.
    pub(crate) fn renumber(&mut self, done: u64, limit: u32) {
        self.id = self.id.and_then(|id| id.0.checked_sub(done)).map(WriteId);
        self.ticks = self.ticks.min(limit.saturating_add(1));
    }
}
