//! Reading a database that may be damaged: row by row, trusting nothing. For the inspector, on a
//! private copy; a service only ever uses what opens as sound.

use std::ops::Bound;
use std::path::Path;

use crate::catalog::{TABLES, Table};
use crate::folder::{CACHE_BYTES, Folder, Kind, StorageError, guarded, sled_error};
use crate::schema;

/// A tree of either database. Keys and records are described in [`schema`] and [`crate::catalog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// An order replica's log.
    Orders,
    /// An order replica's row of state, or the catalog's view and the like.
    Meta,
    /// The catalog's products.
    Products,
    /// The catalog's index of sold-out products.
    SoldOut,
    /// The catalog's outstanding reservations.
    Reservations,
    /// The catalog's ledger of restocks.
    Restocks,
}

impl Tree {
    /// Its name on disk.
    #[must_use]
    pub fn name(self) -> &'static str {
        let catalog = |table: Table| TABLES[table as usize].1;
        match self {
            Self::Orders => schema::ORDERS,
            Self::Meta => schema::META,
            Self::Products => catalog(Table::Products),
            Self::SoldOut => catalog(Table::SoldOut),
            Self::Reservations => catalog(Table::Reservations),
            Self::Restocks => catalog(Table::Restocks),
        }
    }
}

/// A key and its record, as they are on disk.
pub type RawRow = (Vec<u8>, Vec<u8>);

/// An open database that nobody has verified.
pub struct Salvage {
    folder: Folder,
}

impl Salvage {
    /// Opens a database as far as sled opens it.
    ///
    /// # Errors
    /// Not even that can be done.
    pub fn open(path: &Path, kind: Kind) -> Result<Self, StorageError> {
        Ok(Self { folder: Folder::open(path, kind, CACHE_BYTES)? })
    }

    /// The rows above `after`, at most so many; and, where reading stopped early, what stopped it.
    #[must_use]
    pub fn rows(
        &self,
        tree: Tree,
        after: Option<&[u8]>,
        limit: usize,
    ) -> (Vec<RawRow>, Option<StorageError>) {
        let mut rows = Vec::new();
        let path = self.folder.path();
        let read = guarded(path, || {
            let tree = self.folder.tree(tree.name())?;
            let start = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.to_vec()));
            for row in tree.range((start, Bound::Unbounded)).take(limit) {
                let (key, record) = row.map_err(|error| sled_error(path, &error))?;
                rows.push((key.to_vec(), record.to_vec()));
            }
            Ok(())
        });
        (rows, read.err())
    }

    /// The record under a key.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn row(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let path = self.folder.path();
        guarded(path, || {
            let record = self.folder.tree(tree.name())?.get(key);
            Ok(record.map_err(|error| sled_error(path, &error))?.map(|record| record.to_vec()))
        })
    }
}
