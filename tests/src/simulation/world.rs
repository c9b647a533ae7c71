//! The world around the cores: who is up, what is on its way, what goes wrong.

mod catalog;
mod faults;
mod network;

use std::collections::{BTreeMap, BTreeSet};

use toystore_authority::memory::MemoryDatabase;
use toystore_authority::{Database, Transaction, products};
use toystore_domain::{Cents, OrderNumber, ProductName, Purchase};
use toystore_replication::choice::{Health, RoleName};
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
use super::front_ends::{Attempting, Copy, FRONT_ENDS, Look, PRODUCTS};
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

    pub(super) fn passes(&mut self, from: u8, to: u8) -> bool {
        let lost = !self.healing && self.random.chance(15);
        self.seen.lost += u64::from(lost);
        !lost && !self.cuts.contains(&(from, to))
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
