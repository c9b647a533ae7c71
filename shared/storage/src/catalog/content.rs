//! Making a database that has rows from the start: of a new store, a rebuilt or a restored one.

use std::path::Path;

use toystore_authority::{Failed, Restocked};
use toystore_domain::{Books, ProductName};
use toystore_replication::messages::Reservation;
use toystore_replication::{ClusterId, View};

use super::change::{CHANGE, Change, Trees};
use super::staged::Staged;
use super::{CLUSTER, CatalogStore, LEASE, TABLES, Table};
use crate::folder::{Folder, Kind, StorageError, sled_error};
use crate::mark::{CatalogMark, MarkFile};

/// Rows staged at once. Nobody sees the folder before it is whole, so a million rows need not be in
/// memory together.
const AT_ONCE: usize = 1000;

/// What a catalog's database is made of.
#[derive(Debug)]
pub struct Content<'a> {
    /// The cluster.
    pub cluster: ClusterId,
    /// The view, once there is one.
    pub view: Option<&'a View>,
    /// Products and their books.
    pub products: &'a [(ProductName, Books)],
    /// Outstanding reservations.
    pub reservations: &'a [Reservation],
    /// The ledger of restocks.
    pub restocks: &'a [Restocked],
    /// The longest lease that may still run, in milliseconds.
    pub lease_millis: u64,
}

impl CatalogStore {
    /// Makes a database of these rows.
    ///
    /// # Errors
    /// [`StorageError::Exists`] when there is something at `path`.
    pub fn create_with(path: &Path, content: &Content<'_>) -> Result<(), StorageError> {
        Folder::create(path, Kind::Catalog, |db, folder| {
            let open = |name: &str| db.open_tree(name).map_err(|error| sled_error(folder, &error));
            let trees = TABLES.iter().map(|(_, name)| open(name)).collect::<Result<Vec<_>, _>>()?;
            let trees = trees.as_slice();
            put_all(trees, folder, content.products, |tx, (name, books)| {
                tx.put_books(name, books)
            })?;
            put_all(trees, folder, content.reservations, Staged::put_reservation)?;
            put_all(trees, folder, content.restocks, Staged::put_restock)?;
            put_all(trees, folder, &[content], |tx, content| put_meta(tx, content))?;
            MarkFile::create(folder, CatalogMark::default())
        })
    }
}

fn put_all<'a, T>(
    trees: &'a [sled::Tree],
    folder: &Path,
    rows: &[T],
    put: impl Fn(&mut Staged<'a>, &T) -> Result<(), Failed>,
) -> Result<(), StorageError> {
    for rows in rows.chunks(AT_ONCE) {
        let mut tx = Staged::new(trees);
        let done = rows.iter().try_for_each(|row| put(&mut tx, row));
        done.map_err(|error| StorageError::damaged(folder, error))?;
        // The folder is synced as a whole, before anybody sees it.
        Trees { trees, path: folder, sync: &|| Ok(()) }.put_all(&tx.into_rows())?;
    }
    Ok(())
}

fn put_meta(tx: &mut Staged<'_>, content: &Content<'_>) -> Result<(), Failed> {
    tx.put(Table::Meta, CLUSTER, &content.cluster)?;
    content.view.map_or(Ok(()), |view| tx.put_view(view))?;
    if content.lease_millis > 0 {
        tx.put(Table::Meta, LEASE, &content.lease_millis)?;
    }
    // As many as no transaction changed.
    tx.put(Table::Meta, CHANGE, &Change::default())
}
