//! The catalog: its rules on its rows. What it answered is durable, so a crash of it is no more
//! than calls that get no answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use toystore_authority::memory::{MemoryDatabase, Rows};
use toystore_authority::messages::Proposed;
use toystore_authority::{Command, Database, Failed, Outcome, Transaction, execute};
use toystore_replication::messages::{Answer, CatalogCall};
use toystore_replication::view::Proposal;

use super::shared::Shared;
use super::state::State;
use super::told::Broken;

impl State {
    /// A call arrives; nothing, when the catalog ends itself.
    pub fn ask_catalog(&mut self, call: &CatalogCall) -> Option<Answer> {
        let command = match call {
            CatalogCall::Transact(transact) => Command::Transact(transact.clone()),
            CatalogCall::ListReservations(list) => Command::ListReservations(list.clone()),
            CatalogCall::ChangeMembers(change) => Command::ChangeMembers(change.clone()),
            CatalogCall::ReadView => return Some(Answer::View(self.view().cloned())),
        };
        match self.run(&command)? {
            Outcome::Transacted(transacted) => Some(Answer::Transacted(transacted)),
            Outcome::Reservations(reservations) => Some(Answer::Reservations(reservations)),
            Outcome::Changed(changed) => Some(Answer::Changed(changed)),
            _ => None,
        }
    }

    /// A proposal arrives, and the present leader does not answer the catalog.
    pub fn propose(&mut self, proposal: Proposal) -> Option<Proposed> {
        match self.run(&Command::Propose(proposal))? {
            Outcome::Proposed(proposed) => Some(proposed),
            _ => None,
        }
    }

    /// What is sold out is restocked.
    pub fn restock(&mut self) {
        self.spent.restocks += 1;
        self.run(&Command::Restock(1));
    }

    fn run(&mut self, command: &Command) -> Option<Outcome> {
        let outcome = self.execute(command);
        if let Err(failed) = &outcome {
            self.check(Err(Broken::Catalog(*failed)));
        }
        outcome.ok()
    }

    fn execute(&mut self, command: &Command) -> Result<Outcome, Failed> {
        let database = MemoryDatabase::with(Arc::new(Rows::clone(&self.rows)));
        let mut tx = database.begin();
        let outcome = execute(&mut tx, command, &mut BTreeSet::new())?;
        tx.commit()?;
        self.rows = Shared::new(Rows::clone(&database.rows()));
        Ok(outcome)
    }
}
