//! How front ends choose a leader: their `choosing.rs`, and the catalog's `election.rs`.
//!
//! A front end asks the catalog and all replicas at one instant; its proposal takes its time. Who
//! gives no answer to it gives none to the catalog either.

use std::collections::BTreeMap;

use toystore_authority::messages::Proposed;
use toystore_replication::choice::{Choice, Health, RoleName, choose};
use toystore_replication::view::Proposal;
use toystore_replication::{ReplicaId, View};

use super::state::State;

impl State {
    /// Whether this view would be news for a running replica.
    #[must_use]
    pub fn is_news(&self, id: ReplicaId, view: &View) -> bool {
        let health = self.node(id).core().map(|core| core.health());
        health.is_some_and(|health| {
            let leads = matches!(health.role, RoleName::Leader | RoleName::TakingOver);
            // A leader learns by itself what changes within its epoch.
            (view.epoch > health.promise || view.epoch == health.promise && !leads)
                && health.view.is_none_or(|known| view.is_later_than(&known))
        })
    }

    /// What a front end proposes that gets no answer from this replica, neither does the catalog:
    /// nothing while a leader answers that is not stuck.
    #[must_use]
    pub fn proposal(&self, silent: Option<ReplicaId>) -> Option<Proposal> {
        let up = self.ids().filter(|id| Some(*id) != silent);
        let answers: BTreeMap<ReplicaId, Health> =
            up.filter_map(|id| Some((id, self.node(id).core()?.health()))).collect();
        let led_by = self.view().and_then(|view| {
            let health = answers.get(&view.leader.id)?;
            let leads = matches!(health.role, RoleName::Leader | RoleName::TakingOver)
                || health.promise < view.epoch;
            (health.member == view.leader && leads).then_some(health)
        });
        if led_by.is_some_and(|health| !health.stuck) {
            return None;
        }
        let silence_matters = silent.is_none_or(|id| self.node(id).core().is_some());
        let configured: Vec<_> = self.ids().collect();
        match choose(self.view(), &configured, &answers) {
            Choice::Propose(proposal) if silence_matters => {
                // It is stuck, and the best there is: a new epoch of it would be no better.
                let same = led_by.is_some_and(|health| health.member == proposal.leader);
                (!same).then_some(proposal)
            }
            _ => None,
        }
    }

    pub(super) fn choose(&mut self, index: usize, silent: Option<ReplicaId>) {
        self.spent.lost += u8::from(silent.is_some());
        let (proposal, view) = (self.proposal(silent), self.rows.view.clone());
        let front_end = &mut self.front_ends[index];
        front_end.hear(view);
        front_end.proposal = proposal;
    }

    pub(super) fn proposal_arrives(&mut self, index: usize, heard: bool) {
        self.spent.lost += u8::from(!heard);
        let Some(proposal) = self.front_ends[index].proposal.take() else { return };
        match self.propose(proposal) {
            Some(Proposed::Accepted(view) | Proposed::Kept(view)) if heard => {
                self.front_ends[index].hear(Some(view));
            }
            Some(Proposed::Refused(_, view)) if heard => self.front_ends[index].hear(view),
            _ => {}
        }
    }
}
