//! The world around the cores: who is up, what is on its way, what goes wrong.

use std::collections::{BTreeMap, BTreeSet};

use toystore_authority::memory::MemoryDatabase;
use toystore_authority::messages::Proposed;
use toystore_authority::{Command, Database, Outcome, Transaction, execute, products};
use toystore_coherence::messages::PutProduct;
use toystore_domain::{Cents, OrderNumber, ProductName, Purchase};
use toystore_replication::choice::{Choice, Health, RoleName, choose};
use toystore_replication::effects::{Call, Reply};
use toystore_replication::messages::{
    Answer, CatalogCall, NoAnswer, OrderReply, PeerCall, PlaceOrder,
};
use toystore_replication::{
    CallId, ClusterId, Edge, Event, Notice, Replica, ReplicaId, Request, Settings, StoreId, Ticket,
    View, Write, WriteId,
};

use super::checks::{
    Told, acknowledged_is_durable, at_rest, books_balance, committed_prefixes_agree,
};
use super::disk::Disk;
use super::front_ends::{Attempting, Copy, FRONT_ENDS, Look, PRODUCTS, name};
use super::{Core, Random, Seen};

const TICK: u64 = 10;
const TIMEOUT: u64 = 60;

/// A process's life: messages of an earlier one find nobody.
pub type Life = u64;

/// Something on its way.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Item {
    Tick(ReplicaId, Life),
    Synced(ReplicaId, Life, WriteId),
    ToPeer { from: (ReplicaId, Life), call: CallId, to: ReplicaId, message: PeerCall },
    ToCatalog { from: (ReplicaId, Life), call: CallId, message: CatalogCall },
    Answered { to: (ReplicaId, Life), call: CallId, answer: Answer },
    Notice(ReplicaId, View),
    Order(ReplicaId, Copy, PlaceOrder),
    CopyAnswered(Copy, OrderReply),
    CopyMissed(Copy),
    Again(usize),
    Look(ReplicaId, Look),
    Expired(ReplicaId, Life, Ticket),
    Choose(usize),
    Crash(ReplicaId),
    Restart(ReplicaId),
    CatalogUp,
}

/// Who gets a reply.
#[derive(Clone, Debug)]
pub enum Asker {
    /// Another replica.
    Peer {
        /// Which, in which life.
        from: (ReplicaId, Life),
        /// Its call.
        call: CallId,
    },
    /// A front end, for a copy of an order.
    Orders(Copy),
    /// A front end, for a look-up.
    Looks(Look),
}

struct Node {
    core: Option<Core>,
    life: Life,
    disk: Disk,
    askers: BTreeMap<Ticket, Asker>,
    /// Stopped until then.
    paused_until: u64,
    /// Its disk syncs nothing until then.
    disk_until: u64,
}

/// Everything.
pub struct World {
    seed: u64,
    pub(super) random: Random,
    pub(super) now: u64,
    pub(super) ids: Vec<ReplicaId>,
    settings: Settings,
    sequence: u64,
    agenda: BTreeMap<(u64, u64), Item>,
    nodes: BTreeMap<ReplicaId, Node>,
    catalog: MemoryDatabase,
    catalog_up: bool,
    /// One-way cuts; 0 is the catalog, 8 and 9 are front ends.
    cuts: BTreeSet<(u8, u8)>,
    healing: bool,
    tickets: u64,
    pub(super) attempts: Vec<Attempting>,
    /// The view that each front end knows.
    pub(super) known: [Option<View>; FRONT_ENDS],
    pub(super) told: Told,
    stores: u128,
    /// Its disk is slower than the others'.
    slow: Option<ReplicaId>,
    lost_disks: Vec<Disk>,
    /// Calls that were answered already: each is answered once.
    answered: BTreeSet<(ReplicaId, Life, CallId)>,
    /// What happened.
    pub seen: Seen,
}

/// The replica whose process takes this in.
fn addressee(item: &Item) -> Option<ReplicaId> {
    match item {
        Item::Tick(id, _)
        | Item::Synced(id, ..)
        | Item::ToPeer { to: id, .. }
        | Item::Answered { to: (id, _), .. }
        | Item::Notice(id, _)
        | Item::Order(id, ..)
        | Item::Look(id, _)
        | Item::Expired(id, ..) => Some(*id),
        _ => None,
    }
}

/// Collects the acts of one step.
struct Acts {
    writes: Vec<(WriteId, Write)>,
    calls: Vec<(CallId, Call)>,
    replies: Vec<(Ticket, Reply)>,
    notices: Vec<Notice>,
}

impl Edge for Acts {
    fn write(&mut self, id: WriteId, write: Write) {
        self.writes.push((id, write));
    }
    fn call(&mut self, id: CallId, call: Call) {
        self.calls.push((id, call));
    }
    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.replies.push((ticket, reply));
    }
    fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }
}

/// How many replicas, and what the operator demands: one seed in two has three replicas and the
/// defaults.
fn shape(random: &mut Random) -> (u8, Settings) {
    let replicas = [3, 3, 3, 3, 1, 2, 3, 5][random.below(8) as usize];
    let min_in_sync = if random.chance(300) { 2.min(usize::from(replicas)) } else { 1 };
    let queue = if random.chance(200) { 2 } else { 100 };
    let settings =
        Settings { min_in_sync, batch: 4, page: 3, queue, silence_ticks: 4, stuck_ticks: 20 };
    (replicas, settings)
}

impl World {
    /// A new store, all replicas up.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let catalog = MemoryDatabase::new(ClusterId(77));
        let mut tx = catalog.begin();
        for name in PRODUCTS {
            let name = ProductName::new(name).unwrap();
            let price = Cents::new(100);
            products::put(&mut tx, &name, price, Some(20), &mut BTreeSet::new()).unwrap();
        }
        tx.commit().unwrap();
        let mut random = Random::new(seed);
        let (replicas, settings) = shape(&mut random);
        let mut world = Self {
            seed,
            random,
            now: 0,
            ids: (1..=replicas).map(ReplicaId).collect(),
            settings,
            sequence: 0,
            agenda: BTreeMap::new(),
            nodes: BTreeMap::new(),
            catalog,
            catalog_up: true,
            cuts: BTreeSet::new(),
            healing: false,
            tickets: 0,
            attempts: Vec::new(),
            known: [None, None],
            told: Told::default(),
            stores: 0,
            slow: None,
            lost_disks: Vec::new(),
            answered: BTreeSet::new(),
            seen: Seen::default(),
        };
        for id in world.ids.clone() {
            world.stores += 1;
            let disk = Disk::new(StoreId(world.stores));
            let node = Node {
                core: None,
                life: 0,
                disk,
                askers: BTreeMap::new(),
                paused_until: 0,
                disk_until: 0,
            };
            world.nodes.insert(id, node);
            world.restart(id);
        }
        for front_end in 0..FRONT_ENDS {
            world.put(1, Item::Choose(front_end));
        }
        world
    }

    pub(super) fn put(&mut self, delay: u64, item: Item) {
        self.sequence += 1;
        self.agenda.insert((self.now + delay.max(1), self.sequence), item);
    }

    /// A time of faults.
    pub fn faults(&mut self, steps: u64) {
        for _ in 0..steps {
            self.trouble();
            self.front_ends_work();
            self.next();
        }
    }

    /// Faults end; everything must come to rest, with every replica in sync.
    ///
    /// # Panics
    /// When it does not, within a bound.
    pub fn heal(&mut self) {
        self.healing = true;
        let now = self.now;
        for node in self.nodes.values_mut() {
            node.paused_until = now.min(node.paused_until);
            node.disk_until = now.min(node.disk_until);
        }
        self.cuts.clear();
        self.catalog_up = true;
        for id in self.ids.clone() {
            if self.nodes[&id].core.is_none() {
                self.restart(id);
            }
        }
        for _ in 0..40_000 {
            self.next();
            if self.is_at_rest() {
                let logs: Vec<_> =
                    self.nodes.iter().map(|(id, node)| (*id, node.disk.entries())).collect();
                at_rest(&self.told, &logs, &self.catalog.rows());
                return;
            }
        }
        let healths: Vec<_> = self
            .nodes
            .values()
            .filter_map(|node| node.core.as_ref().map(Replica::health))
            .collect();
        let rows = self.catalog.rows();
        panic!(
            "seed {}: I11: no rest: {healths:?} view {:?} reserved {:?}",
            self.seed, rows.view, rows.reservations
        );
    }

    /// Whether a replica that restarts is soon in sync again although orders keep coming, without
    /// faults, and its disk is slower than the others'; `None` where the store has fewer than three.
    #[must_use]
    pub fn joins_under_load(&mut self) -> Option<bool> {
        if self.ids.len() < 3 {
            return None;
        }
        self.healing = true;
        let slow = self.ids[0];
        self.slow = Some(slow);
        self.settings = Settings { batch: 50, page: 500, queue: 1_000, ..self.settings };
        for id in self.ids.clone() {
            self.crash(id);
            self.restart(id);
        }
        (0..2_000).for_each(|_| self.next());
        self.crash(slow);
        let mut out = false;
        for _ in 0..1_000 {
            (0..12).for_each(|_| self.order_something());
            (0..30).for_each(|_| self.next());
            let view = self.catalog.rows().view;
            let whole = view.is_some_and(|view| view.in_sync.len() == self.ids.len());
            out |= !whole;
            if out && whole {
                return Some(true);
            }
        }
        Some(false)
    }

    fn is_at_rest(&self) -> bool {
        let rows = self.catalog.rows();
        let all = rows.view.as_ref().is_some_and(|view| view.in_sync.len() == self.ids.len());
        let mut healths = self.nodes.values().map(|node| node.core.as_ref().map(Replica::health));
        let quiet = |health: Health| {
            health.commit == health.last.number
                && !health.stuck
                && matches!(health.role, RoleName::Leader | RoleName::Follower)
        };
        let idle = self.nodes.values().all(|node| node.disk.waiting() == 0);
        // A single replica's orders keep their rows: the catalog is their second disk.
        let alone = self.ids.len() == 1;
        let busy = self
            .agenda
            .values()
            .any(|item| matches!(item, Item::Order(..) | Item::Again(_) | Item::CopyMissed(_)));
        all && !busy
            && idle
            && rows.reservations.values().all(|row| alone && row.recorded.is_some())
            && healths.all(|health| health.is_some_and(quiet))
    }

    fn trouble(&mut self) {
        if self.random.chance(4) {
            let id = self.any();
            self.crash(id);
        }
        if self.random.chance(1) {
            let (id, until) = (self.any(), self.now + self.random.below(200));
            self.nodes.get_mut(&id).unwrap().paused_until = until;
            self.seen.pauses += 1;
        }
        if self.random.chance(1) {
            let (id, until) = (self.any(), self.now + self.random.below(200));
            self.nodes.get_mut(&id).unwrap().disk_until = until;
            self.seen.stuck_disks += 1;
        }
        if self.random.chance(1) {
            self.seen.catalog_crashes += u64::from(self.catalog_up);
            self.catalog_up = false;
            let delay = self.random.below(400);
            self.put(delay, Item::CatalogUp);
        }
        if self.random.chance(3) {
            let mut places: Vec<u8> = self.ids.iter().map(|id| id.0).collect();
            places.extend([0, name(0), name(1)]);
            let mut any = || places[self.random.below(places.len() as u64) as usize];
            let cut = (any(), any());
            self.cuts.insert(cut);
        }
        if self.random.chance(12) {
            self.cuts.pop_first();
        }
        if self.random.chance(1) {
            self.wipe();
        }
        if self.random.chance(3) && self.catalog_up {
            self.adjust();
        }
    }

    /// An administrator changes the stock of a product.
    fn adjust(&mut self) {
        let name = ProductName::new(PRODUCTS[self.random.below(2) as usize]).unwrap();
        let stock = Some(self.random.below(20));
        self.run_command(&Command::Put(PutProduct { name, price: None, stock }));
    }

    /// A disk is lost, where the promise allows: another in-sync replica stays, and none was lost
    /// since all were in sync.
    fn wipe(&mut self) {
        let Some(view) = self.catalog.rows().view else { return };
        let whole = |id: &ReplicaId| {
            let store = self.nodes[id].disk.store();
            view.in_sync.iter().any(|member| (member.id, member.store) == (*id, store))
        };
        if self.ids.len() < 3 || !self.ids.iter().all(whole) {
            return;
        }
        let id = self.any();
        self.crash(id);
        self.stores += 1;
        let store = StoreId(self.stores);
        let node = self.nodes.get_mut(&id).unwrap();
        self.lost_disks.push(std::mem::replace(&mut node.disk, Disk::new(store)));
        self.seen.wipes += 1;
    }

    fn any(&mut self) -> ReplicaId {
        let index = self.random.below(self.ids.len() as u64) as usize;
        self.ids[index]
    }

    fn crash(&mut self, id: ReplicaId) {
        let kept = self.random.below(4) as usize;
        let node = self.nodes.get_mut(&id).unwrap();
        if node.core.take().is_none() {
            return;
        }
        node.disk.crash(kept);
        let askers = std::mem::take(&mut node.askers);
        self.seen.crashes += 1;
        for asker in askers.into_values() {
            if let Asker::Peer { from, call } = asker {
                self.answer(id.0, from, call, Answer::None(NoAnswer::Broken));
            }
        }
        let node = self.nodes.get_mut(&id).unwrap();
        (node.paused_until, node.disk_until) = (0, 0);
        let delay = 20 + self.random.below(500);
        self.put(delay, Item::Restart(id));
    }

    fn restart(&mut self, id: ReplicaId) {
        let node = self.nodes.get_mut(&id).unwrap();
        if node.core.is_some() {
            return;
        }
        node.life += 1;
        let saved = node.disk.start(id);
        node.core = Some(Replica::new(self.settings, saved, node.disk.clone()));
        let life = node.life;
        self.put(TICK, Item::Tick(id, life));
    }

    pub(super) fn passes(&mut self, from: u8, to: u8) -> bool {
        let lost = !self.healing && self.random.chance(15);
        self.seen.lost += u64::from(lost);
        !lost && !self.cuts.contains(&(from, to))
    }

    fn answer(&mut self, from: u8, to: (ReplicaId, Life), call: CallId, answer: Answer) {
        let delay = 1 + self.random.below(12);
        if self.passes(from, to.0.0) {
            self.put(delay, Item::Answered { to, call, answer });
        }
    }

    fn next(&mut self) {
        let Some(((time, _), item)) = self.agenda.pop_first() else { return };
        self.now = time;
        if let Some(id) = addressee(&item)
            && self.nodes[&id].paused_until > time
        {
            let wait = self.nodes[&id].paused_until - time;
            return self.put(wait, item);
        }
        match item {
            Item::Tick(id, life) => {
                if self.nodes[&id].life == life && self.nodes[&id].core.is_some() {
                    self.put(TICK, Item::Tick(id, life));
                    self.step(id, Event::Tick);
                }
            }
            Item::Synced(id, life, write) => {
                if self.nodes[&id].life == life && self.nodes[&id].core.is_some() {
                    self.nodes[&id].disk.sync(write);
                    self.step(id, Event::Saved(write));
                }
            }
            Item::ToPeer { from, call, to, message } => self.deliver(from, call, to, message),
            Item::ToCatalog { from, call, message } => {
                if self.catalog_up {
                    let answer = self.ask_catalog(message);
                    self.answer(0, from, call, answer);
                } else {
                    self.answer(0, from, call, Answer::None(NoAnswer::Refused));
                }
            }
            Item::Answered { to: (id, life), call, answer } => {
                let alive = self.nodes[&id].life == life && self.nodes[&id].core.is_some();
                if alive && self.answered.insert((id, life, call)) {
                    self.step(id, Event::Answered(call, answer));
                }
            }
            Item::Notice(id, view) => self.step(id, Event::View(view)),
            Item::Order(id, copy, place) => {
                if self.nodes[&id].core.is_none() {
                    self.copy_refused(copy);
                } else {
                    let patience = u64::from(place.patience_ms);
                    let request = Request::Order(place);
                    self.request(id, Asker::Orders(copy), request, Some(patience));
                }
            }
            Item::CopyAnswered(copy, reply) => self.judge(copy, Ok(reply)),
            Item::CopyMissed(copy) => self.copy_missed(copy),
            Item::Again(attempt) => self.send_copy(attempt),
            Item::Look(id, look) => self.look(id, look),
            Item::Expired(id, life, ticket) => {
                if self.nodes[&id].life == life && self.nodes[&id].askers.contains_key(&ticket) {
                    self.step(id, Event::Expired(ticket));
                    let node = &self.nodes[&id];
                    let answered = node.core.is_none() || !node.askers.contains_key(&ticket);
                    assert!(answered, "seed {}: whose patience ended waits on", self.seed);
                }
            }
            Item::Choose(front_end) => self.choose(front_end),
            Item::Crash(_) if self.healing => {}
            Item::Crash(id) => self.crash(id),
            Item::Restart(id) => self.restart(id),
            Item::CatalogUp => self.catalog_up = true,
        }
        self.check();
    }

    fn deliver(&mut self, from: (ReplicaId, Life), call: CallId, to: ReplicaId, message: PeerCall) {
        if self.nodes[&to].core.is_none() {
            self.answer(to.0, from, call, Answer::None(NoAnswer::Refused));
            return;
        }
        let request = match message {
            PeerCall::Append(append) => Request::Append(append),
            PeerCall::Fetch(fetch) => Request::Fetch(fetch),
            PeerCall::Join(join) => Request::Join(join),
        };
        self.request(to, Asker::Peer { from, call }, request, None);
    }

    pub(super) fn request(
        &mut self,
        to: ReplicaId,
        asker: Asker,
        request: Request,
        patience: Option<u64>,
    ) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let node = self.nodes.get_mut(&to).unwrap();
        if node.core.is_some() {
            node.askers.insert(ticket, asker);
            let life = node.life;
            if let Some(patience) = patience {
                self.put(patience, Item::Expired(to, life, ticket));
            }
            self.step(to, Event::Request(ticket, request));
        }
    }

    fn ask_catalog(&mut self, call: CatalogCall) -> Answer {
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

    fn run_command(&mut self, command: &Command) -> Outcome {
        let mut tx = self.catalog.begin();
        let outcome = execute(&mut tx, command, &mut BTreeSet::new()).unwrap();
        execute(&mut tx, &Command::Restock(10), &mut BTreeSet::new()).unwrap();
        tx.commit().unwrap();
        outcome
    }

    /// A front end looks for a leader, now and then for no good reason.
    fn choose(&mut self, front_end: usize) {
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

    fn step(&mut self, id: ReplicaId, event: Event) {
        let seed = self.seed;
        let node = self.nodes.get_mut(&id).unwrap();
        let Some(core) = &mut node.core else { return };
        let effects = core.step(event).unwrap_or_else(|fatal| panic!("seed {seed}: {id}: {fatal}"));
        let mut acts = Acts {
            writes: Vec::new(),
            calls: Vec::new(),
            replies: Vec::new(),
            notices: Vec::new(),
        };
        effects.perform(&mut acts);
        let life = node.life;
        for (write, content) in acts.writes {
            self.nodes[&id].disk.write(write, content);
            let stuck = self.nodes[&id].disk_until.saturating_sub(self.now);
            let slow = if self.slow == Some(id) { 25 } else { 0 };
            let delay = stuck + slow + 1 + self.random.below(15);
            self.put(delay, Item::Synced(id, life, write));
        }
        if !self.healing && self.random.chance(2) {
            // Between two effects of one step.
            self.crash(id);
            return;
        }
        for (call, what) in acts.calls {
            self.send((id, life), call, what);
        }
        for (ticket, reply) in acts.replies {
            self.reply(id, ticket, reply);
        }
        for notice in acts.notices {
            if !self.healing && self.random.chance(20) {
                // What a leader does next is where it hurts most.
                let delay = self.random.below(60);
                self.put(delay, Item::Crash(id));
            }
            match notice {
                Notice::Truncated { .. } => self.seen.truncated += 1,
                Notice::LostOrder(key, number) => {
                    panic!("seed {seed}: order {number} ({key}) lost without an unclean choice")
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, from: (ReplicaId, Life), call: CallId, what: Call) {
        let late = Answer::None(NoAnswer::Late);
        self.put(TIMEOUT, Item::Answered { to: from, call, answer: late });
        let (to, item) = match what {
            Call::Peer(to, message) => (to.0, Item::ToPeer { from, call, to, message }),
            Call::Catalog(message) => (0, Item::ToCatalog { from, call, message }),
        };
        let delay = 1 + self.random.below(12);
        if !self.healing && self.random.chance(20) {
            self.seen.doubled += 1;
            let late = self.random.below(300);
            self.put(late, item.clone());
        }
        if self.passes(from.0.0, to) {
            self.put(delay, item);
        }
    }

    fn reply(&mut self, id: ReplicaId, ticket: Ticket, reply: Reply) {
        let Some(asker) = self.nodes.get_mut(&id).unwrap().askers.remove(&ticket) else {
            panic!("seed {}: {ticket:?} was answered twice", self.seed);
        };
        match (asker, reply) {
            (Asker::Orders(copy), Reply::Order(reply)) => self.copy_replied(id, copy, reply),
            (Asker::Looks(look), Reply::Read(reply)) => self.found(look, reply),
            (Asker::Looks(look), Reply::List(reply)) => self.listed(look, reply),
            (asker @ (Asker::Orders(_) | Asker::Looks(_)), reply) => {
                panic!("{asker:?}: {reply:?}")
            }
            (Asker::Peer { from, call }, reply) => {
                let answer = match reply {
                    Reply::Appended(appended) => Answer::Appended(appended),
                    Reply::Fetched(fetched) => Answer::Fetched(fetched),
                    Reply::Joined(joined) => Answer::Joined(joined),
                    other => panic!("{other:?}"),
                };
                self.answer(id.0, from, call, answer);
            }
        }
    }

    /// A replica acknowledges an order: it is on two disks, and on as many as the operator demands.
    pub(super) fn acknowledged(&mut self, by: ReplicaId, purchase: &Purchase, number: OrderNumber) {
        if !self.told.placed(purchase, number) {
            return;
        }
        self.seen.acknowledged += 1;
        let rows = self.catalog.rows();
        let Some(view) = rows.view else { return };
        self.seen.alone += u64::from(view.in_sync.len() == 1);
        let holds = |disk: &&Disk| {
            disk.synced(number).is_some_and(|entry| entry.purchase.key == purchase.key)
        };
        let disks = self.nodes.values().map(|node| &node.disk).chain(&self.lost_disks);
        let replicas = disks.filter(holds).count();
        let row = rows.reservations.get(&purchase.key);
        let recorded = row.is_some_and(|row| row.recorded == Some(number));
        let copies = replicas + usize::from(recorded);
        assert!(copies >= 2, "I1: order {number}, acknowledged by {by}, is on one disk: {view:?}");
        let epoch = self.nodes[&by].disk.synced(number).map(|entry| entry.epoch);
        // What a leader takes over is committed by whoever is in sync then.
        let enough = epoch != Some(view.epoch) || replicas >= self.settings.min_in_sync;
        assert!(enough, "order {number} is on {replicas} replicas only");
    }

    fn check(&self) {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.check_all()));
        if let Err(cause) = result {
            eprintln!("seed {} at {}", self.seed, self.now);
            std::panic::resume_unwind(cause);
        }
    }

    fn check_all(&self) {
        let rows = self.catalog.rows();
        books_balance(&rows);
        let Some(view) = &rows.view else { return };
        let may_lead: Vec<_> = view
            .in_sync
            .iter()
            .map(|member| (member, &self.nodes[&member.id].disk))
            .filter(|(member, disk)| member.store == disk.store())
            .map(|(member, disk)| (member.id, disk.clone()))
            .collect();
        acknowledged_is_durable(&self.told, &may_lead);
        let cores: Vec<_> =
            self.nodes.iter().filter_map(|(id, node)| Some((*id, node.core.as_ref()?))).collect();
        committed_prefixes_agree(&cores);
    }
}
