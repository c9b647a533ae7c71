//! The catalog's database: [`toystore_authority::Database`] on sled.
//!
//! One thread runs transactions. A transaction stages its writes in memory and reads through
//! them; its commit is one [`change`] over all trees, and one sync.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use toystore_authority::{Database, Failed, Fence, Restocked, Transaction};
use toystore_domain::{Books, OrderKey, Product, ProductName, Version};
use toystore_replication::messages::Reservation;
use toystore_replication::{ClusterId, View};

use crate::folder::{CACHE_BYTES, Folder, Kind, StorageError, guarded};
use crate::mark::{CatalogMark, INTERVAL, MarkFile};

mod change;
mod content;
mod staged;

use change::{Change, Trees};
use staged::Staged;

pub use content::Content;

/// The catalog's trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Table {
    /// Product name → [`Books`].
    Products,
    /// Product name → nothing, for products without stock.
    SoldOut,
    /// Idempotency key → [`Reservation`].
    Reservations,
    /// Product name, 0, version (u64, big endian) → [`Restocked`].
    Restocks,
    /// One row each under the keys below.
    Meta,
    /// Number from 0 (u64, big endian) → a part of the last change that was too large for one row.
    Parts,
}

pub(crate) const TABLES: [(Table, &str); 6] = [
    (Table::Products, "products"),
    (Table::SoldOut, "sold_out"),
    (Table::Reservations, "reservations"),
    (Table::Restocks, "restocks"),
    (Table::Meta, "meta"),
    (Table::Parts, "parts"),
];

/// The key of the cluster's id among the meta rows.
pub const CLUSTER: &[u8] = b"cluster";
/// The key of the view among the meta rows.
pub const VIEW: &[u8] = b"view";
const FENCE: &[u8] = b"fence";
const LEASE: &[u8] = b"lease_millis";

/// An open database of the catalog.
pub struct CatalogStore {
    folder: Folder,
    trees: Vec<sled::Tree>,
    synced: Mutex<Synced>,
}

/// How far the database is synced, and what its mark says.
struct Synced {
    commits: CatalogMark,
    mark: MarkFile<CatalogMark>,
    marked: Instant,
}

impl Synced {
    fn raise_mark(&mut self) -> Result<(), StorageError> {
        self.marked = Instant::now();
        if self.mark.last() == self.commits { Ok(()) } else { self.mark.put(self.commits) }
    }
}

impl CatalogStore {
    /// Makes a database of a new cluster with these products, and a view where one is rebuilt.
    ///
    /// # Errors
    /// [`StorageError::Exists`] when there is something at `path`.
    pub fn create(
        path: &Path,
        cluster: ClusterId,
        products: &[(ProductName, Books)],
        view: Option<&View>,
    ) -> Result<(), StorageError> {
        let (reservations, restocks, lease_millis) = (&[], &[], 0);
        let content = Content { cluster, view, products, reservations, restocks, lease_millis };
        Self::create_with(path, &content)
    }

    /// Opens a database, and reads every row of it once.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let folder = Folder::open(path, Kind::Catalog, CACHE_BYTES)?;
        let trees =
            TABLES.iter().map(|(_, name)| folder.tree(name)).collect::<Result<Vec<_>, _>>()?;
        let last = guarded(path, || Change::read(&trees, path))?;
        let (commits, mark) = (last.number, MarkFile::open(path)?);
        check_mark(path, mark.last(), commits)?;
        let synced = Mutex::new(Synced { commits, mark, marked: Instant::now() });
        let store = Self { folder, trees, synced };
        guarded(path, || store.with_trees(|trees| last.redo(trees)))?;
        guarded(path, || store.verify())?;
        Ok(store)
    }

    fn with_trees<T>(&self, work: impl FnOnce(&Trees<'_>) -> T) -> T {
        let sync = || self.folder.sync();
        work(&Trees { trees: &self.trees, path: self.folder.path(), sync: &sync })
    }

    /// Every row decodes, the books balance, and they agree with the reservations.
    fn verify(&self) -> Result<(), StorageError> {
        let damaged = |what: String| StorageError::damaged(self.folder.path(), what);
        let tx = self.staged();
        tx.cluster().map_err(|error| damaged(error.to_string()))?;
        tx.view().map_err(|error| damaged(format!("the view: {error}")))?;
        tx.fence().map_err(|error| damaged(format!("the fence: {error}")))?;
        let mut held: BTreeMap<ProductName, u64> = BTreeMap::new();
        let rows = tx.reservations(None, usize::MAX);
        for row in rows.map_err(|error| damaged(format!("a reservation: {error}")))? {
            *held.entry(row.purchase.product).or_default() += row.purchase.quantity.get();
        }
        let rows = tx.products(None, usize::MAX);
        let mut sold_out = Vec::new();
        for (name, books) in rows.map_err(|error| damaged(format!("a product: {error}")))? {
            let reserved = held.remove(&name).unwrap_or_default();
            if !books.balanced() || books.reserved != reserved {
                return Err(damaged(format!("the books of {name} do not balance")));
            }
            sold_out.extend((books.stock == 0).then_some(name));
        }
        if let Some(name) = held.keys().next() {
            return Err(damaged(format!("{name} is reserved and does not exist")));
        }
        let indexed = tx.sold_out(usize::MAX).map_err(|error| damaged(error.to_string()))?;
        if indexed != sold_out {
            return Err(damaged("the index of sold-out products does not fit them".to_owned()));
        }
        Ok(())
    }

    /// A product, as it was last committed.
    ///
    /// # Errors
    /// [`Failed`] when the process must end.
    pub fn product(&self, name: &ProductName) -> Result<Option<Product>, Failed> {
        Ok(self.staged().books(name)?.map(|books| books.product(name)))
    }

    /// Products in order of their names, as last committed, after this one, at most so many.
    ///
    /// # Errors
    /// [`Failed`] when the process must end.
    pub fn products(
        &self,
        after: Option<&ProductName>,
        limit: usize,
    ) -> Result<Vec<(ProductName, Books)>, Failed> {
        self.staged().products(after, limit)
    }

    /// The longest lease, in milliseconds, that earlier processes granted.
    ///
    /// # Errors
    /// [`Failed`] when the process must end.
    pub fn lease_millis(&self) -> Result<u64, Failed> {
        Ok(self.staged().get(Table::Meta, LEASE)?.unwrap_or_default())
    }

    /// Remembers, durably, how long leases are from now on.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put_lease_millis(&self, millis: u64) -> Result<(), Failed> {
        let mut tx = self.begin();
        tx.staged.put(Table::Meta, LEASE, &millis)?;
        tx.commit()
    }

    /// The ledger of restocks.
    ///
    /// # Errors
    /// [`Failed`] when a row is damaged.
    pub fn restocks(&self) -> Result<Vec<Restocked>, Failed> {
        self.staged().restocks(None, usize::MAX)
    }

    /// Brings the synced mark up to the synced database. Under load commits do so by themselves.
    ///
    /// # Errors
    /// It cannot be written; the process must end.
    pub fn raise_mark(&self) -> Result<(), StorageError> {
        self.synced().raise_mark()
    }

    fn synced(&self) -> MutexGuard<'_, Synced> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Bytes on disk.
    #[must_use]
    pub fn size_on_disk(&self) -> u64 {
        self.folder.size_on_disk()
    }

    fn staged(&self) -> Staged<'_> {
        Staged::new(&self.trees)
    }
}

impl Database for CatalogStore {
    type Transaction<'a> = CatalogTransaction<'a>;

    fn begin(&self) -> CatalogTransaction<'_> {
        CatalogTransaction { staged: self.staged(), store: self }
    }
}

/// A transaction on the catalog's database.
pub struct CatalogTransaction<'a> {
    staged: Staged<'a>,
    store: &'a CatalogStore,
}

impl Transaction for CatalogTransaction<'_> {
    fn cluster(&self) -> Result<ClusterId, Failed> {
        self.staged.cluster()
    }

    fn view(&self) -> Result<Option<View>, Failed> {
        self.staged.view()
    }

    fn put_view(&mut self, view: &View) -> Result<(), Failed> {
        self.staged.put_view(view)
    }

    fn fence(&self) -> Result<Fence, Failed> {
        self.staged.fence()
    }

    fn put_fence(&mut self, fence: &Fence) -> Result<(), Failed> {
        self.staged.put(Table::Meta, FENCE, fence)
    }

    fn books(&self, product: &ProductName) -> Result<Option<Books>, Failed> {
        self.staged.books(product)
    }

    fn put_books(&mut self, product: &ProductName, books: &Books) -> Result<(), Failed> {
        self.staged.put_books(product, books)
    }

    fn products(
        &self,
        after: Option<&ProductName>,
        limit: usize,
    ) -> Result<Vec<(ProductName, Books)>, Failed> {
        self.staged.products(after, limit)
    }

    fn sold_out(&self, limit: usize) -> Result<Vec<ProductName>, Failed> {
        self.staged.sold_out(limit)
    }

    fn reservation(&self, key: &OrderKey) -> Result<Option<Reservation>, Failed> {
        self.staged.get(Table::Reservations, key.as_str().as_bytes())
    }

    fn put_reservation(&mut self, reservation: &Reservation) -> Result<(), Failed> {
        self.staged.put_reservation(reservation)
    }

    fn remove_reservation(&mut self, key: &OrderKey) -> Result<(), Failed> {
        self.staged.remove(Table::Reservations, key.as_str().as_bytes());
        Ok(())
    }

    fn reservations(
        &self,
        after: Option<&OrderKey>,
        limit: usize,
    ) -> Result<Vec<Reservation>, Failed> {
        self.staged.reservations(after, limit)
    }

    fn add_restock(&mut self, restock: &Restocked) -> Result<(), Failed> {
        self.staged.put_restock(restock)
    }

    fn restocks(
        &self,
        after: Option<(&ProductName, Version)>,
        limit: usize,
    ) -> Result<Vec<Restocked>, Failed> {
        self.staged.restocks(after, limit)
    }

    fn commit(self) -> Result<(), Failed> {
        if self.staged.is_empty() {
            return Ok(());
        }
        let failed = |error: StorageError| {
            tracing::error!(%error, "a transaction cannot be saved");
            Failed::Io
        };
        let mut synced = self.store.synced();
        let commits = CatalogMark(synced.commits.0 + 1);
        let change = Change { number: commits, rows: self.staged.into_rows(), parts: 0 };
        self.store.with_trees(|trees| change.write(trees)).map_err(failed)?;
        self.store.folder.sync().map_err(failed)?;
        synced.commits = commits;
        if synced.marked.elapsed() >= INTERVAL {
            synced.raise_mark().map_err(failed)
        } else {
            Ok(())
        }
    }
}

fn check_mark(path: &Path, mark: CatalogMark, commits: CatalogMark) -> Result<(), StorageError> {
    if commits.0 >= mark.0 {
        return Ok(());
    }
    let what = format!("it was rolled back: {} of {} transactions are there", commits.0, mark.0);
    Err(StorageError::damaged(path, what))
}
