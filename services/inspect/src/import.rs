//! `import`: a folder made of a dump of one replica or of the catalog.
//!
//! What is made is never what was exported. A replica's folder gets a new store id: to the store it
//! is a stranger that catches up from where the dump ends, and it can not lead before. The catalog's
//! gets a new cluster id: it is there to be read, and the replicas of the old cluster refuse it,
//! because it may not know their last orders and epochs.

use std::io::Write;

use serde_json::json;
use toystore_domain::OrderNumber;
use toystore_replication::{ClusterId, Entry, Incarnation, ReplicaId, View};
use toystore_storage::catalog::Content;
use toystore_storage::schema::OrderState;
use toystore_storage::{CatalogStore, OrderStore, StorageError, folder};

use crate::options::Import;
use crate::portable::{Dump, Head};
use crate::progress::{Progress, Stop};
use crate::source::{Loader, Unreadable};
use crate::{Exit, Failure};

/// The longest lease that a front end may still hold of an earlier catalog: a new one waits so long.
pub const LONGEST_LEASE_MILLIS: u64 = toystore_host::limits::LEASE_MAX.as_millis() as u64;

/// Makes a folder of a dump.
///
/// # Errors
/// The dump is damaged, or the folder cannot be made.
pub fn import(options: &Import, loader: &mut Loader, out: &mut dyn Write) -> Result<Exit, Failure> {
    let (file, to) = (&options.file, &options.to);
    if to.symlink_metadata().is_ok() {
        return Err(StorageError::Exists(to.clone()).into());
    }
    let dump = Dump::read(file).map_err(|fault| Failure::dump(file, fault))?;
    match dump.head() {
        Head::Replica { id, state, last, .. } => {
            let commit = state.commit.min(*last);
            let state = OrderState { incarnation: Incarnation(0), commit, ..*state };
            let id = options.replica.map_or(*id, ReplicaId);
            make_replica(to, id, &state, &dump, loader.stop())?;
        }
        Head::Catalog { view, .. } => {
            let cluster = ClusterId(folder::random()?);
            let view = view.clone().map(|view| View { cluster, ..view });
            let rows = dump.rows();
            CatalogStore::create_with(
                to,
                &Content {
                    cluster,
                    view: view.as_ref(),
                    products: &rows.products,
                    reservations: &rows.reservations,
                    restocks: rows.restocks.as_deref().unwrap_or_default(),
                    lease_millis: LONGEST_LEASE_MILLIS,
                },
            )?;
        }
        Head::Store { .. } => return Err(Failure::IsBackup(file.display().to_string())),
    }
    let (kind, store) = folder::read_format(to, None)?;
    let what = dump.head().what();
    if options.json {
        let (folder, kind, store) = (to.display().to_string(), kind.to_string(), store.to_string());
        let last = dump.head().last();
        writeln!(
            out,
            "{}",
            json!({"what": what, "folder": folder, "kind": kind, "store": store,
                   "last_order": last})
        )?;
    } else {
        writeln!(out, "imported {what} into {}, store {store}", to.display())?;
    }
    Ok(Exit::Fine)
}

/// Makes a replica's folder of a dump's log, under a new store id.
///
/// # Errors
/// The dump cannot be read any more, or the folder not be made.
pub fn make_replica(
    to: &std::path::Path,
    id: ReplicaId,
    state: &OrderState,
    dump: &Dump,
    stop: &Stop,
) -> Result<(), Failure> {
    let progress = Progress::start(&format!("order-{id}"), dump.last().number.0, stop);
    let pages = dump.pages().map(|page| {
        let page: Vec<Entry> =
            page.map_err(|fault| Unreadable::Dump(dump.path().to_path_buf(), fault))?;
        progress.advance(page.len())?;
        Ok::<_, Failure>(page)
    });
    debug_assert!(state.commit <= dump.last().number || state.commit == OrderNumber::ZERO);
    OrderStore::create_with(to, id, state, pages)
}
