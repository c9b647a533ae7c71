//! The catalog's database: [`toystore_authority::Database`] on sled.
//!
//! One thread runs transactions. A transaction stages its writes in memory and reads through
//! them; its commit is one sled transaction over all trees, and one sync.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sled::Transactional;
use sled::transaction::ConflictableTransactionError;
use toystore_authority::{Database, Failed, Fence, Restocked, Transaction};
use toystore_domain::{Books, OrderKey, Product, ProductName, Version};
use toystore_replication::messages::Reservation;
use toystore_replication::{ClusterId, View};

use crate::folder::{CACHE_BYTES, Folder, Kind, StorageError, guarded};
use crate::mark::{CatalogMark, INTERVAL, MarkFile};
use crate::orders::transaction_error;
use crate::schema::ROW_VERSION;

mod content;

pub use content::Content;

/// The catalog's trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
}

pub(crate) const TABLES: [(Table, &str); 5] = [
    (Table::Products, "products"),
    (Table::SoldOut, "sold_out"),
    (Table::Reservations, "reservations"),
    (Table::Restocks, "restocks"),
    (Table::Meta, "meta"),
];

/// The key of the cluster's id among the meta rows.
pub const CLUSTER: &[u8] = b"cluster";
/// The key of the view among the meta rows.
pub const VIEW: &[u8] = b"view";
const COMMITS: &[u8] = b"commits";
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
        let commits = guarded(path, || {
            let meta = Staged { trees: &trees, rows: BTreeMap::new() };
            let commits = meta.get(Table::Meta, COMMITS);
            commits.map(Option::unwrap_or_default).map_err(|e| StorageError::damaged(path, e))
        })?;
        let mark = MarkFile::open(path)?;
        check_mark(path, mark.last(), commits)?;
        let synced = Mutex::new(Synced { commits, mark, marked: Instant::now() });
        let store = Self { folder, trees, synced };
        guarded(path, || store.verify())?;
        Ok(store)
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
        Staged { trees: &self.trees, rows: BTreeMap::new() }
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

/// The writes of a transaction, and reads through them.
struct Staged<'a> {
    trees: &'a [sled::Tree],
    rows: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
}

fn decode<T: DeserializeOwned>(row: &[u8]) -> Result<T, Failed> {
    toystore_codec::decode(ROW_VERSION, row).map_err(|_| Failed::Damaged)
}

impl Staged<'_> {
    fn tree(&self, table: Table) -> &sled::Tree {
        &self.trees[table as usize]
    }

    fn get<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, Failed> {
        if let Some(staged) = self.rows.get(&(table, key.to_vec())) {
            return staged.as_deref().map(decode).transpose();
        }
        let row = self.tree(table).get(key).map_err(|_| Failed::Io)?;
        row.map(|row| decode(&row)).transpose()
    }

    fn put<T: Serialize>(&mut self, table: Table, key: &[u8], row: &T) -> Result<(), Failed> {
        let row = toystore_codec::encode(ROW_VERSION, row).map_err(|_| Failed::Damaged)?;
        self.rows.insert((table, key.to_vec()), Some(row));
        Ok(())
    }

    fn remove(&mut self, table: Table, key: &[u8]) {
        self.rows.insert((table, key.to_vec()), None);
    }

    /// Rows after a key, staged ones in place of stored ones.
    fn scan(&self, table: Table, after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, Failed> {
        let start = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.to_vec()));
        let mut stored = self.tree(table).range((start, Bound::Unbounded)).peekable();
        let first = (table, after.map(<[u8]>::to_vec).unwrap_or_default());
        let mut staged = self
            .rows
            .range(first..)
            .take_while(|((of, _), _)| *of == table)
            .filter(|((_, key), _)| after.is_none_or(|after| key.as_slice() > after))
            .peekable();
        let mut rows = Vec::new();
        while rows.len() < limit {
            let stored_key = match stored.peek() {
                Some(Ok((key, _))) => Some(key.clone()),
                Some(Err(_)) => return Err(Failed::Io),
                None => None,
            };
            let staged_key = staged.peek().map(|((_, key), _)| key.as_slice());
            match (stored_key, staged_key) {
                (None, None) => break,
                (Some(key), Some(staged_key)) if staged_key > &key[..] => {
                    rows.extend(stored.next().and_then(Result::ok).map(to_vecs));
                }
                (Some(_), None) => rows.extend(stored.next().and_then(Result::ok).map(to_vecs)),
                (key, Some(staged_key)) => {
                    if key.is_some_and(|key| &key[..] == staged_key) {
                        stored.next();
                    }
                    if let Some(((_, key), Some(row))) = staged.next() {
                        rows.push((key.clone(), row.clone()));
                    }
                }
            }
        }
        Ok(rows)
    }

    fn write(&self, path: &Path) -> Result<(), StorageError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let done = self.trees.transaction(|trees| {
            for ((table, key), row) in &self.rows {
                match row {
                    Some(row) => trees[*table as usize].insert(key.as_slice(), row.as_slice())?,
                    None => trees[*table as usize].remove(key.as_slice())?,
                };
            }
            Ok::<_, ConflictableTransactionError<()>>(())
        });
        done.map_err(|error| transaction_error(path, &error))
    }
}

/// A key and its record.
type Row = (Vec<u8>, Vec<u8>);

fn to_vecs((key, row): (sled::IVec, sled::IVec)) -> Row {
    (key.to_vec(), row.to_vec())
}

/// No name holds a 0, so the keys' order is that of (name, version).
fn restock_key(product: &ProductName, version: Version) -> Vec<u8> {
    let mut key = product.as_str().as_bytes().to_vec();
    key.push(0);
    key.extend(version.0.to_be_bytes());
    key
}

fn name_of(key: &[u8]) -> Result<ProductName, Failed> {
    std::str::from_utf8(key).ok().and_then(ProductName::new).ok_or(Failed::Damaged)
}

impl Staged<'_> {
    fn cluster(&self) -> Result<ClusterId, Failed> {
        self.get(Table::Meta, CLUSTER)?.ok_or(Failed::Damaged)
    }

    fn view(&self) -> Result<Option<View>, Failed> {
        self.get(Table::Meta, VIEW)
    }

    fn put_view(&mut self, view: &View) -> Result<(), Failed> {
        self.put(Table::Meta, VIEW, view)
    }

    fn fence(&self) -> Result<Fence, Failed> {
        Ok(self.get(Table::Meta, FENCE)?.unwrap_or_default())
    }

    fn books(&self, product: &ProductName) -> Result<Option<Books>, Failed> {
        self.get(Table::Products, product.as_str().as_bytes())
    }

    fn put_books(&mut self, product: &ProductName, books: &Books) -> Result<(), Failed> {
        let key = product.as_str().as_bytes();
        if books.stock == 0 {
            self.put(Table::SoldOut, key, &())?;
        } else {
            self.remove(Table::SoldOut, key);
        }
        self.put(Table::Products, key, books)
    }

    fn products(
        &self,
        after: Option<&ProductName>,
        limit: usize,
    ) -> Result<Vec<(ProductName, Books)>, Failed> {
        let after = after.map(|name| name.as_str().as_bytes());
        let rows = self.scan(Table::Products, after, limit)?;
        rows.into_iter().map(|(key, row)| Ok((name_of(&key)?, decode(&row)?))).collect()
    }

    fn put_reservation(&mut self, reservation: &Reservation) -> Result<(), Failed> {
        self.put(Table::Reservations, reservation.purchase.key.as_str().as_bytes(), reservation)
    }

    fn put_restock(&mut self, restock: &Restocked) -> Result<(), Failed> {
        self.put(Table::Restocks, &restock_key(&restock.product, restock.version), restock)
    }

    fn restocks(
        &self,
        after: Option<(&ProductName, Version)>,
        limit: usize,
    ) -> Result<Vec<Restocked>, Failed> {
        let after = after.map(|(name, version)| restock_key(name, version));
        let rows = self.scan(Table::Restocks, after.as_deref(), limit)?;
        rows.into_iter().map(|(_, row)| decode(&row)).collect()
    }

    fn sold_out(&self, limit: usize) -> Result<Vec<ProductName>, Failed> {
        let rows = self.scan(Table::SoldOut, None, limit)?;
        rows.into_iter().map(|(key, _)| name_of(&key)).collect()
    }

    fn reservations(
        &self,
        after: Option<&OrderKey>,
        limit: usize,
    ) -> Result<Vec<Reservation>, Failed> {
        let after = after.map(|key| key.as_str().as_bytes());
        let rows = self.scan(Table::Reservations, after, limit)?;
        rows.into_iter().map(|(_, row)| decode(&row)).collect()
    }
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

    fn commit(mut self) -> Result<(), Failed> {
        if self.staged.rows.is_empty() {
            return Ok(());
        }
        let failed = |error: StorageError| {
            tracing::error!(%error, "a transaction cannot be saved");
            Failed::Io
        };
        let mut synced = self.store.synced();
        let commits = CatalogMark(synced.commits.0 + 1);
        self.staged.put(Table::Meta, COMMITS, &commits)?;
        self.staged.write(self.store.path()).map_err(failed)?;
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
