//! What an order replica adds to the metrics that every process has.
//!
//! The core knows nothing of them: what happens is seen in the events that go into it and the
//! effects that come out; how it is, in its health, when somebody asks for the metrics.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use toystore_domain::OrderNumber;
use toystore_host::ops::{Metrics, sizes, times};
use toystore_host::scrape::{Page, folder_bytes};
use toystore_replication::choice::{Health, RoleName};
use toystore_replication::effects::Call;
use toystore_replication::messages::{Answer, CatalogCall, Fetched};
use toystore_replication::{Event, Notice, Request, Write};
use toystore_storage::space;

use crate::node::Node;
use crate::routes::readiness;

/// What is counted as it happens. Clones are the same counts.
#[derive(Clone, Debug)]
pub struct Seen {
    together: Histogram,
    reserved: Histogram,
    written: Histogram,
    flushes: Histogram,
    pulled: Counter,
    took_over: Counter,
    lost: Counter,
    cut_off: Counter,
    /// What the leader last said to be committed.
    told: Arc<AtomicU64>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            together: sizes(),
            reserved: sizes(),
            written: sizes(),
            flushes: times(),
            pulled: Counter::default(),
            took_over: Counter::default(),
            lost: Counter::default(),
            cut_off: Counter::default(),
            told: Arc::default(),
        }
    }
}

impl Seen {
    /// This goes into the core.
    pub fn event(&self, event: &Event) {
        match event {
            Event::Orders(orders) => self.together.observe(orders.len() as f64),
            Event::Request(_, Request::Append(append)) => self.tell(append.commit),
            Event::Answered(_, Answer::Fetched(Fetched::Page { append, .. })) => {
                self.pulled.inc_by(append.entries.len() as u64);
                self.tell(append.commit);
            }
            _ => {}
        }
    }

    fn tell(&self, commit: OrderNumber) {
        self.told.store(commit.0, Ordering::Relaxed);
    }

    /// The core wants this saved.
    pub fn write(&self, write: &Write) {
        if !write.entries.is_empty() {
            self.written.observe(write.entries.len() as f64);
        }
    }

    /// The core wants this called.
    pub fn call(&self, call: &Call) {
        if let Call::Catalog(CatalogCall::Transact(transact)) = call
            && !transact.reserve.is_empty()
        {
            self.reserved.observe(transact.reserve.len() as f64);
        }
    }

    /// The core tells people this.
    pub fn notice(&self, notice: &Notice) {
        match notice {
            Notice::TakingOver(_) => self.took_over.inc(),
            Notice::LostFollower(..) => self.lost.inc(),
            Notice::Truncated { count, .. } => self.cut_off.inc_by(*count),
            _ => return,
        };
    }

    /// The disk took so long to save what it was given together.
    pub fn flushed(&self, took: Duration) {
        self.flushes.observe(took.as_secs_f64());
    }

    /// How many orders that the leader knows to be committed are missing here.
    #[must_use]
    pub fn behind(&self, health: &Health) -> u64 {
        let told = match health.role {
            RoleName::Leader | RoleName::TakingOver => return 0,
            RoleName::Follower | RoleName::CatchingUp => self.told.load(Ordering::Relaxed),
        };
        told.saturating_sub(health.last.number.0)
    }

    fn register(&self, registry: &mut Registry) {
        for (name, help, histogram) in [
            ("orders_per_call", "Orders that came in one call", &self.together),
            ("orders_per_transaction", "Orders reserved in one transaction", &self.reserved),
            ("orders_per_write", "Orders in one write to the disk", &self.written),
            ("flush_seconds", "Time to save what was gathered for one sync", &self.flushes),
        ] {
            registry.register(name, help, histogram.clone());
        }
        for (name, help, counter) in [
            ("catch_up_orders", "Orders pulled from a leader", &self.pulled),
            ("take_overs", "Times that this replica was made leader", &self.took_over),
            ("followers_lost", "Followers that were late or wrong", &self.lost),
            ("orders_cut_off", "Orders cut off, none of them acknowledged", &self.cut_off),
        ] {
            registry.register(name, help, counter.clone());
        }
    }
}

/// Registers everything; the database is in the folder `data`.
pub fn register(metrics: &Metrics, node: &Node, seen: &Seen, data: PathBuf) {
    let gauges = Gauges { node: node.clone(), seen: seen.clone(), data };
    metrics.register(|registry| {
        seen.register(registry);
        registry.register_collector(Box::new(gauges));
    });
}

/// What is read at each scrape.
struct Gauges {
    node: Node,
    seen: Seen,
    data: PathBuf,
}

impl std::fmt::Debug for Gauges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gauges").field("data", &self.data).finish_non_exhaustive()
    }
}

const ROLES: [(RoleName, &str); 4] = [
    (RoleName::Follower, "follower"),
    (RoleName::CatchingUp, "catching_up"),
    (RoleName::TakingOver, "taking_over"),
    (RoleName::Leader, "leader"),
];

impl Collector for Gauges {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let (mut page, health) = (Page::from(encoder), self.node.health());
        let of = |read: fn(&Health) -> u64| health.as_ref().map_or(0, read);
        let view = |health: &Health| {
            health.view.as_ref().map_or((0, 0, 0), |view| {
                (view.epoch.0, u64::from(view.leader.id.0), view.in_sync.len() as u64)
            })
        };
        let (epoch, leader, in_sync) = health.as_ref().map_or((0, 0, 0), view);
        let behind = health.as_ref().map_or(0, |health| self.seen.behind(health));
        let ready = u64::from(readiness(health.clone()).is_ok());
        page.gauges([
            ("epoch", "The epoch known; 0 before the first leader", epoch),
            ("leader", "The id of the leader known; 0 for none", leader),
            ("in_sync_replicas", "Replicas that acknowledge each order", in_sync),
            ("ready", "Whether this replica is in sync or leads", ready),
            ("stuck", "Whether it has work and cannot go on", of(|h| u64::from(h.stuck))),
            ("commit_number", "The last order known to be committed", of(|h| h.commit.0)),
            ("last_order_number", "The last order in the log", of(|h| h.last.number.0)),
            ("behind_orders", "Committed orders that are missing here", behind),
            ("database_bytes", "The database's files", folder_bytes(&self.data)),
            ("disk_free_bytes", "Free on its disk", space::available(&self.data).unwrap_or(0)),
        ])?;
        let is = |role| health.as_ref().is_some_and(|health| health.role == role);
        let roles = ROLES.map(|(role, name)| ([("role", name)], u64::from(is(role))));
        page.family("role", "What this replica does: 1 for its role, 0 for the others", roles)
    }
}

#[cfg(test)]
mod tests {
    use toystore_replication::{Epoch, Incarnation, Member, Position, ReplicaId, StoreId};

    use super::*;

    #[test]
    fn only_who_follows_can_be_behind() {
        let (seen, id) = (Seen::default(), ReplicaId(1));
        let member = Member { id, store: StoreId(1), incarnation: Incarnation(1) };
        let last = Position { number: OrderNumber(7), ..Position::ORIGIN };
        let mut health = Health {
            member,
            cluster: None,
            promise: Epoch(1),
            mark: Epoch(1),
            last,
            commit: OrderNumber(7),
            role: RoleName::CatchingUp,
            stuck: false,
            view: None,
        };
        assert_eq!(seen.behind(&health), 0, "nothing is known yet");
        seen.tell(OrderNumber(9));
        assert_eq!(seen.behind(&health), 2);
        health.role = RoleName::Leader;
        assert_eq!(seen.behind(&health), 0, "what it was told was another leader's");
    }
}
