//! What the catalog adds to the metrics that every process has.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use toystore_authority::Database;
use toystore_host::ambient::boot_millis;
use toystore_host::ops::{Metrics, sizes, times};
use toystore_host::scrape::{Page, folder_bytes};
use toystore_storage::space;

use crate::readiness;
use crate::shelf::Shelf;
use crate::survey::Survey;

/// What is counted as it happens. Clones are the same counts.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Front ends whose lease was waited out.
    pub revoked: Counter,
    /// Products restocked.
    pub restocks: Counter,
    changes: Counter,
    together: Histogram,
    flushes: Histogram,
    telling: Histogram,
    /// Since when a transaction is being saved, by the boot clock; 0 while none is.
    saving_since: Arc<AtomicU64>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            revoked: Counter::default(),
            restocks: Counter::default(),
            changes: Counter::default(),
            together: sizes(),
            flushes: times(),
            telling: times(),
            saving_since: Arc::default(),
        }
    }
}

/// Notes how long something took when it is dropped.
#[derive(Debug)]
pub struct Timed(Histogram, Instant);

impl Drop for Timed {
    fn drop(&mut self) {
        self.0.observe(self.1.elapsed().as_secs_f64());
    }
}

impl Counts {
    /// So many commands share a transaction.
    pub fn together(&self, commands: usize) {
        self.together.observe(commands as f64);
    }

    /// Commits a transaction; how long it took counts.
    pub fn flush<T>(&self, commit: impl FnOnce() -> T) -> T {
        let _timed = Timed(self.flushes.clone(), Instant::now());
        self.saving_since.store(boot_millis().max(1), Ordering::Relaxed);
        let done = commit();
        self.saving_since.store(0, Ordering::Relaxed);
        done
    }

    /// For how long a transaction has been being saved, in milliseconds; 0 while none is.
    #[must_use]
    pub fn saving_for(&self, now: u64) -> u64 {
        match self.saving_since.load(Ordering::Relaxed) {
            0 => 0,
            since => now.saturating_sub(since),
        }
    }

    /// So many products change; the front ends are told until the result is dropped.
    pub fn telling(&self, products: usize) -> Timed {
        self.changes.inc_by(products as u64);
        Timed(self.telling.clone(), Instant::now())
    }

    fn register(&self, registry: &mut Registry) {
        for (name, help, histogram) in [
            ("commands_per_transaction", "Commands in one transaction", &self.together),
            ("flush_seconds", "Time to commit and sync a transaction", &self.flushes),
            ("invalidation_seconds", "Time until every front end knew of a change", &self.telling),
        ] {
            registry.register(name, help, histogram.clone());
        }
        for (name, help, counter) in [
            ("leases_revoked", "Leases waited out: their holders did not answer", &self.revoked),
            ("restocks", "Products restocked", &self.restocks),
            ("product_changes", "Products changed, each time that they were", &self.changes),
        ] {
            registry.register(name, help, counter.clone());
        }
    }
}

/// Registers everything; the database is in the folder `data`, whose disk is `full` or not.
pub fn register<D: Database + Send + Sync + 'static>(
    metrics: &Metrics,
    shelf: &Arc<Shelf<D>>,
    survey: &Arc<Survey>,
    data: PathBuf,
    full: Arc<AtomicBool>,
) {
    let gauges = Gauges { shelf: shelf.clone(), survey: survey.clone(), data, full };
    metrics.register(|registry| {
        shelf.counts.register(registry);
        registry.register_collector(Box::new(gauges));
    });
}

/// What is read at each scrape.
struct Gauges<D> {
    shelf: Arc<Shelf<D>>,
    survey: Arc<Survey>,
    data: PathBuf,
    full: Arc<AtomicBool>,
}

impl<D> std::fmt::Debug for Gauges<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gauges").field("data", &self.data).finish_non_exhaustive()
    }
}

impl<D: Database + Send + Sync + 'static> Collector for Gauges<D> {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let (mut page, found) = (Page::from(encoder), self.survey.found());
        let (epoch, leader, in_sync) = self.shelf.view().map_or((0, 0, 0), |view| {
            (view.epoch.0, u64::from(view.leader.id.0), view.in_sync.len() as u64)
        });
        let ready = u64::from(readiness::ready(&self.shelf, &self.full).is_ok());
        page.gauges([
            ("epoch", "The epoch known; 0 before the first leader", epoch),
            ("leader", "The id of the leader known; 0 for none", leader),
            ("in_sync_replicas", "Replicas that acknowledge each order", in_sync),
            ("ready", "Whether the catalog does all its work", ready),
            ("leases", "Leases that run", self.shelf.leases(boot_millis())),
            ("products", "Products", found.products),
            ("products_sold_out", "Products without stock", found.sold_out),
            ("stock_units", "Items in stock, of all products", found.stock),
            ("reservations", "Orders for which stock is held", found.reservations),
            ("database_bytes", "The database's files", folder_bytes(&self.data)),
            ("disk_free_bytes", "Free on its disk", space::available(&self.data).unwrap_or(0)),
        ])
    }
}
