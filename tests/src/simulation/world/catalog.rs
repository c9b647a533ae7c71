//! The catalog's rules, and the front ends that propose leaders to it.

use super::super::front_ends::name;
use super::{Item, World};
use std::collections::{BTreeMap, BTreeSet};
use toystore_authority::messages::Proposed;
use toystore_authority::{Command, Database, Outcome, Transaction, execute};
use toystore_replication::View;
use toystore_replication::choice::{Choice, RoleName, choose};
use toystore_replication::messages::{Answer, CatalogCall};

impl World {
    pub(super) fn ask_catalog(&mut self, call: CatalogCall) -> Answer {
        let command = match call {
            CatalogCall::Transact(transact) => {
                self.seen.cancelled += transact.cancel.len() as u64;
                Command::Transact(transact)
            }
            CatalogCall::ListReservations(list) => Command::ListReservations(list),
            CatalogCall::ChangeMembers(change) => Command::ChangeMembers(change),
            CatalogCall::ReadView => return Answer::View(self.catalog.rows().view),
        };
        match self.run_command(&command) {
            Outcome::Transacted(transacted) => Answer::Transacted(transacted),
            Outcome::Reservations(reservations) => Answer::Reservations(reservations),
            Outcome::Changed(changed) => {
                self.seen.membership += 1;
                Answer::Changed(changed)
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn run_command(&mut self, command: &Command) -> Outcome {
        let mut tx = self.catalog.begin();
        let outcome = execute(&mut tx, command, &mut BTreeSet::new()).unwrap();
        execute(&mut tx, &Command::Restock(10), &mut BTreeSet::new()).unwrap();
        tx.commit().unwrap();
        outcome
    }

    /// A front end looks for a leader, now and then for no good reason.
    pub(super) fn choose(&mut self, front_end: usize) {
        let delay = 20 + self.random.below(60);
        self.put(delay, Item::Choose(front_end));
        let away = |id: u8| {
            let front_end = name(front_end);
            self.cuts.contains(&(front_end, id)) || self.cuts.contains(&(id, front_end))
        };
        if !self.catalog_up || away(0) {
            return;
        }
        let away: BTreeSet<_> = self.ids.iter().copied().filter(|id| away(id.0)).collect();
        let view = self.catalog.rows().view;
        self.known[front_end] = view.clone();
        let mut answers = BTreeMap::new();
        for id in self.ids.clone() {
            let unseen = !self.healing && self.random.chance(100);
            let unseen = unseen || away.contains(&id) || self.nodes[&id].paused_until > self.now;
            if let Some(core) = self.nodes[&id].core.as_ref().filter(|_| !unseen) {
                answers.insert(id, core.health());
            }
        }
        let leads = |view: &View| {
            answers.get(&view.leader.id).is_some_and(|health| {
                let leading = matches!(health.role, RoleName::Leader | RoleName::TakingOver);
                let not_told = health.promise < view.epoch;
                health.member == view.leader && !health.stuck && (leading || not_told)
            })
        };
        let rash = !self.healing && self.random.chance(30);
        if let Some(view) = view.as_ref().filter(|view| leads(view) && !rash) {
            let (id, view) = (view.leader.id, view.clone());
            self.put(2, Item::Notice(id, view));
            return;
        }
        if let Choice::Propose(proposal) = choose(view.as_ref(), &self.ids, &answers)
            && let Outcome::Proposed(Proposed::Accepted(view)) =
                self.run_command(&Command::Propose(proposal))
        {
            self.seen.leaders += 1;
            self.known[front_end] = Some(view.clone());
            for id in self.ids.clone() {
                let delay = self.random.below(20);
                if self.passes(name(front_end), id.0) {
                    self.put(delay, Item::Notice(id, view.clone()));
                }
            }
        }
    }
}
