//! How a transaction reaches the catalog's trees, all or nothing.
//!
//! It is written as one row first, with its number, and then row by row. Of sled's one sequence of
//! writes a crash leaves a beginning, so opening does the last change again: a redo log of one
//! record (Mohan et al., ARIES, 1992). A transaction of sled would cost two more writes to the disk;
//! only a change too large for one row takes it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sled::Transactional;
use sled::transaction::ConflictableTransactionError;

use super::Table;
use crate::StorageError;
use crate::folder::sled_error;
use crate::mark::CatalogMark;
use crate::orders::transaction_error;
use crate::schema::ROW_VERSION;

/// The key of the last change among the meta rows.
const CHANGE: &[u8] = b"change";
/// Bytes of a change in one row at most. sled puts a leaf above 128 KiB into a file of its own, which
/// nobody syncs: a power cut would lose it.
const CHANGE_BYTES: usize = 60_000;

/// Rows to put, or to remove.
pub(super) type Rows = Vec<(Table, Vec<u8>, Option<Vec<u8>>)>;

/// A transaction's effect: doing it twice is doing it once.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Change {
    /// How many transactions are there with it.
    pub number: CatalogMark,
    /// Nothing where the change was too large.
    pub rows: Rows,
}

impl Change {
    /// Writes it.
    ///
    /// # Errors
    /// The process must end: what is on disk is not known.
    pub(super) fn write(self, trees: &[sled::Tree], path: &Path) -> Result<(), StorageError> {
        let record = self.encode(path)?;
        if record.len() > CHANGE_BYTES {
            return self.write_at_once(trees, path);
        }
        put(trees, path, &(Table::Meta, CHANGE.to_vec(), Some(record)))?;
        self.rows.iter().try_for_each(|row| put(trees, path, row))
    }

    /// Reads the last change and does it again; returns its number.
    ///
    /// # Errors
    /// It is missing or damaged, or cannot be written.
    pub(super) fn redo(trees: &[sled::Tree], path: &Path) -> Result<CatalogMark, StorageError> {
        let read =
            tree(trees, Table::Meta).get(CHANGE).map_err(|error| sled_error(path, &error))?;
        let record =
            read.ok_or_else(|| StorageError::damaged(path, "its last change is missing"))?;
        let Self { number, rows } = toystore_codec::decode(ROW_VERSION, &record)
            .map_err(|error| StorageError::damaged(path, format!("its last change: {error}")))?;
        rows.iter().try_for_each(|row| put(trees, path, row))?;
        Ok(number)
    }

    fn encode(&self, path: &Path) -> Result<Vec<u8>, StorageError> {
        toystore_codec::encode(ROW_VERSION, self)
            .map_err(|error| StorageError::damaged(path, error))
    }

    fn write_at_once(self, trees: &[sled::Tree], path: &Path) -> Result<(), StorageError> {
        let number_alone = Self { number: self.number, rows: Rows::new() }.encode(path)?;
        let done = trees.transaction(|trees| {
            for (table, key, row) in &self.rows {
                match row {
                    Some(row) => trees[*table as usize].insert(key.as_slice(), row.as_slice())?,
                    None => trees[*table as usize].remove(key.as_slice())?,
                };
            }
            trees[Table::Meta as usize].insert(CHANGE, number_alone.as_slice())?;
            Ok::<_, ConflictableTransactionError<()>>(())
        });
        done.map_err(|error| transaction_error(path, &error))
    }
}

fn tree(trees: &[sled::Tree], table: Table) -> &sled::Tree {
    &trees[table as usize]
}

fn put(
    trees: &[sled::Tree],
    path: &Path,
    (table, key, row): &(Table, Vec<u8>, Option<Vec<u8>>),
) -> Result<(), StorageError> {
    let tree = tree(trees, *table);
    let done = match row {
        Some(row) => tree.insert(key, row.as_slice()),
        None => tree.remove(key),
    };
    done.map(|_| ()).map_err(|error| sled_error(path, &error))
}
