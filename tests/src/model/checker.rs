//! The model and its properties, as the checker wants them.

use std::sync::atomic::{AtomicU32, Ordering};

use stateright::{Model, Property};
use toystore_mutants::Mutant;

use super::actions::Action;
use super::bounds::Bounds;
use super::properties;
use super::state::State;

/// The store within bounds.
#[derive(Debug)]
pub struct Store {
    bounds: Bounds,
    mutant: Option<Mutant>,
    /// What was seen already: the first example is enough.
    seen: AtomicU32,
}

impl Store {
    /// The store within these bounds, with a rule broken or none.
    #[must_use]
    pub fn new(bounds: Bounds, mutant: Option<Mutant>) -> Self {
        Self { bounds, mutant, seen: AtomicU32::new(0) }
    }

    /// The first state in which something is so; the checker would keep the last.
    fn first(&self, bit: u32, is_so: bool) -> bool {
        is_so && self.seen.fetch_or(1 << bit, Ordering::Relaxed) & (1 << bit) == 0
    }
}

/// What must happen somewhere.
pub const ACKNOWLEDGED: &str = "an order is acknowledged";
/// What must happen somewhere.
pub const REPLACED: &str = "a leader is replaced";
/// What must happen somewhere.
pub const CAME_BACK: &str = "a replica is removed and comes back";
/// What must happen somewhere.
pub const TRUNCATED: &str = "a tail is cut off";
/// What must happen somewhere.
pub const CANCELLED: &str = "a reservation is cancelled";
/// What must happen somewhere.
pub const ALONE: &str = "an order is acknowledged while one replica is alone";
/// What must happen somewhere.
pub const REFUSED: &str = "an order is refused";
/// What must happen somewhere.
pub const NOT_FOUND: &str = "an order is proven not to exist";

impl Model for Store {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let fresh = self.bounds.fresh;
        vec![if fresh { State::fresh(&self.bounds) } else { State::established(&self.bounds) }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        state.enabled(&self.bounds, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        // The checker has threads of its own, and a rule is broken for a thread.
        toystore_mutants::activate(self.mutant);
        Some(state.after(&action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("I1: what is acknowledged is durable", |_, s| properties::i1(s)),
            Property::always("I2, I3: one order, one number", |_, s| properties::i2_i3(s)),
            Property::always("I3, I4: the books are right", |_, s| properties::i3_i4(s)),
            Property::always("I5: an epoch has one leader", |_, s| properties::i5(s)),
            Property::always("I6: what is committed agrees", |_, s| properties::i6(s)),
            Property::always("I7: not found is true", |_, s| properties::i7(s)),
            Property::always("I8, I11: all comes to rest", |_, s| properties::i8_i11(s)),
            Property::always("I9: a refusal is true", |_, s| properties::i9(s)),
            Property::always("nothing is fatal", |_, s| properties::nothing_is_fatal(s)),
            Property::<Self>::sometimes(ACKNOWLEDGED, |m, s| {
                m.first(0, properties::acknowledged(s))
            }),
            Property::sometimes(REPLACED, |m, s| m.first(1, properties::replaced(s))),
            Property::sometimes(CAME_BACK, |m, s| m.first(2, properties::came_back(s))),
            Property::sometimes(TRUNCATED, |m, s| m.first(3, properties::truncated(s))),
            Property::sometimes(CANCELLED, |m, s| m.first(4, properties::cancelled(s))),
            Property::sometimes(ALONE, |m, s| m.first(5, properties::alone(s))),
            Property::sometimes(REFUSED, |m, s| m.first(6, properties::refused(s))),
            Property::sometimes(NOT_FOUND, |m, s| m.first(7, properties::not_found(s))),
        ]
    }
}
