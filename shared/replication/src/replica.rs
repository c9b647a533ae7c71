//! One replica: its state, and the dispatch of events to one handler each.
//!
//! The driver owns it, feeds it one event at a time and performs the effects of each step in
//! their order. A restart is [`Replica::new`] with what was saved; there is no other recovery.

use std::collections::VecDeque;

use toystore_domain::OrderNumber;
use toystore_mutants::{Mutant, broken};

use crate::choice::{Health, RoleName};
use crate::effects::{Call, Reply};
use crate::follower::Follower;
use crate::leader::{Leader, Stage};
use crate::messages::{Answer, Append, CatalogCall, Fetch, Join, PlaceOrder};
use crate::stuck::OldestWrite;
use crate::{
    CallId, ClusterId, Effects, Epoch, Log, Member, Notice, Position, ReplicaId, Stored, Ticket,
    View, Write, WriteId,
};

/// Bounds that the operator or the host sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Refuse orders while fewer replicas than this are in sync.
    pub min_in_sync: usize,
    /// At most so many orders in one transaction at the catalog.
    pub batch: usize,
    /// At most so many entries in one append or page.
    pub page: usize,
    /// At most so many orders wait for their turn.
    pub queue: usize,
    /// A follower that heard nothing for so many ticks asks the catalog who leads.
    pub silence_ticks: u32,
    /// A leader that got nothing done for so many ticks, with work waiting, says it is stuck; so does
    /// any replica that saved nothing for as long, with a write under way.
    pub stuck_ticks: u32,
}

/// What survives a crash.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The replica, its database, and this start of it.
    pub me: Member,
    /// The cluster, once known.
    pub cluster: Option<ClusterId>,
    /// The highest epoch promised.
    pub promise: Epoch,
    /// The last epoch in which the log agreed with the leader's.
    pub mark: Epoch,
    /// A lower bound of what is committed.
    pub commit: OrderNumber,
    /// Where the log stands.
    pub last: Position,
}

/// A request to this replica.
#[derive(Clone, Debug)]
pub enum Request {
    /// A front end places an order.
    Order(PlaceOrder),
    /// A front end looks an order up.
    Read(OrderNumber),
    /// A front end lists up to so many orders after this one.
    List(OrderNumber, usize),
    /// The leader extends the log.
    Append(Append),
    /// A replica that comes back wants a page.
    Fetch(Fetch),
    /// A replica that has caught up wants to join.
    Join(Join),
    /// Somebody asks how this replica is.
    Status,
    /// The catalog asks whether this replica still leads: answered through the disk.
    Probe,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Some time passed; whatever waits for another try gets it now.
    Tick,
    /// Somebody tells what the view is.
    View(View),
    /// A request came.
    Request(Ticket, Request),
    /// Orders that came together.
    Orders(Vec<(Ticket, PlaceOrder)>),
    /// Whoever waits for this ticket has no patience left.
    Expired(Ticket),
    /// Everything up to this write is synced.
    Saved(WriteId),
    /// A call was answered, or will not be.
    Answered(CallId, Answer),
}

/// The replica cannot go on with this database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fatal {
    /// An entry that was saved is not there.
    #[error("order {0} is missing from the log")]
    MissingEntry(OrderNumber),
    /// An entry cannot be read.
    #[error("the database cannot be read")]
    Unreadable,
    /// Two logs agree on an entry's epoch and differ in its content.
    #[error("order {0} differs from the leader's although both are of one epoch")]
    ChainBroken(OrderNumber),
    /// The leader's log does not hold what this replica knows to be committed.
    #[error("the leader does not hold order {0}, which is committed here")]
    Diverged(OrderNumber),
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Follower(Follower),
    Leader(Box<Leader>),
}

/// A write under way: until it is saved, nothing that depends on it may leave.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Pending {
    pub(crate) id: WriteId,
    /// Where the log ends once this is saved.
    last: OrderNumber,
    /// What may leave then.
    replies: Vec<(Ticket, Reply)>,
}

/// One order replica.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Replica<S> {
    pub(crate) settings: Settings,
    pub(crate) me: Member,
    pub(crate) cluster: Option<ClusterId>,
    pub(crate) promise: Epoch,
    pub(crate) mark: Epoch,
    pub(crate) log: Log<S>,
    pub(crate) commit: OrderNumber,
    /// The log is synced up to here.
    pub(crate) durable: OrderNumber,
    pub(crate) view: Option<View>,
    pub(crate) role: Role,
    pub(crate) out: Effects,
    pub(crate) pending: VecDeque<Pending>,
    pub(crate) oldest_write: OldestWrite,
    pub(crate) last_write: WriteId,
    pub(crate) last_call: CallId,
}

impl<S: Stored> Replica<S> {
    /// A replica that starts, or starts again, with what it saved.
    pub fn new(settings: Settings, saved: Saved, stored: S) -> Self {
        Self {
            settings,
            me: saved.me,
            cluster: saved.cluster,
            promise: saved.promise,
            mark: saved.mark,
            commit: saved.commit.min(saved.last.number),
            durable: saved.last.number,
            log: Log::new(stored, saved.last),
            view: None,
            role: Role::Follower(Follower::new(settings.silence_ticks)),
            out: Effects::default(),
            pending: VecDeque::new(),
            oldest_write: OldestWrite::default(),
            last_write: WriteId(0),
            last_call: CallId(0),
        }
    }

    /// Takes one event in and says what is to be done.
    ///
    /// # Errors
    /// [`Fatal`] when the database cannot be trusted; the process must end.
    pub fn step(&mut self, event: Event) -> Result<Effects, Fatal> {
        match event {
            Event::Tick => self.on_tick()?,
            Event::View(view) => self.on_view(view)?,
            Event::Request(ticket, request) => self.on_request(ticket, request)?,
            Event::Orders(orders) => self.on_orders(orders)?,
            Event::Expired(ticket) => self.on_expired(ticket),
            Event::Saved(id) => self.on_saved(id)?,
            Event::Answered(call, answer) => self.on_answered(call, answer)?,
        }
        debug_assert!(self.durable <= self.log.last().number, "synced means in the log");
        debug_assert!(self.commit <= self.log.last().number, "committed means in the log");
        Ok(std::mem::take(&mut self.out))
    }

    fn on_request(&mut self, ticket: Ticket, request: Request) -> Result<(), Fatal> {
        match request {
            Request::Order(place) => self.on_orders(vec![(ticket, place)]),
            Request::Read(number) => self.on_read(ticket, number),
            Request::List(after, limit) => self.on_list(ticket, after, limit),
            Request::Append(append) => self.on_append(ticket, append),
            Request::Fetch(fetch) => self.on_fetch(ticket, &fetch),
            Request::Join(join) => self.on_join(ticket, join),
            Request::Status => {
                self.reply(ticket, Reply::Health(Box::new(self.health())));
                Ok(())
            }
            Request::Probe => {
                let health = Reply::Health(Box::new(self.health()));
                self.write(None, Vec::new(), vec![(ticket, health)]);
                Ok(())
            }
        }
    }

    fn on_tick(&mut self) -> Result<(), Fatal> {
        self.oldest_write.tick(self.pending.front().map(|pending| pending.id));
        match &self.role {
            Role::Follower(_) => self.on_tick_following(),
            Role::Leader(_) => self.on_tick_leading(),
        }
    }

    fn on_expired(&mut self, ticket: Ticket) {
        if let Role::Leader(leader) = &mut self.role
            && let Some(reply) = leader.give_up(ticket)
        {
            self.reply(ticket, reply);
        }
    }

    fn on_answered(&mut self, call: CallId, answer: Answer) -> Result<(), Fatal> {
        match &self.role {
            Role::Follower(_) => self.on_answered_following(call, answer),
            Role::Leader(_) => self.on_answered_leading(call, answer),
        }
    }

    /// A view counts when it is of this cluster, and later than what is known.
    pub(crate) fn on_view(&mut self, view: View) -> Result<(), Fatal> {
        if self.cluster.is_some_and(|cluster| cluster != view.cluster) {
            self.out.notices.push(Notice::RefusedView("it is of another cluster"));
            return Ok(());
        }
        if view.epoch < self.promise {
            self.out.notices.push(Notice::RefusedView("its epoch is past"));
            return Ok(());
        }
        if self.view.as_ref().is_some_and(|known| !view.is_later_than(known)) {
            return Ok(());
        }
        if let Role::Leader(leader) = &self.role {
            if view.epoch == leader.epoch {
                // Within its epoch only the leader changes the view, and it learns so by itself.
                return Ok(());
            }
            self.step_down(Some(view.clone()));
        }
        let fresh = view.epoch > self.promise || broken(Mutant::SameEpochAfterRestart);
        let leads = view.leader == self.me && fresh;
        self.view = Some(view.clone());
        if leads {
            self.take_over(view);
        }
        if leads && broken(Mutant::LeadBeforePromise) { self.send_appends(true) } else { Ok(()) }
    }

    fn on_saved(&mut self, id: WriteId) -> Result<(), Fatal> {
        while self.pending.front().is_some_and(|pending| pending.id <= id) {
            if let Some(pending) = self.pending.pop_front() {
                self.durable = pending.last;
                self.out.replies.extend(pending.replies);
            }
        }
        self.release();
        match &self.role {
            Role::Follower(_) => self.on_saved_following(),
            Role::Leader(_) => self.on_saved_leading(id),
        }
    }

    /// Drops from memory what is synced and committed.
    pub(crate) fn release(&mut self) {
        self.log.release(self.durable.min(self.commit));
    }

    /// Hands a write to the disk; `replies` leave when it is synced.
    pub(crate) fn write(
        &mut self,
        truncate_above: Option<OrderNumber>,
        entries: Vec<crate::Entry>,
        replies: Vec<(Ticket, Reply)>,
    ) -> WriteId {
        if let Some(above) = truncate_above {
            // A write that is still under way no longer makes durable what is cut off now.
            self.durable = self.durable.min(above);
            self.pending.iter_mut().for_each(|pending| pending.last = pending.last.min(above));
        }
        self.last_write = self.last_write.next();
        let write = Write {
            truncate_above,
            entries,
            cluster: self.cluster,
            promise: self.promise,
            mark: self.mark,
            commit: self.commit,
        };
        self.out.writes.push((self.last_write, write));
        let last = self.log.last().number;
        self.pending.push_back(Pending { id: self.last_write, last, replies });
        self.last_write
    }

    /// How many writes are under way.
    pub(crate) fn writes_under_way(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn call(&mut self, call: Call) -> CallId {
        self.last_call = self.last_call.next();
        self.out.calls.push((self.last_call, call));
        self.last_call
    }

    pub(crate) fn call_catalog(&mut self, call: CatalogCall) -> CallId {
        self.call(Call::Catalog(call))
    }

    pub(crate) fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.out.replies.push((ticket, reply));
    }

    /// How this replica is.
    pub fn health(&self) -> Health {
        Health {
            member: self.me,
            cluster: self.cluster,
            promise: self.promise,
            mark: self.mark,
            last: self.log.last(),
            commit: self.commit,
            role: self.role_name(),
            stuck: self.is_stuck(),
            view: self.view.clone(),
        }
    }

    fn is_stuck(&self) -> bool {
        let limit = self.settings.stuck_ticks;
        let leads_nowhere = match &self.role {
            Role::Leader(leader) => leader.is_stuck(limit),
            Role::Follower(_) => false,
        };
        let stuck = leads_nowhere || self.oldest_write.is_stuck(limit);
        stuck && !broken(Mutant::NeverStuck)
    }

    /// The entry of this number in the log, synced or not.
    ///
    /// # Errors
    /// [`Fatal`] when it cannot be read.
    pub fn entry(&self, number: OrderNumber) -> Result<Option<crate::Entry>, Fatal> {
        self.log.get(number)
    }

    fn role_name(&self) -> RoleName {
        match &self.role {
            Role::Leader(leader) if leader.stage == Stage::Serving => RoleName::Leader,
            Role::Leader(_) => RoleName::TakingOver,
            Role::Follower(_) if self.follows_in_sync() => RoleName::Follower,
            Role::Follower(_) => RoleName::CatchingUp,
        }
    }

    /// The configured replicas' ids are not needed: members come with the view.
    pub(crate) fn is_me(&self, id: ReplicaId) -> bool {
        id == self.me.id
    }
}
