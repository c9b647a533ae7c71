//! `restore`: folders of a new store made of the backup of an old one.
//!
//! The orders, their numbers, their keys and the books are the old store's. The store is not: it has
//! a new cluster id, and each database a new store id, so that no process or folder that is left of
//! the old one is taken for a part of it, nor a part of it for one of theirs. Its epoch is above all
//! epochs in the log. Product versions begin far above those that front ends and customers may have
//! seen of the old store for another stock, since they are entity tags.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;
use toystore_domain::{Books, OrderNumber, ProductName, Version};
use toystore_replication::{ClusterId, Epoch, Incarnation, Member, ReplicaId, View};
use toystore_storage::catalog::Content;
use toystore_storage::claim::Claim;
use toystore_storage::schema::OrderState;
use toystore_storage::{CatalogStore, OrderStore, StorageError, folder};

use crate::import::{LONGEST_LEASE_MILLIS, make_replica};
use crate::options::Restore;
use crate::portable::{Dump, Head};
use crate::source::{Loader, Place, Unreadable};
use crate::verify::{Report, examine};
use crate::{Exit, Failure};

/// More versions than a product of the old store had after the backup.
const VERSIONS_APART: u64 = 1 << 32;
/// Replicas have one digit.
const MOST_REPLICAS: u8 = 9;

/// Makes a store's folders.
///
/// # Errors
/// The backup is damaged or unsound, something is in the way, or the folders cannot be made.
pub fn restore(
    options: &Restore,
    loader: &mut Loader,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let (file, to) = (&options.file, &options.to);
    nothing_in_the_way(to)?;
    let dump = Dump::read(file).map_err(|fault| Failure::dump(file, fault))?;
    let Head::Store { view, last, .. } = dump.head() else {
        return Err(Failure::IsNoBackup(file.clone(), dump.head().what()));
    };
    let mut report = Report::default();
    examine(&loader.load_all(&[Place::Folder(file.clone())])?, &mut report);
    if let Some(fault) = report.faults().next() {
        return Err(Failure::Damaged(file.display().to_string(), fault));
    }
    let new = NewStore { cluster: ClusterId(folder::random()?), epoch: view.epoch.next() };
    let staging = Staging::new(to)?;
    let mut members = Vec::new();
    for id in (1..=options.replicas).map(ReplicaId) {
        let path = staging.path(&format!("order-{id}"));
        make_replica(&path, id, &new.state(*last), &dump, loader.stop())?;
        let store = folder::read_format(&path, None)?.1;
        members.push(Member { id, store, incarnation: Incarnation(0) });
    }
    new.make_catalog(&staging.path("catalog"), view, &members, &dump)?;
    check(&staging, &members, loader)?;
    staging.publish(&members)?;
    let NewStore { cluster, epoch } = new;
    if options.json {
        let replicas = members.len();
        let (cluster, folder) = (cluster.to_string(), to.display().to_string());
        writeln!(
            out,
            "{}",
            json!({"folder": folder, "cluster": cluster, "epoch": epoch, "replicas": replicas,
                   "last_order": last})
        )?;
    } else {
        let (replicas, to) = (members.len(), to.display());
        writeln!(out, "restored {last} orders into {to}: a catalog and {replicas} replicas")?;
        writeln!(
            out,
            "It is a new store, cluster {cluster}; what is left of the old one is refused."
        )?;
    }
    Ok(Exit::Fine)
}

/// What tells the new store from the old one.
struct NewStore {
    cluster: ClusterId,
    epoch: Epoch,
}

impl NewStore {
    /// Every replica begins as if it had just agreed with a leader.
    fn state(&self, last: OrderNumber) -> OrderState {
        OrderState {
            cluster: Some(self.cluster),
            incarnation: Incarnation(0),
            promise: self.epoch,
            mark: self.epoch,
            commit: last,
        }
    }

    /// All replicas are in sync; the highest leads until a front end, which finds that no process
    /// leads yet, has one chosen.
    fn make_catalog(
        &self,
        path: &Path,
        old: &View,
        members: &[Member],
        dump: &Dump,
    ) -> Result<(), Failure> {
        let Some(leader) = members.last().copied() else { return Ok(()) };
        let (cluster, epoch) = (self.cluster, self.epoch);
        let (revision, in_sync) = (old.revision.next(), members.to_vec());
        let view = View { cluster, epoch, revision, leader, in_sync };
        let products: Vec<_> = dump.rows().products.iter().map(later).collect();
        Ok(CatalogStore::create_with(
            path,
            &Content {
                cluster,
                view: Some(&view),
                products: &products,
                reservations: &[],
                restocks: dump.rows().restocks.as_deref().unwrap_or_default(),
                // Front ends of the old store may still answer from their caches.
                lease_millis: LONGEST_LEASE_MILLIS,
            },
        )?)
    }
}

fn later((name, books): &(ProductName, Books)) -> (ProductName, Books) {
    let version = Version(books.version.0.saturating_add(VERSIONS_APART));
    (name.clone(), Books { version, ..books.clone() })
}

/// Leftovers of another store must not start with this one.
fn nothing_in_the_way(to: &Path) -> Result<(), StorageError> {
    let replicas = (1..=MOST_REPLICAS).map(|id| format!("order-{id}"));
    let names = replicas.chain(["catalog".to_owned()]);
    match names.map(|name| to.join(name)).find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(StorageError::Exists(path)),
        None => Ok(()),
    }
}

/// Opens each folder as a service would.
fn check(staging: &Staging, members: &[Member], loader: &Loader) -> Result<(), Failure> {
    CatalogStore::open(&staging.path("catalog"))?;
    for member in members {
        loader.stop().heed()?;
        OrderStore::open(&staging.path(&format!("order-{}", member.id)), member.id)?;
    }
    Ok(())
}

/// Where the folders are made, beside where they will be; gone with this.
struct Staging {
    to: PathBuf,
    claim: Claim,
}

impl Staging {
    fn new(to: &Path) -> Result<Self, StorageError> {
        fs::create_dir_all(to).map_err(StorageError::io("create", to))?;
        // A second restore into the same folder must neither empty nor publish this one's.
        let claim = Claim::new(&to.join(".restoring"))?;
        nothing_in_the_way(to)?;
        Ok(Self { to: to.to_path_buf(), claim })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.claim.path().join(name)
    }

    /// The catalog comes last: without one the store does not start, and a new one is refused by
    /// the replicas.
    fn publish(&self, members: &[Member]) -> Result<(), Failure> {
        nothing_in_the_way(&self.to)?;
        let replicas = members.iter().map(|member| format!("order-{}", member.id));
        for name in replicas.chain(["catalog".to_owned()]) {
            let (from, to) = (self.path(&name), self.to.join(&name));
            fs::rename(&from, &to).map_err(StorageError::io("rename", &from))?;
        }
        let synced = File::open(&self.to).and_then(|folder| folder.sync_all());
        synced.map_err(|error| Unreadable::from(StorageError::io("sync", &self.to)(error)).into())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What stays is removed by the next restore.
        let _ = fs::remove_dir_all(self.claim.path());
    }
}
