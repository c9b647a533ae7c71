//! A simulated store: its processes, and what carries frames between them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};
use toystore_authority::memory::MemoryDatabase;
use toystore_authority::{Database, Transaction, products};
use toystore_domain::{Cents, ProductName};
use toystore_front_end::parts::Parts;
use toystore_host::limits::REQUEST_DEADLINE;
use toystore_host::{Address, CallError, Caller, ClusterConfig, Desk};
use toystore_replication::{ClusterId, ReplicaId, StoreId};

use super::control::Control;
use super::disk::Disk;
use super::faults::Away;
use super::network::{Lines, Parcel, SimulatedWire};
use super::plan::Plan;
use super::process::{Machine, Process, in_time};
use super::watch::Watch;
use crate::history::Call;

/// Nobody changes a disk faster: longer than anything that its replica sent may be on its way.
const DISK_CHANGE: Duration = Duration::from_secs(6);
/// What is sold at first.
pub const PRODUCTS: [&str; 3] = ["Tux", "Uno", "Whale"];

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// The catalog.
    Catalog,
    /// An order replica.
    Order(ReplicaId),
    /// A front end.
    FrontEnd(u8),
}

impl Name {
    /// Where it listens.
    #[must_use]
    pub fn address(self) -> Address {
        let (host, port) = match self {
            Self::Catalog => ("catalog", 1),
            Self::Order(id) => ("order", u16::from(id.0)),
            Self::FrontEnd(number) => ("front-end", u16::from(number)),
        };
        format!("{host}:{port}").parse().unwrap()
    }

    /// As the log names it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Order(id) => {
                ["order-1", "order-2", "order-3", "order-4", "order-5"][id.0 as usize - 1]
            }
            Self::FrontEnd(number) => {
                ["front-end-1", "front-end-2", "front-end-3"][number as usize - 1]
            }
        }
    }
}

/// What a process offers once it has started.
#[derive(Clone, Default)]
pub struct Offer {
    /// What it answers to other processes.
    pub desk: Option<Desk>,
    /// What a front end answers customers with.
    pub parts: Option<Parts>,
}

/// A running process.
#[derive(Clone)]
pub struct Node {
    /// Its tasks.
    pub process: Process,
    /// Filled when it listens.
    pub offer: Rc<RefCell<Offer>>,
    /// Its disk has no room for more.
    pub full: Arc<AtomicBool>,
    /// Its disk is stuck until then.
    pub stuck_until: Rc<RefCell<Instant>>,
}

impl Node {
    /// How long its disk will be stuck from now.
    #[must_use]
    pub fn stuck(&self) -> Duration {
        self.stuck_until.borrow().saturating_duration_since(Instant::now())
    }
}

/// Everything.
pub struct World {
    /// Randomness, counts, failures.
    pub control: Control,
    /// What kind of run it is.
    pub plan: Plan,
    /// Who checks each state.
    pub watch: Watch,
    /// The network.
    pub lines: RefCell<Lines>,
    /// What customers saw.
    pub calls: RefCell<Vec<Call>>,
    /// The catalog's rows.
    pub catalog: MemoryDatabase,
    /// The replicas' disks.
    pub disks: RefCell<BTreeMap<ReplicaId, Disk>>,
    /// Replicas whose disks are to be replaced.
    pub doomed: RefCell<BTreeSet<ReplicaId>>,
    /// Replicas that are not healed before orders were placed without them.
    pub away: RefCell<BTreeMap<ReplicaId, Away>>,
    /// How many databases there ever were.
    pub stores: RefCell<u128>,
    /// Where the replicas are.
    pub replicas: ClusterConfig,
    nodes: RefCell<BTreeMap<Name, Node>>,
    machines: BTreeMap<Name, Rc<Machine>>,
    office: UnboundedSender<Parcel>,
}

impl World {
    /// A store in which nothing runs yet, and the frames that are to be carried.
    #[must_use]
    pub fn new(control: Control, plan: Plan) -> (Rc<Self>, UnboundedReceiver<Parcel>) {
        let (office, parcels) = unbounded_channel();
        let ids: Vec<_> = (1..=plan.replicas).map(ReplicaId).collect();
        let disks: BTreeMap<_, _> =
            ids.iter().map(|id| (*id, Disk::new(StoreId(u128::from(id.0))))).collect();
        let replicas = ids.iter().map(|id| (*id, Name::Order(*id).address())).collect();
        let mut names = vec![Name::Catalog];
        names.extend(ids.iter().map(|id| Name::Order(*id)));
        names.extend((1..=plan.front_ends).map(Name::FrontEnd));
        // Two clocks together stay below the allowance that a lease holder takes off.
        let drift = toystore_host::limits::LEASE_DRIFT_ALLOWANCE.as_millis() as u64 * 1_000_000
            / plan.lease_ms
            / 3;
        let machines = names.iter().map(|name| (*name, Machine::new(&control, drift))).collect();
        let catalog = catalog(&plan);
        let world = Self {
            watch: Watch::new(&control, plan.min_in_sync, &catalog, &disks),
            lines: RefCell::new(Lines::new(&control, plan.weather)),
            calls: RefCell::default(),
            doomed: RefCell::default(),
            away: RefCell::default(),
            stores: RefCell::new(disks.len() as u128),
            disks: RefCell::new(disks),
            catalog,
            replicas: ClusterConfig { replicas },
            nodes: RefCell::default(),
            machines,
            office,
            control,
            plan,
        };
        (Rc::new(world), parcels)
    }

    /// Lets go of all processes, which hold on to this in turn.
    pub fn close(&self) {
        self.nodes.borrow_mut().clear();
    }

    /// Every process's name.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        self.machines.keys().copied().collect()
    }

    /// The order replicas.
    #[must_use]
    pub fn ids(&self) -> Vec<ReplicaId> {
        self.replicas.replicas.keys().copied().collect()
    }

    /// A process that lives.
    #[must_use]
    pub fn node(&self, name: Name) -> Option<Node> {
        self.nodes.borrow().get(&name).filter(|node| !node.process.life.is_dead()).cloned()
    }

    /// Starts a process, if it does not run.
    pub fn start(self: &Rc<Self>, name: Name) {
        if self.nodes.borrow().contains_key(&name) {
            return;
        }
        let (process, running) = Process::start(name.label(), &self.machines[&name]);
        let node = Node {
            process: process.clone(),
            offer: Rc::default(),
            full: Arc::default(),
            stuck_until: Rc::new(RefCell::new(Instant::now())),
        };
        self.nodes.borrow_mut().insert(name, node.clone());
        let world = self.clone();
        match name {
            Name::Catalog => process.spawn(world.run_catalog(node)),
            Name::Order(id) => process.spawn(world.run_order(id, node)),
            Name::FrontEnd(number) => process.spawn(world.run_front_end(number, node)),
        };
        let world = self.clone();
        spawn_local(async move {
            running.await;
            world.ended(name);
        });
    }

    /// A process has died: what it had not synced is lost, and it comes back later.
    fn ended(self: &Rc<Self>, name: Name) {
        self.nodes.borrow_mut().remove(&name);
        tracing::info!(name = name.label(), "died");
        if let Name::Order(id) = name {
            let drawn = self.control.below(256) as usize;
            let (kept, orders) = (drawn % 4, drawn / 4);
            let crashed = self.disks.borrow()[&id].crash(kept, orders);
            let torn = crashed.as_ref().map_or(0, |(_, left)| *left);
            self.control.count(|seen| seen.torn += u64::from(torn > 0));
            self.disk_did(id, crashed.map(|(cut, _)| cut));
        }
        self.control.count(|seen| match name {
            Name::Catalog => seen.catalog_crashes += 1,
            Name::Order(_) => seen.crashes += 1,
            Name::FrontEnd(_) => seen.front_end_crashes += 1,
        });
        let longest = [30, 300, 2_000][self.control.below(3) as usize];
        let mut pause = Duration::from_millis(1 + self.control.below(longest));
        let doomed = matches!(name, Name::Order(id) if self.doomed.borrow().contains(&id));
        if doomed {
            pause += DISK_CHANGE;
        }
        let world = self.clone();
        spawn_local(async move {
            sleep(pause).await;
            if let Name::Order(id) = name {
                while world.away.borrow().contains_key(&id) {
                    sleep(Duration::from_millis(50)).await;
                }
                world.replace_disk(id);
            }
            world.start(name);
        });
    }

    /// What came of a replica's disk doing something.
    pub fn disk_did(&self, id: ReplicaId, cut: Result<usize, String>) {
        match cut {
            Ok(cut) => self.watch.synced(id, cut),
            Err(what) => self.control.fail(format!("replica {id}: {what}")),
        }
    }

    /// Makes a process's calls.
    #[must_use]
    pub fn caller(&self, from: Name, node: &Node) -> Caller {
        Caller::over(Arc::new(SimulatedWire {
            from,
            life: node.process.life.clone(),
            office: self.office.clone(),
            control: self.control.clone(),
            deadly: self.plan.rates.deadly,
        }))
    }

    /// Carries what is sent.
    pub async fn carry_all(self: Rc<Self>, mut parcels: UnboundedReceiver<Parcel>) {
        while let Some(parcel) = parcels.recv().await {
            spawn_local(self.clone().carry(parcel));
        }
    }

    async fn carry(self: Rc<Self>, mut parcel: Parcel) {
        let Some(to) = self.names().into_iter().find(|name| name.address() == parcel.to) else {
            return self.control.fail(format!("nobody lives at {}", parcel.to));
        };
        let doubled = self.lines.borrow().doubles(parcel.name);
        self.travel().await;
        if self.lines.borrow().breaks() {
            self.control.count(|seen| seen.broken += 1);
            spawn_local(self.clone().deliver_again(to, parcel.name, parcel.frame));
            let _ = parcel.reply.send(Err(CallError::Unknown));
            return;
        }
        if !self.lines.borrow().passes(parcel.from, to) {
            // Nobody answers: the sender waits until it has waited enough.
            return parcel.reply.closed().await;
        }
        if parcel.reply.is_closed() {
            self.control.count(|seen| seen.late += 1);
        }
        let handed_over = self.hand_over(to, parcel.name, &parcel.frame);
        // Of a call that found nobody there is no second copy: the caller may rely on that.
        if doubled && handed_over.is_some() {
            self.control.count(|seen| seen.doubled += 1);
            spawn_local(self.clone().deliver_again(to, parcel.name, parcel.frame.clone()));
        }
        let answer = match handed_over {
            None => Err(CallError::NobodyThere),
            Some((mut answer, task)) => tokio::select! {
                biased;
                answer = &mut answer => answer.unwrap_or(Err(CallError::Unknown)),
                // The other side notices that the caller has hung up, or does not.
                () = parcel.reply.closed() => {
                    if self.control.chance(500_000) {
                        task.abort();
                    }
                    return;
                }
            },
        };
        self.strike(parcel.name, parcel.from, to);
        self.travel().await;
        if self.lines.borrow().passes(to, parcel.from) {
            let _ = parcel.reply.send(answer);
        } else {
            parcel.reply.closed().await;
        }
    }

    async fn travel(&self) {
        let latency = self.lines.borrow().latency();
        if !latency.is_zero() {
            sleep(latency).await;
        }
    }

    async fn deliver_again(self: Rc<Self>, to: Name, name: &'static str, frame: Vec<u8>) {
        let longest = [20, 200, 2_000][self.control.below(3) as usize];
        sleep(Duration::from_millis(self.control.below(longest))).await;
        let _ = self.hand_over(to, name, &frame);
    }
}

/// The answer to a call, and the task that makes it.
type Answering = (oneshot::Receiver<Result<Vec<u8>, CallError>>, tokio::task::AbortHandle);

impl World {
    /// Hands a call to a process; none when nobody listens there.
    fn hand_over(self: &Rc<Self>, to: Name, name: &'static str, frame: &[u8]) -> Option<Answering> {
        let node = self.node(to)?;
        let desk = node.offer.borrow().desk.clone()?;
        let Some(answer) = desk.answer(name, frame) else {
            self.control.fail(format!("{to:?} does not answer {name}"));
            return None;
        };
        let (tell, told) = oneshot::channel();
        let (world, frame) = (self.clone(), frame.to_vec());
        let life = node.process.life.clone();
        let task = node.process.spawn(async move {
            let answer = in_time(&life, ANSWER_TIME, answer, || world.hangs(to, name)).await;
            let answer = answer.map_err(|refusal| CallError::of_status(refusal.status()));
            world.answers(to, name, &frame, &answer);
            let _ = tell.send(answer);
        })?;
        Some((told, task))
    }
}

/// Calls that a process answers in time, whatever its disk and the other processes do.
const ANSWERED_IN_TIME: [&str; 7] = [
    "place-order",
    "place-orders",
    "read-order",
    "list-orders",
    "forward",
    "status",
    "view-notice",
];
/// So much later than the longest patience at the latest.
const ANSWER_TIME: Duration = REQUEST_DEADLINE.saturating_add(Duration::from_secs(1));

impl World {
    fn hangs(&self, who: Name, call: &str) {
        if ANSWERED_IN_TIME.contains(&call) {
            self.control.fail(format!("I11: {} does not answer {call}", who.label()));
        }
    }
}

fn catalog(plan: &Plan) -> MemoryDatabase {
    let catalog = MemoryDatabase::new(ClusterId(77));
    let mut tx = catalog.begin();
    for name in PRODUCTS {
        let (name, price) = (ProductName::new(name).unwrap(), Cents::new(100));
        products::put(&mut tx, &name, price, Some(plan.stock), &mut Default::default()).unwrap();
    }
    tx.commit().unwrap();
    catalog
}
