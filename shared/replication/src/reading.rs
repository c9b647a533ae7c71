//! Reading: committed orders never change, so a positive answer needs no more than knowing that
//! the order is committed. That an order is *not* there needs proof: after the request arrived,
//! the catalog confirmed that this leader's epoch is current. One proof serves all who wait.

use toystore_domain::OrderNumber;
use toystore_mutants::{Mutant, broken};

use crate::effects::Reply;
use crate::leader::{Leader, Reader, Stage};
use crate::messages::{Answer, CatalogCall, ListReply, ReadReply};
use crate::replica::Role;
use crate::{Fatal, Replica, Stored, Ticket};

impl<S: Stored> Replica<S> {
    pub(crate) fn on_read(&mut self, ticket: Ticket, number: OrderNumber) -> Result<(), Fatal> {
        let knows = match &self.role {
            Role::Leader(leader) => leader.stage == Stage::Serving,
            Role::Follower(follower) => follower.in_touch && self.follows_in_sync(),
        };
        if knows && let Some(reply) = self.committed(number)? {
            self.reply(ticket, Reply::Read(reply));
            return Ok(());
        }
        if knows && broken(Mutant::SkipNotFoundProof) {
            return self.answer_proven(Reader::One(ticket, number));
        }
        self.wait_for_proof(Reader::One(ticket, number));
        Ok(())
    }

    pub(crate) fn on_list(
        &mut self,
        ticket: Ticket,
        after: OrderNumber,
        limit: usize,
    ) -> Result<(), Fatal> {
        self.wait_for_proof(Reader::Page(ticket, after, limit));
        Ok(())
    }

    fn committed(&self, number: OrderNumber) -> Result<Option<ReadReply>, Fatal> {
        let upto =
            if broken(Mutant::ReadUncommitted) { self.log.last().number } else { self.commit };
        if number == OrderNumber::ZERO || number > upto {
            return Ok(None);
        }
        Ok(self.log.get(number)?.map(|entry| ReadReply::Found(entry.order())))
    }

    fn wait_for_proof(&mut self, reader: Reader) {
        match &mut self.role {
            Role::Leader(leader) => leader.readers.push(reader),
            Role::Follower(_) => {
                let (ticket, reply) = reader.refuse(self.view.clone());
                self.reply(ticket, reply);
            }
        }
        self.prove();
    }

    /// Asks the catalog for the view, once for everyone who waits now.
    pub(crate) fn prove(&mut self) {
        let Some(leader) = self.leader() else { return };
        let waits = !leader.readers.is_empty() || leader.doubt;
        // Before the leader serves it may not know all that is committed.
        if leader.stage != Stage::Serving || !waits || leader.proof.is_some() {
            return;
        }
        let readers = std::mem::take(&mut leader.readers);
        self.ask_for_proof(readers);
    }

    fn ask_for_proof(&mut self, readers: Vec<Reader>) {
        let call = self.call_catalog(CatalogCall::ReadView);
        if let Some(leader) = self.leader() {
            leader.doubt = false;
            leader.proof = Some((call, readers));
        }
    }

    /// A follower answers in a later epoch, or readers wait: look at the view.
    ///
    /// A leader that does not serve yet looks for itself alone. It must not leave that to its
    /// readers: their turn comes only once it serves, which it never does when it is deposed.
    pub(crate) fn prove_when_in_doubt(&mut self) {
        let maybe_deposed = |leader: &mut Leader| {
            leader.stage != Stage::Serving && leader.doubt && leader.proof.is_none()
        };
        if self.leader().is_some_and(maybe_deposed) {
            self.ask_for_proof(Vec::new());
        } else {
            self.prove();
        }
    }

    pub(crate) fn on_proof(&mut self, answer: Answer) -> Result<(), Fatal> {
        let me = self.me;
        let Some(leader) = self.leader() else { return Ok(()) };
        let Some((_, mut readers)) = leader.proof.take() else { return Ok(()) };
        match answer {
            Answer::View(Some(view)) if view.epoch == leader.epoch && view.leader == me => {
                self.progress();
                readers.into_iter().try_for_each(|reader| self.answer_proven(reader))?;
                self.prove();
                Ok(())
            }
            Answer::View(view) => {
                leader.readers.append(&mut readers);
                self.fenced(view)
            }
            // No proof: they wait for the next one, as long as their patience lasts.
            _ => {
                leader.readers.append(&mut readers);
                Ok(())
            }
        }
    }

    fn answer_proven(&mut self, reader: Reader) -> Result<(), Fatal> {
        match reader {
            Reader::One(ticket, number) => {
                let reply = self.committed(number)?.unwrap_or(ReadReply::NotFound);
                self.reply(ticket, Reply::Read(reply));
            }
            Reader::Page(ticket, after, limit) => {
                let room = self.commit.0.saturating_sub(after.0) as usize;
                let entries = self.log.after(after, limit.min(room))?;
                let orders = entries.iter().map(crate::Entry::order).collect();
                self.reply(ticket, Reply::List(ListReply::Page(orders)));
            }
        }
        Ok(())
    }
}
