//! The processes of a simulated store: the services' own loops and handlers, put together as their
//! `run` does, on simulated disks and a simulated network.

use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::sleep;
use toystore_authority::messages::{Propose, Proposed};
use toystore_catalog::shelf::Shelf;
use toystore_catalog::writer::Writer;
use toystore_catalog::{desk as catalog_desk, restock, writer};
use toystore_codec::FrameError;
use toystore_coherence::{Grants, SessionId};
use toystore_front_end::CacheConfig;
use toystore_front_end::desk::desk as front_end_desk;
use toystore_front_end::parts::Parts;
use toystore_front_end::peers::Peers;
use toystore_host::ambient::{boot_millis, random};
use toystore_host::calls::WIRE_VERSION;
use toystore_host::limits::{
    CACHE_CAPACITY, HEARTBEAT_INTERVAL, LEASE_DRIFT_ALLOWANCE, SILENCE_TICKS, STUCK_TICKS,
};
use toystore_host::ops::Metrics;
use toystore_host::{CallError, Shutdown};
use toystore_order::desk as order_desk;
use toystore_order::edge::{CallingEdge, Writer as SaveWrite};
use toystore_order::node::{Node as Core, drive};
use toystore_replication::messages::{OrderReply, PlaceOrder, PlaceOrders};
use toystore_replication::{Event, Replica, ReplicaId, Settings};

use super::catalog_disk::CatalogDisk;
use super::world::{Name, Node, Offer, World};

/// Between two rounds of filling up sold-out toys.
const RESTOCK: Duration = Duration::from_millis(1_500);
/// Products that the catalog counts for a front end: fewer than there are, so that both ways of
/// telling it happen.
const COUNTED: usize = 2;

impl World {
    /// The catalog.
    pub async fn run_catalog(self: Rc<Self>, node: Node) {
        let Self { control, plan, watch, .. } = &*self;
        let disk = CatalogDisk {
            rows: self.catalog.clone(),
            watch: watch.clone(),
            life: node.process.life.clone(),
            control: control.clone(),
            deadly: plan.rates.deadly,
            stuck: plan.rates.stuck,
        };
        let first = SessionId(random().unwrap_or_default() >> 2);
        let grants = Grants::new(plan.lease_ms, first, plan.lease_ms, COUNTED, boot_millis());
        let shelf = Shelf::new(disk, grants).unwrap();
        let (writer, jobs) = Writer::new();
        let caller = self.caller(Name::Catalog, &node);
        let shared = catalog_desk::Shared {
            shelf: shelf.clone(),
            writer: writer.clone(),
            caller: caller.clone(),
            replicas: self.replicas.clone(),
            full: node.full.clone(),
        };
        let desk = Some(catalog_desk::desk(&shared, Metrics::new()));
        *node.offer.borrow_mut() = Offer { desk, parts: None };
        spawn_local(restock::restock(shelf.clone(), writer, RESTOCK));
        if let Err(failed) = writer::work(&shelf, &caller, jobs).await {
            control.fail(format!("the catalog ends: {failed}"));
        }
    }

    /// An order replica.
    pub async fn run_order(self: Rc<Self>, id: ReplicaId, node: Node) {
        let (core, inputs) = Core::new();
        let caller = self.caller(Name::Order(id), &node);
        let (replicas, catalog) = (self.replicas.clone(), Name::Catalog.address());
        let disk = self.disks.borrow()[&id].clone();
        let saved = disk.start(id);
        let writer = self.clone().writer(id, &node, &core);
        let edge =
            CallingEdge::new(writer, caller.clone(), replicas.clone(), catalog, core.inbox());
        let full = node.full.clone();
        let shared = order_desk::Shared { node: core.clone(), caller, replicas, full };
        let desk = Some(order_desk::desk(&shared, Metrics::new()));
        *node.offer.borrow_mut() = Offer { desk, parts: None };
        let replica = Replica::new(self.settings(), saved, disk);
        if let Err(fatal) = drive(&core, inputs, replica, edge).await {
            self.control.fail(format!("replica {id} ends: {fatal}"));
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            min_in_sync: self.plan.min_in_sync,
            batch: 4,
            page: 3,
            queue: self.plan.queue,
            silence_ticks: SILENCE_TICKS,
            stuck_ticks: STUCK_TICKS,
        }
    }

    /// What waits while one sync is under way is covered by the next, as by the storage's writer.
    fn writer(self: Rc<Self>, id: ReplicaId, node: &Node, core: &Core) -> SaveWrite {
        let (control, deadly) = (self.control.clone(), self.plan.rates.deadly);
        let (disk, life) = (self.disks.borrow()[&id].clone(), node.process.life.clone());
        let work = Arc::new(Notify::new());
        spawn_local(self.sync(id, node.clone(), core.clone(), work.clone()));
        Box::new(move |write_id, write| {
            if control.fault(deadly) {
                control.count(|seen| seen.crashes_at_an_act += 1);
                life.die();
            }
            if !life.is_dead() {
                disk.write(write_id, write);
                work.notify_one();
            }
        })
    }

    async fn sync(self: Rc<Self>, id: ReplicaId, node: Node, core: Core, work: Arc<Notify>) {
        let disk = self.disks.borrow()[&id].clone();
        let life = node.process.life.clone();
        loop {
            let Some(last) = disk.last_waiting() else {
                work.notified().await;
                continue;
            };
            sleep(Duration::from_millis(self.control.below(3))).await;
            // It may have got stuck meanwhile.
            while !node.stuck().is_zero() {
                sleep(node.stuck()).await;
            }
            if self.control.fault(self.plan.rates.deadly) {
                self.control.count(|seen| seen.failed_writes += 1);
                life.die();
            }
            life.still_lives().await;
            self.disk_did(id, disk.sync(last));
            core.tell(Event::Saved(last));
        }
    }

    /// A front end.
    pub async fn run_front_end(self: Rc<Self>, number: u8, node: Node) {
        let name = Name::FrontEnd(number);
        let caller = self.caller(name, &node);
        let peers = Peers::new(caller, Name::Catalog.address(), self.replicas.clone());
        let drift_ms = LEASE_DRIFT_ALLOWANCE.as_millis() as u64;
        let config = CacheConfig { capacity: CACHE_CAPACITY, drift_ms };
        let cache = self.plan.cache.then(|| (config, name.address()));
        let (_trigger, shutdown) = Shutdown::manual();
        let mut tasks = JoinSet::new();
        let parts = Parts::start(peers, cache, HEARTBEAT_INTERVAL, &shutdown, &mut tasks);
        let desk = Some(front_end_desk(&parts.products, Metrics::new()));
        *node.offer.borrow_mut() = Offer { desk, parts: Some(parts) };
        pending::<()>().await;
    }

    /// A process has answered a call.
    pub fn answers(&self, by: Name, call: &str, frame: &[u8], answer: &Result<Vec<u8>, CallError>) {
        let Ok(answer) = answer else { return };
        match (by, call) {
            (Name::FrontEnd(_), "invalidate") => {
                self.control.count(|seen| seen.invalidations += 1);
            }
            (Name::Order(_), "forward") => self.control.count(|seen| seen.forwarded += 1),
            (Name::Catalog, "propose") => self.proposed(frame, answer),
            (Name::Order(id), "place-order") => {
                if let (Ok(place), Ok(reply)) = (decoded(frame), decoded(answer)) {
                    self.placed(id, &place, &reply);
                }
            }
            (Name::Order(id), "place-orders") => {
                let (call, replies) = (decoded(frame), decoded::<Vec<OrderReply>>(answer));
                let (Ok(PlaceOrders { orders }), Ok(replies)) = (call, replies) else { return };
                let together = u64::from(orders.len() > 1);
                self.control.count(|seen| seen.together += together);
                orders
                    .iter()
                    .zip(&replies)
                    .for_each(|(place, reply)| self.placed(id, place, reply));
            }
            _ => {}
        }
    }

    /// No simulated disk is put back from an old copy.
    fn proposed(&self, frame: &[u8], answer: &[u8]) {
        if let (Ok(Propose { proposal }), Ok(Proposed::Accepted(_))) =
            (decoded(frame), decoded(answer))
            && !proposal.unfit.is_empty()
        {
            self.control.fail("a member that lost nothing is said to be unfit".to_owned());
        }
    }

    fn placed(&self, by: ReplicaId, place: &PlaceOrder, reply: &OrderReply) {
        if let OrderReply::Placed(number) = reply {
            let member = self.disks.borrow()[&by].member(by);
            self.watch.acknowledged(member, place, *number);
        }
    }
}

fn decoded<T: DeserializeOwned>(frame: &[u8]) -> Result<T, FrameError> {
    toystore_codec::decode(WIRE_VERSION, frame)
}
