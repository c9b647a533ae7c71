//! What everything in a simulated store shares: randomness, counts, the order of events, and the
//! first thing that went wrong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::random::Random;
use super::seen::Seen;
use crate::history::Moment;

struct State {
    random: Random,
    seen: Seen,
    moments: u64,
    healing: bool,
    failure: Option<String>,
}

/// Shared by all of one store. Cheap to clone.
#[derive(Clone)]
pub struct Control(Arc<Mutex<State>>);

impl Control {
    /// The control of a run.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let (random, seen) = (Random::new(seed), Seen::default());
        let state = State { random, seen, moments: 0, healing: false, failure: None };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next random number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.state().random.number()
    }

    /// A random number below `limit`.
    #[must_use]
    pub fn below(&self, limit: u64) -> u64 {
        self.state().random.below(limit)
    }

    /// True in so many of a million cases, and never once faults have ended.
    #[must_use]
    pub fn fault(&self, per_million: u64) -> bool {
        let mut state = self.state();
        per_million > 0 && state.random.chance(per_million) && !state.healing
    }

    /// True in so many of a million cases.
    #[must_use]
    pub fn chance(&self, per_million: u64) -> bool {
        self.state().random.chance(per_million)
    }

    /// The moment of what happens now.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let mut state = self.state();
        state.moments += 1;
        Moment(state.moments)
    }

    /// Something happened.
    pub fn count(&self, count: impl FnOnce(&mut Seen)) {
        count(&mut self.state().seen);
    }

    /// What happened so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.state().seen
    }

    /// From now on nothing goes wrong any more.
    pub fn heal(&self) {
        self.state().healing = true;
    }

    /// Whether faults have ended.
    #[must_use]
    pub fn healing(&self) -> bool {
        self.state().healing
    }

    /// Something does not hold. The first counts.
    pub fn fail(&self, what: String) {
        tracing::error!("VIOLATION: {what}");
        self.state().failure.get_or_insert(what);
    }

    /// What does not hold, if anything.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.state().failure.clone()
    }
}
