//! The world around the cores: who is up, what is on its way, what goes wrong.

use std::collections::{BTreeMap, BTreeSet};

use toystore_authority::memory::MemoryDatabase;
use toystore_authority::messages::Proposed;
use toystore_authority::{Command, Database, Outcome, Transaction, execute, products};
use toystore_domain::{Cents, OrderKey, ProductName, Purchase, Quantity};
use toystore_replication::choice::{Choice, Health, RoleName, choose};
use toystore_replication::effects::{Call, Reply};
use toystore_replication::messages::{
    Answer, CatalogCall, NoAnswer, OrderReply, PeerCall, PlaceOrder,
};
use toystore_replication::{
    Attempt, CallId, ClusterId, Edge, Event, Notice, Replica, ReplicaId, Request, Settings,
    StoreId, Ticket, View, Write, WriteId,
};

use super::checks::{
    Told, acknowledged_is_durable, at_rest, books_balance, committed_prefixes_agree,
};
use super::disk::Disk;
use super::{Core, Random, Seen};

const IDS: [ReplicaId; 3] = [ReplicaId(1), ReplicaId(2), ReplicaId(3)];
const PRODUCTS: [&str; 2] = ["Tux", "Whale"];
const TICK: u64 = 10;
const TIMEOUT: u64 = 60;

/// A process's life: messages of an earlier one find nobody.
type Life = u64;

/// Something on its way.
#[derive(Clone, Debug)]
enum Item {
    Tick(ReplicaId, Life),
    Synced(ReplicaId, Life, WriteId),
    ToPeer { from: (ReplicaId, Life), call: CallId, to: ReplicaId, message: PeerCall },
    ToCatalog { from: (ReplicaId, Life), call: CallId, message: CatalogCall },
    Answered { to: (ReplicaId, Life), call: CallId, answer: Answer },
    Notice(ReplicaId, View),
    Order(ReplicaId, PlaceOrder),
    Choose,
    Restart(ReplicaId),
    CatalogUp,
}

/// Who gets a reply.
#[derive(Clone, Debug)]
enum Asker {
    Peer { from: (ReplicaId, Life), call: CallId },
    Client(Purchase),
}

struct Node {
    core: Option<Core>,
    life: Life,
    disk: Disk,
    askers: BTreeMap<Ticket, Asker>,
}

/// Everything.
pub struct World {
    seed: u64,
    random: Random,
    now: u64,
    sequence: u64,
    agenda: BTreeMap<(u64, u64), Item>,
    nodes: BTreeMap<ReplicaId, Node>,
    catalog: MemoryDatabase,
    catalog_up: bool,
    /// One-way cuts; 0 is the catalog.
    cuts: BTreeSet<(u8, u8)>,
    healing: bool,
    tickets: u64,
    purchases: Vec<Purchase>,
    told: Told,
    stores: u128,
    /// Calls that were answered already: each is answered once.
    answered: BTreeSet<(ReplicaId, Life, CallId)>,
    /// What happened.
    pub seen: Seen,
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

fn settings() -> Settings {
    Settings { min_in_sync: 1, batch: 4, page: 3, queue: 100, silence_ticks: 4, stuck_ticks: 20 }
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
        let mut world = Self {
            seed,
            random: Random::new(seed),
            now: 0,
            sequence: 0,
            agenda: BTreeMap::new(),
            nodes: BTreeMap::new(),
            catalog,
            catalog_up: true,
            cuts: BTreeSet::new(),
            healing: false,
            tickets: 0,
            purchases: Vec::new(),
            told: Told::default(),
            stores: 0,
            answered: BTreeSet::new(),
            seen: Seen::default(),
        };
        for id in IDS {
            world.stores += 1;
            let disk = Disk::new(StoreId(world.stores));
            let node = Node { core: None, life: 0, disk, askers: BTreeMap::new() };
            world.nodes.insert(id, node);
            world.restart(id);
        }
        world.put(1, Item::Choose);
        world
    }

    fn put(&mut self, delay: u64, item: Item) {
        self.sequence += 1;
        self.agenda.insert((self.now + delay.max(1), self.sequence), item);
    }

    /// A time of faults.
    pub fn faults(&mut self, steps: u64) {
        for _ in 0..steps {
            self.trouble();
            self.order_something();
            self.next();
        }
    }

    /// Faults end; everything must come to rest, with every replica in sync.
    ///
    /// # Panics
    /// When it does not, within a bound.
    pub fn heal(&mut self) {
        self.healing = true;
        self.cuts.clear();
        self.catalog_up = true;
        for id in IDS {
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

    fn is_at_rest(&self) -> bool {
        let rows = self.catalog.rows();
        let all = rows.view.as_ref().is_some_and(|view| view.in_sync.len() == IDS.len());
        let mut healths = self.nodes.values().map(|node| node.core.as_ref().map(Replica::health));
        let quiet = |health: Health| {
            health.commit == health.last.number
                && !health.stuck
                && matches!(health.role, RoleName::Leader | RoleName::Follower)
        };
        let idle = self.nodes.values().all(|node| node.disk.waiting() == 0);
        let busy = self.agenda.values().any(|item| matches!(item, Item::Order(..)));
        all && !busy
            && idle
            && rows.reservations.is_empty()
            && healths.all(|health| health.is_some_and(quiet))
    }

    fn trouble(&mut self) {
        if self.random.chance(4) {
            let id = IDS[self.random.below(3) as usize];
            self.crash(id);
        }
        if self.random.chance(1) {
            self.seen.catalog_crashes += u64::from(self.catalog_up);
            self.catalog_up = false;
            let delay = self.random.below(400);
            self.put(delay, Item::CatalogUp);
        }
        if self.random.chance(3) {
            let cut = (self.random.below(4) as u8, self.random.below(4) as u8);
            self.cuts.insert(cut);
        }
        if self.random.chance(12) {
            self.cuts.pop_first();
        }
        if self.random.chance(1) {
            self.wipe();
        }
    }

    /// A disk is lost, where the promise allows: another in-sync replica stays, and none was lost
    /// since all were in sync.
    fn wipe(&mut self) {
        let view = self.catalog.rows().view;
        if view.is_none_or(|view| view.in_sync.len() < 3) {
            return;
        }
        let id = IDS[self.random.below(3) as usize];
        self.crash(id);
        self.stores += 1;
        let store = StoreId(self.stores);
        self.nodes.get_mut(&id).unwrap().disk = Disk::new(store);
        self.seen.wipes += 1;
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
        node.core = Some(Replica::new(settings(), saved, node.disk.clone()));
        let life = node.life;
        self.put(TICK, Item::Tick(id, life));
    }

    fn order_something(&mut self) {
        if !self.random.chance(60) {
            return;
        }
        let again = !self.purchases.is_empty() && self.random.chance(400);
        let purchase = if again {
            let index = self.random.below(self.purchases.len() as u64) as usize;
            self.purchases[index].clone()
        } else {
            let product = PRODUCTS[self.random.below(2) as usize];
            let purchase = Purchase {
                key: OrderKey::new(&format!("k{}", self.purchases.len())).unwrap(),
                product: ProductName::new(product).unwrap(),
                quantity: Quantity::new(1 + self.random.below(3)).unwrap(),
            };
            self.purchases.push(purchase.clone());
            purchase
        };
        // A front end may know an old view.
        let to = IDS[self.random.below(3) as usize];
        let Some(view) = self.catalog.rows().view else { return };
        let to = if self.random.chance(900) { view.leader.id } else { to };
        let attempt = Attempt(self.random.number());
        let place =
            PlaceOrder { epoch: view.epoch, attempt, repeat: false, purchase, patience_ms: 1000 };
        let delay = self.random.below(20);
        if self.random.chance(100) {
            let late = 100 + self.random.below(300);
            let copy = PlaceOrder { repeat: true, ..place.clone() };
            self.put(late, Item::Order(to, copy));
        }
        self.put(delay, Item::Order(to, place));
    }

    fn passes(&mut self, from: u8, to: u8) -> bool {
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
            Item::Order(id, place) => {
                let asker = Asker::Client(place.purchase.clone());
                self.request(id, asker, Request::Order(place));
            }
            Item::Choose => self.choose(),
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
        self.request(to, Asker::Peer { from, call }, request);
    }

    fn request(&mut self, to: ReplicaId, asker: Asker, request: Request) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let node = self.nodes.get_mut(&to).unwrap();
        if node.core.is_some() {
            node.askers.insert(ticket, asker);
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
    fn choose(&mut self) {
        let delay = 20 + self.random.below(60);
        self.put(delay, Item::Choose);
        if !self.catalog_up {
            return;
        }
        let view = self.catalog.rows().view;
        let mut answers = BTreeMap::new();
        for id in IDS {
            let unseen = !self.healing && self.random.chance(100);
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
        if let Choice::Propose(proposal) = choose(view.as_ref(), &IDS, &answers)
            && let Outcome::Proposed(Proposed::Accepted(view)) =
                self.run_command(&Command::Propose(proposal))
        {
            self.seen.leaders += 1;
            for id in IDS {
                let delay = self.random.below(20);
                if self.passes(9, id.0) {
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
            let delay = 1 + self.random.below(15);
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
            (Asker::Client(purchase), Reply::Order(OrderReply::Placed(number))) => {
                if self.told.placed(&purchase.key, number) {
                    self.seen.acknowledged += 1;
                    let view = self.catalog.rows().view;
                    self.seen.alone += u64::from(view.is_some_and(|view| view.in_sync.len() == 1));
                }
            }
            (Asker::Client(_), _) => {}
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
