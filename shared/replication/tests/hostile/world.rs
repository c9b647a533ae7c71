//! One replica, its disk, and what must be true after each step.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use proptest::prelude::*;
use toystore_domain::{OrderKey, OrderNumber, Purchase};
use toystore_replication::choice::Health;
use toystore_replication::effects::{Call, Reply};
use toystore_replication::messages::{
    Answer, Append, Appended, CatalogCall, Changed, Fetched, Joined, OrderReply, PeerCall,
    PlaceOrder, ReadReply, Reservations, Reserved, Transacted,
};
use toystore_replication::{
    CallId, ClusterId, Effects, Entry, Epoch, Event, Fatal, Incarnation, Member, Notice, Position,
    Replica, ReplicaId, Request, Revision, Saved, Settings, StoreId, Stored, Ticket, View, Write,
    WriteId,
};

use crate::messages::order;

/// What happens next.
#[derive(Clone, Debug)]
pub enum Act {
    /// This event.
    Event(Event),
    /// This request, under a ticket of its own.
    Request(Request),
    /// This order, in the epoch that the replica is in.
    Order(Purchase),
    /// An append that fits: so many entries, after giving up so many, in this or the next epoch.
    Extend { back: u64, count: u64, newer: bool, commit: OrderNumber },
    /// The catalog makes the replica lead anew, with these.
    Elect(Vec<u8>),
    /// So many more writes are saved.
    Save(usize),
    /// A call gets the answer that an honest peer would give.
    Honest(usize),
    /// A call gets this answer.
    Lie(usize, Answer),
    /// The process is killed and started again.
    Restart,
}

pub fn member(id: u8) -> Member {
    Member { id: ReplicaId(id), store: StoreId(u128::from(id)), incarnation: Incarnation(1) }
}

pub fn view(epoch: u64, leader: u8, in_sync: &[u8]) -> View {
    View {
        cluster: ClusterId(1),
        epoch: Epoch(epoch),
        revision: Revision(epoch),
        leader: member(leader),
        in_sync: in_sync.iter().map(|id| member(*id)).collect(),
    }
}

const SETTINGS: Settings =
    Settings { min_in_sync: 1, batch: 3, page: 3, queue: 5, silence_ticks: 2, stuck_ticks: 3 };

/// What is saved.
#[derive(Clone, Default)]
struct Disk(Rc<RefCell<BTreeMap<OrderNumber, Entry>>>);

impl Stored for Disk {
    fn entry(&self, number: OrderNumber) -> Result<Option<Entry>, Fatal> {
        Ok(self.0.borrow().get(&number).cloned())
    }

    fn number_of(&self, key: &OrderKey) -> Result<Option<OrderNumber>, Fatal> {
        let rows = self.0.borrow();
        Ok(rows.values().find(|entry| entry.purchase.key == *key).map(|entry| entry.number))
    }
}

/// How much happened in a world.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reached {
    pub acts: usize,
    pub committed: usize,
    pub placed: usize,
    pub cut: usize,
    pub held: usize,
    pub stepped_down: usize,
}

impl std::ops::AddAssign for Reached {
    fn add_assign(&mut self, more: Self) {
        self.acts += more.acts;
        self.committed += more.committed;
        self.placed += more.placed;
        self.cut += more.cut;
        self.held += more.held;
        self.stepped_down += more.stepped_down;
    }
}

pub struct World {
    pub reached: Reached,
    replica: Replica<Disk>,
    disk: Disk,
    saved: Saved,
    unsaved: VecDeque<(WriteId, Write)>,
    calls: Vec<(CallId, Call)>,
    /// Every end that the log on disk ever had.
    ever: BTreeSet<Position>,
    committed: BTreeMap<OrderNumber, Entry>,
    waiting: BTreeMap<Ticket, Option<Purchase>>,
    tickets: u64,
    replies: Vec<Reply>,
    /// The replica said that it cannot go on.
    over: bool,
}

impl World {
    /// Replica 1 with an empty log.
    pub fn new() -> Self {
        let saved = Saved {
            me: member(1),
            cluster: None,
            promise: Epoch(0),
            mark: Epoch(0),
            commit: OrderNumber::ZERO,
            last: Position::ORIGIN,
        };
        let disk = Disk::default();
        Self {
            reached: Reached::default(),
            replica: Replica::new(SETTINGS, saved.clone(), disk.clone()),
            disk,
            saved,
            unsaved: VecDeque::new(),
            calls: Vec::new(),
            ever: BTreeSet::from([Position::ORIGIN]),
            committed: BTreeMap::new(),
            waiting: BTreeMap::new(),
            tickets: 0,
            replies: Vec::new(),
            over: false,
        }
    }

    pub fn commit(&self) -> OrderNumber {
        self.replica.health().commit
    }

    /// Lets the disk and honest peers do what is left; returns the replies since the last time.
    pub fn settle(&mut self) -> Vec<Reply> {
        for _ in 0..50 {
            self.act(Act::Save(9)).unwrap();
            self.act(Act::Honest(0)).unwrap();
        }
        std::mem::take(&mut self.replies)
    }

    pub fn act(&mut self, act: Act) -> Result<(), TestCaseError> {
        if self.over {
            return Ok(());
        }
        self.reached.acts += 1;
        match act {
            Act::Event(event) => self.step(event),
            Act::Request(request) => {
                self.tickets += 1;
                let ticket = Ticket(self.tickets);
                let purchase = match &request {
                    Request::Order(place) => Some(place.purchase.clone()),
                    _ => None,
                };
                self.waiting.insert(ticket, purchase);
                self.step(Event::Request(ticket, request))
            }
            Act::Order(purchase) => {
                let epoch = self.replica.health().promise;
                let place = PlaceOrder { purchase, ..order(epoch.0, "a") };
                self.act(Act::Request(Request::Order(place)))
            }
            Act::Extend { back, count, newer, commit } => {
                let append = self.fitting(back, count, newer, commit);
                self.act(Act::Request(Request::Append(append)))
            }
            Act::Elect(in_sync) => {
                let promise = self.replica.health().promise;
                let me = self.saved.me;
                let mut view = view(promise.next().0, 1, &in_sync);
                view.leader = me;
                view.in_sync.push(me);
                self.step(Event::View(view))
            }
            Act::Save(count) => self.save(count),
            Act::Honest(index) => match self.take_call(index) {
                Some((id, call)) => {
                    let answer = self.honest(call);
                    self.step(Event::Answered(id, answer))
                }
                None => Ok(()),
            },
            Act::Lie(index, answer) => match self.take_call(index) {
                Some((id, _)) => self.step(Event::Answered(id, answer)),
                None => Ok(()),
            },
            Act::Restart => {
                self.restart();
                Ok(())
            }
        }
    }

    fn fitting(&self, back: u64, count: u64, newer: bool, commit: OrderNumber) -> Append {
        let Health { promise, last, .. } = self.replica.health();
        let epoch = if newer { promise.next() } else { promise.max(Epoch(1)) };
        let stand = last.number.0.saturating_sub(back);
        let entry = self.replica.entry(OrderNumber(stand)).unwrap();
        let previous = entry.as_ref().map_or(Position::ORIGIN, Entry::position);
        let mut end = previous;
        let entry = |n| {
            let purchase = order(n, &format!("e{}-{}", epoch.0, end.number)).purchase;
            let entry = Entry::after(&end, epoch, purchase);
            end = entry.position();
            entry
        };
        let entries = (0..count).map(entry).collect();
        let view = view(epoch.0, 2, &[1, 2]);
        Append { view, to: self.saved.me.store, start: previous, previous, entries, commit }
    }

    fn take_call(&mut self, index: usize) -> Option<(CallId, Call)> {
        let index = index.checked_rem(self.calls.len())?;
        Some(self.calls.remove(index))
    }

    fn honest(&self, call: Call) -> Answer {
        let view = self.replica.health().view;
        match call {
            Call::Peer(id, PeerCall::Append(append)) => {
                let upto = append.entries.last().map_or(append.previous, Entry::position);
                Answer::Appended(Appended::Held { member: member(id.0), upto })
            }
            Call::Peer(_, PeerCall::Fetch(_)) => Answer::Fetched(Fetched::StepBack),
            Call::Peer(_, PeerCall::Join(_)) => Answer::Joined(Joined::Welcome),
            Call::Catalog(CatalogCall::Transact(transact)) => {
                let answers = vec![Reserved::Granted; transact.reserve.len()];
                Answer::Transacted(Transacted::Done(answers))
            }
            Call::Catalog(CatalogCall::ListReservations(_)) => {
                Answer::Reservations(Reservations::Page { rows: vec![], more: false })
            }
            Call::Catalog(CatalogCall::ChangeMembers(change)) => {
                Answer::Changed(Changed::Accepted(View {
                    cluster: ClusterId(1),
                    epoch: change.epoch,
                    revision: Revision(change.revision.0.saturating_add(1)),
                    leader: change.leader,
                    in_sync: change.in_sync,
                }))
            }
            Call::Catalog(CatalogCall::ReadView) => Answer::View(view),
        }
    }

    fn save(&mut self, count: usize) -> Result<(), TestCaseError> {
        let count = count.min(self.unsaved.len());
        let mut last = None;
        for (id, write) in self.unsaved.drain(..count) {
            let mut rows = self.disk.0.borrow_mut();
            if let Some(above) = write.truncate_above {
                rows.retain(|number, _| *number <= above);
            }
            for entry in write.entries {
                self.ever.insert(entry.position());
                rows.insert(entry.number, entry);
            }
            let end = rows.values().next_back().map_or(Position::ORIGIN, Entry::position);
            self.saved = Saved {
                me: self.saved.me,
                cluster: write.cluster,
                promise: write.promise,
                mark: write.mark,
                commit: write.commit,
                last: end,
            };
            last = Some(id);
        }
        last.map_or(Ok(()), |id| self.step(Event::Saved(id)))
    }

    /// What was not saved is gone, also what was known to be committed.
    fn restart(&mut self) {
        let me = self.saved.me;
        self.saved.me = Member { incarnation: me.incarnation.next(), ..me };
        self.unsaved.clear();
        self.calls.clear();
        self.waiting.clear();
        let commit = self.saved.commit;
        self.committed.retain(|number, _| *number <= commit);
        self.replica = Replica::new(SETTINGS, self.saved.clone(), self.disk.clone());
    }

    fn step(&mut self, event: Event) -> Result<(), TestCaseError> {
        let before = self.commit();
        match self.replica.step(event) {
            Ok(effects) => self.check(before, effects),
            Err(_) => {
                self.over = true;
                Ok(())
            }
        }
    }

    fn check(&mut self, before: OrderNumber, effects: Effects) -> Result<(), TestCaseError> {
        let health = self.replica.health();
        prop_assert!(before <= health.commit, "the commit number fell");
        self.reached.committed += (health.commit.0 - before.0) as usize;
        let left = |notice: &&Notice| matches!(notice, Notice::SteppedDown(_));
        self.reached.stepped_down += effects.notices.iter().filter(left).count();
        self.reached.cut +=
            effects.writes.iter().filter(|(_, w)| w.truncate_above.is_some()).count();
        for (_, write) in &effects.writes {
            let cut = write.truncate_above;
            prop_assert!(cut.is_none_or(|above| above >= before), "a committed order was cut off");
        }
        for number in (1..=health.commit.0).map(OrderNumber) {
            let entry = self.replica.entry(number).ok().flatten();
            prop_assert!(entry.is_some(), "order {number} is committed and not there");
            if let Some(entry) = entry {
                let known = self.committed.entry(number).or_insert_with(|| entry.clone());
                prop_assert_eq!(&*known, &entry, "a committed order changed");
            }
        }
        for (ticket, reply) in &effects.replies {
            let asked = self.waiting.remove(ticket);
            prop_assert!(asked.is_some(), "{ticket:?} is answered twice: {reply:?}");
            self.check_reply(reply, asked.flatten())?;
        }
        self.unsaved.extend(effects.writes);
        self.calls.extend(effects.calls);
        self.replies.extend(effects.replies.into_iter().map(|(_, reply)| reply));
        Ok(())
    }

    fn check_reply(&mut self, reply: &Reply, asked: Option<Purchase>) -> Result<(), TestCaseError> {
        match reply {
            Reply::Appended(Appended::Held { upto, .. }) => {
                self.reached.held += 1;
                prop_assert!(self.ever.contains(upto), "{upto:?} was acknowledged before the disk");
            }
            Reply::Order(OrderReply::Placed(number)) => {
                self.reached.placed += 1;
                let entry = self.committed.get(number).map(|entry| entry.purchase.clone());
                prop_assert_eq!(entry, asked, "another order was acknowledged");
            }
            Reply::Read(ReadReply::Found(order)) => {
                prop_assert!(self.committed.contains_key(&order.number), "read before committed");
            }
            _ => {}
        }
        Ok(())
    }
}
