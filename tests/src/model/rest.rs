//! What comes of a state without further faults: one schedule, the same for every state.

use toystore_replication::choice::RoleName;

use super::actions::Action;
use super::bounds::Bounds;
use super::properties;
use super::state::State;
use super::wire::Rewrite;

/// After so many rounds of ticks everything has come to rest.
const ROUNDS: usize = 12;
/// Messages and writes in one round.
const STEPS: usize = 300;

impl State {
    /// Nothing is under way that somebody waits for; the rest may get lost for ever.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let idle = |id| self.node(id).queue.is_empty();
        self.wire.iter().all(|message| message.is_orphan())
            && self.ids().all(idle)
            && self.front_ends.iter().all(|front_end| front_end.proposal.is_none())
    }

    /// The state that all comes to when no fault happens any more, and what was lost stays lost.
    #[must_use]
    pub fn at_rest(&self) -> Option<Self> {
        let mut state = self.clone();
        state.drop_orphans();
        for _ in 0..ROUNDS {
            state = state.after_round()?;
            if state.broken.is_some() {
                return None;
            }
            if state.rests() {
                return Some(state);
            }
            for id in state.ids() {
                state = state.after(&Action::Tick(id));
            }
        }
        None
    }

    /// Everything runs, is told who leads, and what is under way arrives.
    fn after_round(mut self) -> Option<Self> {
        for _ in 0..STEPS {
            match self.expected() {
                Some(action) => self = self.after(&action),
                None => return Some(self),
            }
            if self.broken.is_some() {
                return Some(self);
            }
        }
        None
    }

    fn expected(&self) -> Option<Action> {
        let down = self.ids().find(|id| self.node(*id).core().is_none()).map(Action::Start);
        let message = || self.wire.iter().next().cloned().map(Action::Deliver);
        let writes = |id: &_| !self.node(*id).queue.is_empty();
        let write = || self.ids().find(writes).map(Action::Sync);
        down.or_else(message).or_else(write).or_else(|| self.look_after_the_leader())
    }

    fn look_after_the_leader(&self) -> Option<Action> {
        let front_end = &self.front_ends[0];
        if front_end.proposal.is_some() {
            return Some(Action::Propose(0, true));
        }
        if front_end.known.as_ref() != self.view() {
            return Some(Action::ReadView(0));
        }
        if self.proposal(None).is_some() {
            return Some(Action::Choose(0, None));
        }
        let view = front_end.known.as_ref()?;
        self.ids().find(|id| self.is_news(*id, view)).map(|id| Action::Tell(0, id))
    }

    fn rests(&self) -> bool {
        let Some(view) = self.view().filter(|view| view.in_sync.len() == self.nodes.len()) else {
            return false;
        };
        self.rows.reservations.is_empty()
            && self.leader_runs(view)
            && self.ids().all(|id| {
                self.node(id).core().map(|core| core.health()).is_some_and(|health| {
                    health.commit == health.last.number
                        && matches!(health.role, RoleName::Leader | RoleName::Follower)
                })
            })
    }

    /// The store as it is soon after its first start.
    ///
    /// # Panics
    /// When it does not come to rest.
    #[must_use]
    pub fn established(bounds: &Bounds) -> Self {
        let mut state = Self::fresh(bounds).at_rest().expect("a fresh store comes to rest");
        for index in 0..state.front_ends.len() {
            state = state.after(&Action::ReadView(index));
        }
        Self { spent: Default::default(), ..state }
    }

    /// Whether all comes to rest, and is then as it must be (I6, I8, I11).
    #[must_use]
    pub fn comes_to_rest(&self) -> bool {
        self.at_rest().is_some_and(|state| properties::whole_at_rest(&state))
    }

    fn drop_orphans(&mut self) {
        self.wire.rewrite(|message| match message.is_orphan() {
            true => Rewrite::Drop,
            false => Rewrite::Keep,
        });
    }
}
