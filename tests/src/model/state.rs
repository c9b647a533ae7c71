//! The whole store at one instant, and how one replica's step changes it.

use std::collections::BTreeMap;
use std::hash::Hash;

use toystore_authority::memory::{MemoryDatabase, Rows};
use toystore_domain::{Books, Cents};
use toystore_replication::effects::{Call, Reply};
use toystore_replication::messages::{Answer, CatalogCall, OrderReply, ReadReply};
use toystore_replication::{
    CallId, ClusterId, Effects, Event, Member, Notice, Replica, ReplicaId, Request,
};
use toystore_replication::{Settings, Ticket, View};

use super::bounds::{Bounds, Spent};
use super::disk::Disk;
use super::front_ends::{Attempt, FrontEnd, Look, PRODUCT, Progress};
use super::node::{Asker, Node, Process};
use super::shared::Shared;
use super::told::{Broken, Told};
use super::wire::{Message, Rewrite, Wire};

/// Small where small is enough; a follower asks for the view, and a leader counts as stuck, after
/// one tick.
pub const SETTINGS: Settings =
    Settings { min_in_sync: 1, batch: 2, page: 2, queue: 4, silence_ticks: 0, stuck_ticks: 0 };

/// How many replicas there are.
const REPLICAS: u8 = 3;

/// A catalog that sells one product.
fn stocked(stock: u64) -> Rows {
    let mut rows = MemoryDatabase::new(ClusterId(1)).rows();
    rows.products.insert(PRODUCT.clone(), Books::open(Cents::default(), stock));
    rows
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The replicas, by id from 1.
    pub nodes: Vec<Shared<Node>>,
    /// The catalog, all of it durable.
    pub rows: Shared<Rows>,
    /// On its way.
    pub wire: Wire,
    /// The front ends.
    pub front_ends: Vec<FrontEnd>,
    /// The orders' attempts.
    pub attempts: Vec<Attempt>,
    /// The look-ups sent.
    pub looks: Vec<Look>,
    /// What customers were told.
    pub told: Shared<Told>,
    /// A leader that took over gave a reservation back.
    pub cancelled: bool,
    /// What was used up of the bounds.
    pub spent: Spent,
    /// The first rule that a step broke.
    pub broken: Option<Broken>,
}

impl State {
    /// Three replicas that start for the first time, and a catalog that never had a view.
    #[must_use]
    pub fn fresh(bounds: &Bounds) -> Self {
        let rows = stocked(bounds.stock);
        let shared = if bounds.shared { 2 } else { 1 };
        let attempt = |index: usize| Attempt {
            order: index / shared,
            front_end: index % bounds.front_ends,
            progress: Progress::Idle,
            open: false,
            copies: 0,
        };
        let ids = (1..=REPLICAS).map(ReplicaId);
        let mut state = Self {
            nodes: ids.map(|id| Shared::new(Node::new(id))).collect(),
            rows: Shared::new(rows),
            wire: Wire::default(),
            front_ends: vec![FrontEnd::default(); bounds.front_ends],
            attempts: (0..bounds.orders * shared).map(attempt).collect(),
            looks: Vec::new(),
            told: Shared::new(Told::default()),
            cancelled: false,
            spent: Spent::default(),
            broken: None,
        };
        state.ids().for_each(|id| state.start(id));
        state
    }

    /// The replicas' ids.
    pub fn ids(&self) -> impl Iterator<Item = ReplicaId> + use<> {
        (1..=self.nodes.len() as u8).map(ReplicaId)
    }

    /// A replica.
    #[must_use]
    pub fn node(&self, id: ReplicaId) -> &Shared<Node> {
        &self.nodes[usize::from(id.0) - 1]
    }

    /// Replaces a replica.
    pub fn put_node(&mut self, id: ReplicaId, node: Node) {
        self.nodes[usize::from(id.0) - 1] = Shared::new(node);
    }

    /// The view that the catalog holds.
    #[must_use]
    pub fn view(&self) -> Option<&View> {
        self.rows.view.as_ref()
    }

    /// Whether the process that leads in the view runs.
    #[must_use]
    pub fn leader_runs(&self, view: &View) -> bool {
        let node = self.node(view.leader.id);
        node.core().is_some() && node.member() == view.leader
    }

    /// Keeps the first broken rule.
    pub fn check(&mut self, result: Result<(), Broken>) {
        if let Err(broken) = result {
            self.broken.get_or_insert(broken);
        }
    }

    /// A request reaches a running replica.
    pub fn request(&mut self, to: ReplicaId, asker: Asker, request: Request) {
        let mut node = Node::clone(self.node(to));
        let ticket = node.expect(asker);
        self.put_node(to, node);
        self.step(to, Event::Request(ticket, request));
    }

    /// A running replica takes an event in; what it wants done is handed on.
    pub fn step(&mut self, id: ReplicaId, event: Event) {
        let mut node = Node::clone(self.node(id));
        let Process::Up(core) = &mut node.process else { return };
        let effects = match core.step(event) {
            Ok(effects) => effects,
            Err(fatal) => return self.check(Err(Broken::Fatal(fatal))),
        };
        let calls = core.renumber();
        let Effects { writes, calls: made, replies, notices } = effects;
        node.queue.extend(writes.into_iter().map(|(_, write)| write));
        let replies: Vec<_> = replies
            .into_iter()
            .filter_map(|(ticket, reply)| Some((node.askers.remove(&ticket)?, reply)))
            .collect();
        let me = node.member();
        self.put_node(id, node);
        self.rename_calls(id, &calls);
        for (call, to) in made {
            let caller = calls.get(&call).map(|call| (id, *call));
            self.wire.put(match to {
                Call::Peer(to, message) => Message::Peer(caller, to, message),
                Call::Catalog(message) => Message::Catalog(caller, message),
            });
        }
        for (asker, reply) in replies {
            self.reply(me, asker, reply);
        }
        for notice in notices {
            self.cancelled |= matches!(notice, Notice::Serving { cancelled: 1.., .. });
        }
    }

    /// What a replica waits for has new names; for the rest nobody waits any more.
    fn rename_calls(&mut self, id: ReplicaId, calls: &BTreeMap<CallId, CallId>) {
        let same = |call: &CallId| calls.get(call) == Some(call);
        self.wire.rewrite(|message| match message {
            Message::Answer(to, call, answer) if *to == id && !same(call) => {
                let renamed = calls.get(call);
                Rewrite::to(renamed.map(|call| Message::Answer(id, *call, answer.clone())))
            }
            _ => match message.caller() {
                Some((from, call)) if from == id && !same(&call) => {
                    Rewrite::to(match calls.get(&call) {
                        Some(renamed) => Some(message.called_by((id, *renamed))),
                        None => message.orphan(),
                    })
                }
                _ => Rewrite::Keep,
            },
        });
        self.rename_askers(|asker| match asker {
            Asker::Peer(Some((from, call))) if *from == id && !same(call) => {
                *asker = Asker::Peer(calls.get(call).map(|call| (id, *call)));
                true
            }
            _ => false,
        });
    }

    /// Changes who waits, at whatever replica.
    pub fn rename_askers(&mut self, change: impl Fn(&mut Asker) -> bool) {
        for id in self.ids() {
            let node = self.node(id);
            if node.askers.values().any(|asker| change(&mut asker.clone())) {
                let mut node = Node::clone(node);
                node.askers.values_mut().for_each(|asker| {
                    change(asker);
                });
                self.put_node(id, node);
            }
        }
    }

    fn reply(&mut self, me: Member, asker: Asker, reply: Reply) {
        match (asker, reply) {
            (Asker::Peer(None), _) => {}
            (Asker::Peer(Some((to, call))), reply) => {
                let answer = match reply {
                    Reply::Appended(appended) => Answer::Appended(appended),
                    Reply::Fetched(fetched) => Answer::Fetched(fetched),
                    Reply::Joined(joined) => Answer::Joined(joined),
                    _ => return self.check(Err(Broken::Mismatch)),
                };
                self.wire.put(Message::Answer(to, call, answer));
            }
            (Asker::Copy(attempt, copy), Reply::Order(reply)) => {
                self.copy_replied(me, attempt, copy, reply);
            }
            (Asker::Look(look), Reply::Read(reply)) => self.look_replied(look, reply),
            _ => self.check(Err(Broken::Mismatch)),
        }
    }

    fn copy_replied(&mut self, me: Member, attempt: usize, copy: u8, reply: OrderReply) {
        let purchase = self.attempts[attempt].purchase();
        if let OrderReply::Placed(number) = reply {
            let mut told = Told::clone(&self.told);
            // Only a leader of the copy's epoch takes it, and it leads in no other meanwhile.
            let epoch = self.node(me.id).core().map(|core| core.health().promise);
            let first = !told.numbers.contains_key(&purchase.key);
            told.alone |= first && self.view().is_some_and(|view| view.in_sync.len() == 1);
            let result = told.placed((epoch.unwrap_or_default(), me), purchase, number);
            self.told = Shared::new(told);
            self.check(result);
        }
        self.judge(attempt, copy, reply);
    }

    /// A front end hears what came of a copy; only the last one matters to it.
    pub fn judge(&mut self, attempt: usize, copy: u8, reply: OrderReply) {
        if copy == 0 {
            return;
        }
        let front_end = self.attempts[attempt].front_end;
        let view = self.attempts[attempt].judge(reply);
        self.front_ends[front_end].hear(view);
    }

    fn look_replied(&mut self, look: usize, reply: ReadReply) {
        match reply {
            ReadReply::Found(order) => {
                let mut told = Told::clone(&self.told);
                let result = told.found(&order);
                self.told = Shared::new(told);
                self.check(result);
                self.looks[look].found = Some(true);
            }
            ReadReply::NotFound => {
                if self.looks[look].exists {
                    self.check(Err(Broken::Denied(Look::NUMBER)));
                }
                self.looks[look].found = Some(false);
            }
            ReadReply::NotLeader(_) | ReadReply::Unavailable => {}
        }
    }

    /// A replica starts, on what is synced.
    pub fn start(&mut self, id: ReplicaId) {
        let mut node = Node::clone(self.node(id));
        let mut disk: Disk = node.disk().clone();
        let saved = disk.start();
        let mut core = Replica::new(SETTINGS, saved, disk);
        core.renumber();
        node.process = Process::Up(Box::new(core));
        self.put_node(id, node);
    }

    /// Takes off what changes nothing any more and nobody waits for.
    pub fn prune(&mut self) {
        let spent = |message: &&Shared<Message>| match &***message {
            Message::Catalog(None, call) => self.is_spent(call),
            _ => false,
        };
        for message in self.wire.iter().filter(spent).cloned().collect::<Vec<_>>() {
            self.wire.take(&message);
        }
    }

    /// Whether a call surely changes nothing at the catalog, now and later.
    fn is_spent(&self, call: &CatalogCall) -> bool {
        let view = self.view();
        match call {
            CatalogCall::Transact(transact) => {
                let fence = &self.rows.fence;
                let known = (transact.epoch, transact.sequence) <= (fence.epoch, fence.sequence);
                known || view.is_some_and(|view| transact.epoch < view.epoch)
            }
            CatalogCall::ChangeMembers(change) => {
                view.is_some_and(|view| change.revision < view.revision)
            }
            CatalogCall::ListReservations(_) | CatalogCall::ReadView => true,
        }
    }

    /// The request behind a ticket, for whoever has no patience left.
    pub fn waiting_copies(&self) -> impl Iterator<Item = (ReplicaId, Ticket)> + '_ {
        self.ids().flat_map(|id| {
            let askers = self.node(id).askers.iter();
            let copies = askers.filter(|(_, asker)| matches!(asker, Asker::Copy(..)));
            copies.map(move |(ticket, _)| (id, *ticket))
        })
    }
}
