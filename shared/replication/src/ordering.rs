//! Orders: admitted, reserved at the catalog, numbered, recorded, settled.
//!
//! One transaction at the catalog is under way at a time; whatever waits meanwhile goes into the
//! next one. A transaction whose outcome is unknown is sent again as it is, until it is known.

use toystore_domain::{OrderKey, OrderNumber};
use toystore_mutants::{Mutant, broken};

use crate::effects::Reply;
use crate::leader::{InFlight, PendingTransact, Stage, Waiter, refusal_of};
use crate::messages::{
    Answer, NoAnswer, OrderRefusal, OrderReply, PlaceOrder, Record, Reserved, Transact, Transacted,
};
use crate::replica::Role;
use crate::{Fatal, Replica, Stored, Ticket};

impl<S: Stored> Replica<S> {
    /// Orders that come together go to the catalog together.
    pub(crate) fn on_orders(&mut self, orders: Vec<(Ticket, PlaceOrder)>) -> Result<(), Fatal> {
        for (ticket, place) in orders {
            self.on_place_order(ticket, place)?;
        }
        self.transact_next()
    }

    fn on_place_order(&mut self, ticket: Ticket, place: PlaceOrder) -> Result<(), Fatal> {
        let view = self.view.clone();
        let queue = self.settings.queue;
        let leader = match &mut self.role {
            Role::Leader(leader) if leader.epoch == place.epoch => leader,
            _ => {
                self.refuse(ticket, OrderRefusal::NotLeader(view));
                return Ok(());
            }
        };
        if leader.stage == Stage::Serving {
            return self.admit(ticket, place);
        }
        if leader.held.len() < queue {
            leader.held.push((ticket, place));
        } else {
            self.refuse(ticket, OrderRefusal::Busy);
        }
        Ok(())
    }

    fn refuse(&mut self, ticket: Ticket, refusal: OrderRefusal) {
        self.reply(ticket, Reply::Order(OrderReply::Refused(refusal)));
    }

    /// Answers what is known, joins what is under way, queues what is new.
    pub(crate) fn admit(&mut self, ticket: Ticket, place: PlaceOrder) -> Result<(), Fatal> {
        let PlaceOrder { attempt, repeat, purchase, .. } = place;
        let (too_few, queue) = (self.too_few_in_sync(), self.settings.queue);
        let known = self.log.number_of(&purchase.key)?;
        let known = known.map(|number| self.log.get(number)).transpose()?.flatten();
        let commit = self.commit;
        let waiter = Waiter { ticket, attempt, repeat };
        let Some(leader) = self.leader() else { return Ok(()) };
        if let Some(refusal) = leader.refusals.get(attempt).cloned() {
            self.refuse(ticket, refusal);
        } else if let Some(order) = leader.in_flight.get_mut(&purchase.key) {
            if order.purchase.same_body(&purchase) {
                order.waiters.push(waiter);
                leader.tickets.insert(ticket, purchase.key);
            } else {
                self.refuse_waiter(&waiter, OrderRefusal::KeyReused);
            }
        } else if let Some(entry) = known
            .as_ref()
            .filter(|entry| entry.number > commit && entry.purchase.same_body(&purchase))
        {
            // In the log but not committed yet: its commit answers.
            leader.tickets.insert(ticket, purchase.key.clone());
            let purchase = entry.purchase.clone();
            let order = InFlight { purchase, sent: true, waiters: vec![waiter] };
            leader.in_flight.insert(entry.purchase.key.clone(), order);
        } else if let Some(entry) = known {
            // What only the take-over committed may never have been acknowledged.
            let taken_over = leader.inherited < entry.number && entry.number <= leader.start.number;
            if too_few && taken_over {
                self.refuse_waiter(&waiter, OrderRefusal::TooFewInSync);
            } else if entry.purchase.same_body(&purchase) {
                self.reply(ticket, Reply::Order(OrderReply::Placed(entry.number)));
            } else {
                self.refuse_waiter(&waiter, OrderRefusal::KeyReused);
            }
        } else if too_few {
            self.refuse_waiter(&waiter, OrderRefusal::TooFewInSync);
        } else if leader.queue.len() >= queue {
            self.refuse_waiter(&waiter, OrderRefusal::Busy);
        } else {
            let key = purchase.key.clone();
            leader.queue.push_back(key.clone());
            leader.tickets.insert(ticket, key.clone());
            let order = InFlight { purchase, sent: false, waiters: vec![waiter] };
            leader.in_flight.insert(key, order);
        }
        Ok(())
    }

    fn refuse_waiter(&mut self, waiter: &Waiter, refusal: OrderRefusal) {
        if let Some(leader) = self.leader() {
            leader.refusals.remember(waiter, &refusal);
        }
        self.refuse(waiter.ticket, refusal);
    }

    /// Sends the next transaction, if none is under way and there is something to do in it.
    pub(crate) fn transact_next(&mut self) -> Result<(), Fatal> {
        self.start_transact(false)
    }

    /// Settling alone waits for a tick: with the next orders it costs nothing.
    pub(crate) fn settle_when_idle(&mut self) -> Result<(), Fatal> {
        self.start_transact(true)
    }

    fn start_transact(&mut self, settling_is_enough: bool) -> Result<(), Fatal> {
        let ready = self
            .leader()
            .is_some_and(|leader| leader.stage == Stage::Serving && leader.transact.is_none());
        if !ready {
            return Ok(());
        }
        self.refuse_while_too_few();
        let (record, recorded) = self.to_record()?;
        let (settle, settled) = self.to_settle()?;
        let (me, batch) = (self.me, self.settings.batch);
        let Some(leader) = self.leader() else { return Ok(()) };
        let mut reserve = Vec::new();
        while reserve.len() < batch
            && let Some(key) = leader.queue.pop_front()
        {
            if let Some(order) = leader.in_flight.get_mut(&key) {
                order.sent = true;
                reserve.push(order.purchase.clone());
            }
        }
        let urgent = !reserve.is_empty() || !record.is_empty();
        if !urgent && (settle.is_empty() || !settling_is_enough) {
            return Ok(());
        }
        let transact = Transact { reserve, record, settle, ..leader.next_transact(me) };
        leader.begin_transact(transact, recorded, settled);
        self.resend_transact();
        Ok(())
    }

    /// The in-sync set may have shrunk since an order was admitted.
    fn refuse_while_too_few(&mut self) {
        let too_few = self.too_few_in_sync();
        let Some(leader) = self.leader().filter(|_| too_few) else { return };
        for key in std::mem::take(&mut leader.queue) {
            self.refuse_all(&key, &OrderRefusal::TooFewInSync);
        }
    }

    /// While no follower must acknowledge, the catalog is the second disk.
    fn to_record(&self) -> Result<(Vec<Record>, OrderNumber), Fatal> {
        let Role::Leader(leader) = &self.role else { return Ok((Vec::new(), OrderNumber::ZERO)) };
        // What is committed is on two disks already.
        let from = leader.recorded.max(self.commit);
        if !self.alone() {
            return Ok((Vec::new(), from));
        }
        let entries = self.log.after(from, self.settings.batch)?;
        let upto = entries.last().map_or(from, |entry| entry.number);
        let record = |entry: crate::Entry| Record { key: entry.purchase.key, number: entry.number };
        Ok((entries.into_iter().map(record).collect(), upto))
    }

    /// What two replicas hold is settled.
    fn to_settle(&self) -> Result<(Vec<OrderKey>, OrderNumber), Fatal> {
        let Role::Leader(leader) = &self.role else { return Ok((Vec::new(), OrderNumber::ZERO)) };
        let required = leader.peers.values().filter(|peer| peer.required());
        let held_by_two = required.filter_map(|peer| peer.matched).max().unwrap_or_default();
        let upto =
            if broken(Mutant::SettleTooEarly) { self.commit } else { self.commit.min(held_by_two) };
        if upto <= leader.settled {
            return Ok((Vec::new(), leader.settled));
        }
        let limit = self.settings.batch.min((upto.0 - leader.settled.0) as usize);
        let entries = self.log.after(leader.settled, limit)?;
        let upto = entries.last().map_or(leader.settled, |entry| entry.number);
        Ok((entries.into_iter().map(|entry| entry.purchase.key).collect(), upto))
    }

    pub(crate) fn on_transacted(&mut self, answer: Answer) -> Result<(), Fatal> {
        let Answer::Transacted(transacted) = answer else {
            self.on_transact_unanswered(&answer);
            return Ok(());
        };
        let Some(leader) = self.leader() else { return Ok(()) };
        let Some(pending) = leader.transact.take() else { return Ok(()) };
        if leader.stage == Stage::Resolving {
            return self.on_resolved(transacted);
        }
        match transacted {
            Transacted::Fenced(view) => self.fenced(view),
            Transacted::Done(answers) => self.reserved(pending, answers),
        }
    }

    /// The next tick sends it again as it is; or anew, when it surely was not done: then whoever
    /// loses patience meanwhile is told that nothing was done.
    fn on_transact_unanswered(&mut self, answer: &Answer) {
        if *answer == Answer::None(NoAnswer::TurnedAway) {
            // The catalog is reached and does not want to: another leader would fare no better.
            self.progress();
        }
        let Some(leader) = self.leader() else { return };
        let Some(pending) = &mut leader.transact else { return };
        pending.call = None;
        let refused = matches!(
            answer,
            Answer::None(NoAnswer::Refused | NoAnswer::Unreached | NoAnswer::TurnedAway)
        );
        pending.maybe_done |= !refused;
        let again = pending.maybe_done || !pending.transact.cancel.is_empty();
        if again || leader.stage != Stage::Serving {
            return;
        }
        let reserve = leader.transact.take().map(|pending| pending.transact.reserve);
        for purchase in reserve.into_iter().flatten().rev() {
            if let Some(order) = leader.in_flight.get_mut(&purchase.key) {
                order.sent = false;
                leader.queue.push_front(purchase.key);
            }
        }
    }

    /// Numbers what was granted, refuses the rest.
    fn reserved(&mut self, pending: PendingTransact, answers: Vec<Reserved>) -> Result<(), Fatal> {
        self.progress();
        let Some(leader) = self.leader() else { return Ok(()) };
        leader.recorded = leader.recorded.max(pending.recorded);
        leader.settled = leader.settled.max(pending.settled);
        let epoch = leader.epoch;
        let mut entries = Vec::new();
        for (purchase, reserved) in pending.transact.reserve.into_iter().zip(answers) {
            match refusal_of(reserved) {
                None => entries.push(self.log.push(epoch, purchase)),
                Some(refusal) => self.refuse_all(&purchase.key, &refusal),
            }
        }
        if !entries.is_empty() {
            self.write(None, entries, Vec::new());
            self.send_appends(false)?;
        }
        self.advance()?;
        self.transact_next()
    }

    fn refuse_all(&mut self, key: &OrderKey, refusal: &OrderRefusal) {
        let Some(leader) = self.leader() else { return };
        let Some(order) = leader.in_flight.remove(key) else { return };
        for waiter in &order.waiters {
            leader.tickets.remove(&waiter.ticket);
        }
        for waiter in &order.waiters {
            self.refuse_waiter(waiter, refusal.clone());
        }
    }

    /// Answers everyone who waits for the orders up to the new commit number.
    pub(crate) fn answer_committed(
        &mut self,
        from: OrderNumber,
        upto: OrderNumber,
    ) -> Result<(), Fatal> {
        for number in from.0 + 1..=upto.0 {
            let number = OrderNumber(number);
            let Some(entry) = self.log.get(number)? else { continue };
            let Some(leader) = self.leader() else { return Ok(()) };
            let Some(order) = leader.in_flight.remove(&entry.purchase.key) else { continue };
            for waiter in &order.waiters {
                leader.tickets.remove(&waiter.ticket);
            }
            for waiter in order.waiters {
                self.reply(waiter.ticket, Reply::Order(OrderReply::Placed(number)));
            }
        }
        Ok(())
    }
}
