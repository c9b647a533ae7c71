//! Leading: the leader's state. What it does is in `take_over`, `ordering`, `replicating`,
//! `membership` and `reading`.

use std::collections::{BTreeMap, VecDeque};

use toystore_domain::{OrderKey, OrderNumber, Purchase};
use toystore_mutants::{Mutant, broken};

use crate::effects::Reply;
use crate::messages::{
    Answer, CatalogCall, ListReply, OrderRefusal, OrderReply, PlaceOrder, ReadReply, Reserved,
    Transact,
};
use crate::replica::Role;
use crate::take_over::Resolving;
use crate::view::MemberChange;
use crate::{
    Attempt, CallId, Epoch, Fatal, Member, Notice, Position, Replica, ReplicaId, Sequence, Stored,
    Ticket, View, WriteId,
};

/// How far a leader has come in its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// The in-sync followers' logs are brought to its own.
    Agreeing,
    /// Outstanding reservations are settled or cancelled.
    Resolving,
    /// Orders are taken.
    Serving,
}

/// A follower's part in the set that must acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Standing {
    /// In the view.
    InSync,
    /// Acknowledges already; its admission to the view is under way.
    Vouched,
    /// Is sent everything, but nobody waits for it.
    Joining,
}

/// A follower, as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer {
    pub(crate) member: Member,
    pub(crate) standing: Standing,
    /// Its log equals the leader's up to here, synced; nothing is known before its first answer.
    pub(crate) matched: Option<OrderNumber>,
    /// The entry to send next.
    pub(crate) next: OrderNumber,
    /// The append under way.
    pub(crate) call: Option<CallId>,
    /// Answers missed in a row.
    pub(crate) missed: u32,
    /// It is to be removed.
    pub(crate) lost: bool,
}

impl Peer {
    /// Whether commits wait for it.
    pub(crate) fn required(&self) -> bool {
        self.standing != Standing::Joining
    }
}

/// A change of the view whose outcome is not known yet.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct PendingChange {
    pub(crate) change: MemberChange,
    pub(crate) call: Option<CallId>,
}

/// Somebody who waits for an order's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Waiter {
    pub(crate) ticket: Ticket,
    pub(crate) attempt: Attempt,
    pub(crate) repeat: bool,
}

/// An order under way.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct InFlight {
    pub(crate) purchase: Purchase,
    /// It was sent to the catalog: it can no longer be dropped.
    pub(crate) sent: bool,
    pub(crate) waiters: Vec<Waiter>,
}

/// A transaction whose outcome is not known yet; at most one at a time.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct PendingTransact {
    pub(crate) transact: Transact,
    /// A copy of it may have been done.
    pub(crate) maybe_done: bool,
    /// After it, everything up to here is recorded.
    pub(crate) recorded: OrderNumber,
    /// After it, everything up to here is settled.
    pub(crate) settled: OrderNumber,
    pub(crate) call: Option<CallId>,
}

/// Somebody who waits for the proof that this leader's epoch is current.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Reader {
    One(Ticket, OrderNumber),
    Page(Ticket, OrderNumber, usize),
}

impl Reader {
    pub(crate) fn ticket(&self) -> Ticket {
        match self {
            Self::One(ticket, _) | Self::Page(ticket, ..) => *ticket,
        }
    }

    pub(crate) fn refuse(self, view: Option<View>) -> (Ticket, Reply) {
        match self {
            Self::One(ticket, _) => (ticket, Reply::Read(ReadReply::NotLeader(view))),
            Self::Page(ticket, ..) => (ticket, Reply::List(ListReply::NotLeader(view))),
        }
    }

    fn give_up(self) -> Reply {
        match self {
            Self::One(..) => Reply::Read(ReadReply::Unavailable),
            Self::Page(..) => Reply::List(ListReply::Unavailable),
        }
    }
}

/// Refusals given to attempts of which another copy may still be under way.
///
/// The leader must not grant the late copy what it refused the first; bounded, oldest forgotten.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Refusals {
    by_attempt: BTreeMap<Attempt, OrderRefusal>,
    order: VecDeque<Attempt>,
}

impl Refusals {
    const CAPACITY: usize = 4096;

    pub(crate) fn get(&self, attempt: Attempt) -> Option<&OrderRefusal> {
        self.by_attempt.get(&attempt)
    }

    pub(crate) fn remember(&mut self, waiter: &Waiter, refusal: &OrderRefusal) {
        let forget = !waiter.repeat || broken(Mutant::ForgetRefusals);
        if forget || self.by_attempt.insert(waiter.attempt, refusal.clone()).is_some() {
            return;
        }
        self.order.push_back(waiter.attempt);
        if self.order.len() > Self::CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_attempt.remove(&oldest);
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Leader {
    pub(crate) epoch: Epoch,
    /// Where the log stood when the epoch began.
    pub(crate) start: Position,
    /// The write that promises the epoch, until it is saved.
    pub(crate) promise_write: Option<WriteId>,
    pub(crate) stage: Stage,
    /// Everything up to here was committed by an earlier leader, as far as this one knew.
    pub(crate) inherited: OrderNumber,
    pub(crate) resolving: Resolving,
    pub(crate) peers: BTreeMap<ReplicaId, Peer>,
    pub(crate) change: Option<PendingChange>,
    /// Orders that came before the leader serves.
    pub(crate) held: Vec<(Ticket, PlaceOrder)>,
    /// Orders that wait for the next transaction, by key.
    pub(crate) queue: VecDeque<OrderKey>,
    pub(crate) in_flight: BTreeMap<OrderKey, InFlight>,
    pub(crate) tickets: BTreeMap<Ticket, OrderKey>,
    pub(crate) refusals: Refusals,
    pub(crate) sequence: Sequence,
    pub(crate) transact: Option<PendingTransact>,
    /// The catalog holds the numbers of everything unsettled up to here, where it had to.
    pub(crate) recorded: OrderNumber,
    pub(crate) settled: OrderNumber,
    pub(crate) readers: Vec<Reader>,
    pub(crate) proof: Option<(CallId, Vec<Reader>)>,
    /// A follower promised a later epoch, or the catalog is silent: look whether this one is over.
    pub(crate) doubt: bool,
    /// Ticks since the catalog was heard.
    pub(crate) silence: u32,
    pub(crate) idle_ticks: u32,
}

impl Leader {
    /// An empty transaction, the next of this epoch.
    pub(crate) fn next_transact(&mut self, me: Member) -> Transact {
        self.sequence = self.sequence.next();
        Transact {
            epoch: self.epoch,
            leader: me,
            sequence: self.sequence,
            reserve: Vec::new(),
            record: Vec::new(),
            settle: Vec::new(),
            cancel: Vec::new(),
        }
    }

    /// Keeps a transaction until it is answered; after it, so much is recorded and settled.
    pub(crate) fn begin_transact(
        &mut self,
        transact: Transact,
        recorded: OrderNumber,
        settled: OrderNumber,
    ) {
        let call = None;
        self.transact =
            Some(PendingTransact { transact, maybe_done: false, recorded, settled, call });
    }

    /// Whether something waits and nothing happened for so many ticks.
    pub(crate) fn is_stuck(&self, limit: u32) -> bool {
        self.idle_ticks > limit
    }

    pub(crate) fn has_work(&self) -> bool {
        self.stage != Stage::Serving
            || !self.in_flight.is_empty()
            || !self.readers.is_empty()
            || self.proof.is_some()
            || self.change.is_some()
    }

    /// Whether every log that may lead equals this one up to the epoch's start.
    pub(crate) fn agreed(&self) -> bool {
        self.stage != Stage::Agreeing
    }

    /// The caller behind this ticket has no patience left.
    pub(crate) fn give_up(&mut self, ticket: Ticket) -> Option<Reply> {
        if let Some(index) = self.held.iter().position(|(held, _)| *held == ticket) {
            self.held.swap_remove(index);
            return Some(Reply::Order(OrderReply::Refused(OrderRefusal::Expired)));
        }
        if let Some(key) = self.tickets.remove(&ticket) {
            return self.give_up_order(ticket, &key);
        }
        let proving = self.proof.as_mut().map(|(_, readers)| readers);
        for readers in [Some(&mut self.readers), proving].into_iter().flatten() {
            if let Some(index) = readers.iter().position(|reader| reader.ticket() == ticket) {
                return Some(readers.swap_remove(index).give_up());
            }
        }
        None
    }

    /// An order that nobody waits for and that was not sent yet is dropped.
    fn give_up_order(&mut self, ticket: Ticket, key: &OrderKey) -> Option<Reply> {
        let order = self.in_flight.get_mut(key)?;
        if order.sent {
            order.waiters.retain(|waiter| waiter.ticket != ticket);
            return Some(Reply::Order(OrderReply::Unknown));
        }
        for waiter in order.waiters.extract_if(.., |waiter| waiter.ticket == ticket) {
            self.refusals.remember(&waiter, &OrderRefusal::Expired);
        }
        if order.waiters.is_empty() {
            self.in_flight.remove(key);
            self.queue.retain(|queued| queued != key);
        }
        Some(Reply::Order(OrderReply::Refused(OrderRefusal::Expired)))
    }
}

impl<S: Stored> Replica<S> {
    pub(crate) fn leader(&mut self) -> Option<&mut Leader> {
        match &mut self.role {
            Role::Leader(leader) => Some(leader),
            Role::Follower(_) => None,
        }
    }

    /// Leads no longer: orders not sent are surely not placed, the outcome of others is unknown.
    pub(crate) fn step_down(&mut self, view: Option<View>) {
        let follower = crate::follower::Follower::new(self.settings.silence_ticks);
        let Role::Leader(mut leader) = std::mem::replace(&mut self.role, Role::Follower(follower))
        else {
            return;
        };
        self.out.notices.push(Notice::SteppedDown(leader.epoch));
        let refused = || OrderReply::Refused(OrderRefusal::NotLeader(view.clone()));
        for (ticket, _) in leader.held.drain(..) {
            self.out.replies.push((ticket, Reply::Order(refused())));
        }
        for order in std::mem::take(&mut leader.in_flight).into_values() {
            for waiter in order.waiters {
                let open = order.sent && !broken(Mutant::RefuseWhatWasSent);
                let reply = if open { OrderReply::Unknown } else { refused() };
                self.out.replies.push((waiter.ticket, Reply::Order(reply)));
            }
        }
        let proving = leader.proof.take().map(|(_, readers)| readers).unwrap_or_default();
        for reader in leader.readers.drain(..).chain(proving) {
            self.out.replies.push(reader.refuse(view.clone()));
        }
    }

    pub(crate) fn on_answered_leading(
        &mut self,
        call: CallId,
        answer: Answer,
    ) -> Result<(), Fatal> {
        let Some(leader) = self.leader() else { return Ok(()) };
        if let Some((id, _)) = leader.peers.iter().find(|(_, peer)| peer.call == Some(call)) {
            let id = *id;
            return self.on_appended(id, answer);
        }
        if !matches!(answer, Answer::None(_)) {
            leader.silence = 0;
        }
        if leader.transact.as_ref().is_some_and(|pending| pending.call == Some(call)) {
            return self.on_transacted(answer);
        }
        if leader.change.as_ref().is_some_and(|pending| pending.call == Some(call)) {
            return self.on_changed(answer);
        }
        if leader.proof.as_ref().is_some_and(|(proof, _)| *proof == call) {
            return self.on_proof(answer);
        }
        if leader.resolving.call == Some(call) {
            return self.on_reservations(answer);
        }
        Ok(())
    }

    pub(crate) fn on_saved_leading(&mut self, id: WriteId) -> Result<(), Fatal> {
        if let Some(leader) = self.leader()
            && leader.promise_write.is_some_and(|promise| promise <= id)
        {
            leader.promise_write = None;
            self.send_appends(true)?;
        }
        self.advance()
    }

    /// Whatever waits for another try gets it; followers hear a heartbeat.
    pub(crate) fn on_tick_leading(&mut self) -> Result<(), Fatal> {
        // Orders held back for want of replicas are not this leader's fault.
        let held_back = self.too_few_in_sync();
        let silence_ticks = self.settings.silence_ticks;
        let Some(leader) = self.leader() else { return Ok(()) };
        leader.idle_ticks =
            if leader.has_work() && !held_back { leader.idle_ticks.saturating_add(1) } else { 0 };
        // An operator may have chosen another while this one was cut off, and nobody tells it.
        leader.silence = leader.silence.saturating_add(1);
        leader.doubt |= leader.silence > silence_ticks;
        self.resend_transact();
        self.resend_change();
        self.change_members()?;
        self.ask_reservations();
        self.settle_when_idle()?;
        self.prove_when_in_doubt();
        self.send_appends(true)
    }

    /// Something went on: the leader is not stuck.
    pub(crate) fn progress(&mut self) {
        if let Some(leader) = self.leader() {
            leader.idle_ticks = 0;
        }
    }

    /// Sends the pending transaction, the same one again after a failure.
    pub(crate) fn resend_transact(&mut self) {
        let Some(leader) = self.leader() else { return };
        let Some(pending) = leader.transact.as_ref().filter(|pending| pending.call.is_none())
        else {
            return;
        };
        let transact = pending.transact.clone();
        let call = self.call_catalog(CatalogCall::Transact(transact));
        if let Some(pending) = self.leader().and_then(|leader| leader.transact.as_mut()) {
            pending.call = Some(call);
        }
    }
}

/// What a refused reservation means to the customer; `None` for a granted one.
pub(crate) fn refusal_of(reserved: Reserved) -> Option<OrderRefusal> {
    match reserved {
        Reserved::Granted => None,
        Reserved::OutOfStock => Some(OrderRefusal::OutOfStock),
        Reserved::ProductNotFound => Some(OrderRefusal::ProductNotFound),
        Reserved::KeyReused => Some(OrderRefusal::KeyReused),
    }
}
