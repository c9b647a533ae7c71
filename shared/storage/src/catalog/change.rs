//! How a transaction reaches the catalog's trees, all or nothing.
//!
//! The whole change is written first, with its number, and then row by row. Of sled's one sequence
//! of writes a crash leaves a beginning, so opening does the last change again: a redo log of one
//! record (Mohan et al., ARIES, 1992). A change too large for one row is written in parts, which
//! count once their head is there; and what is large is synced in portions, see
//! [`UNSYNCED_BYTES`].

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Table;
use crate::StorageError;
use crate::disk::UNSYNCED_BYTES;
use crate::folder::sled_error;
use crate::mark::CatalogMark;
use crate::schema::{ROW_BYTES, ROW_VERSION};

/// The key of the last change among the meta rows.
pub(super) const CHANGE: &[u8] = b"change";

/// A row to put, or to remove.
pub(super) type Row = (Table, Vec<u8>, Option<Vec<u8>>);

/// A transaction's effect: doing it twice is doing it once.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Change {
    /// How many transactions are there with it.
    pub number: CatalogMark,
    /// What it changes; nothing in the head of one in parts.
    pub rows: Vec<Row>,
    /// In how many parts it is, of which each has its number.
    pub parts: u32,
}

/// The catalog's trees, and what makes their content durable.
pub(super) struct Trees<'a> {
    pub trees: &'a [sled::Tree],
    pub path: &'a Path,
    pub sync: &'a dyn Fn() -> Result<(), StorageError>,
}

impl Change {
    /// Writes it. What it writes last, the caller syncs.
    ///
    /// # Errors
    /// The process must end: what is on disk is not known.
    pub(super) fn write(&self, to: &Trees<'_>) -> Result<(), StorageError> {
        let head = self.row(to.path, Table::Meta, CHANGE)?;
        if size(&head) <= UNSYNCED_BYTES {
            to.put(&head)?;
        } else {
            self.write_in_parts(to)?;
        }
        to.put_all(&self.rows)
    }

    fn write_in_parts(&self, to: &Trees<'_>) -> Result<(), StorageError> {
        let (number, mut rest, mut parts) = (self.number, self.rows.as_slice(), Vec::new());
        while !rest.is_empty() {
            let (rows, after) = rest.split_at(fitting(rest, ROW_BYTES));
            let key = (parts.len() as u64).to_be_bytes();
            let part = Self { number, rows: rows.to_vec(), parts: 0 };
            parts.push(part.row(to.path, Table::Parts, &key)?);
            rest = after;
        }
        to.put_all(&parts)?;
        // The head must not be there without one of them.
        (to.sync)()?;
        let parts = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let head = Self { number, rows: Vec::new(), parts };
        to.put(&head.row(to.path, Table::Meta, CHANGE)?)?;
        (to.sync)()
    }

    /// Reads the last change, or its head.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub(super) fn read(trees: &[sled::Tree], path: &Path) -> Result<Self, StorageError> {
        decode(trees, path, Table::Meta, CHANGE)?
            .ok_or_else(|| StorageError::damaged(path, "its last change is missing"))
    }

    /// Does it again.
    ///
    /// # Errors
    /// A part of it is missing or damaged, or it cannot be written.
    pub(super) fn redo(&self, to: &Trees<'_>) -> Result<(), StorageError> {
        let mut rows = self.rows.clone();
        for key in 0..u64::from(self.parts) {
            match decode(to.trees, to.path, Table::Parts, &key.to_be_bytes())? {
                Some(Self { number, rows: more, .. }) if number == self.number => rows.extend(more),
                // The parts of the next change, which began when this one was done.
                Some(Self { number, .. }) if number > self.number => return Ok(()),
                _ => return Err(StorageError::damaged(to.path, "its last change is incomplete")),
            }
        }
        to.put_all(&rows)
    }

    fn row(&self, path: &Path, table: Table, key: &[u8]) -> Result<Row, StorageError> {
        let record = toystore_codec::encode(ROW_VERSION, self);
        let record = record.map_err(|error| StorageError::damaged(path, error))?;
        Ok((table, key.to_vec(), Some(record)))
    }
}

impl Trees<'_> {
    /// Writes rows in their order, with a sync between portions.
    ///
    /// # Errors
    /// The process must end: what is on disk is not known.
    pub(super) fn put_all(&self, mut rows: &[Row]) -> Result<(), StorageError> {
        while !rows.is_empty() {
            let (portion, rest) = rows.split_at(fitting(rows, UNSYNCED_BYTES));
            portion.iter().try_for_each(|row| self.put(row))?;
            if !rest.is_empty() {
                (self.sync)()?;
            }
            rows = rest;
        }
        Ok(())
    }

    fn put(&self, (table, key, row): &Row) -> Result<(), StorageError> {
        let tree = &self.trees[*table as usize];
        let done = match row {
            Some(row) => tree.insert(key, row.as_slice()),
            None => tree.remove(key),
        };
        done.map(|_| ()).map_err(|error| sled_error(self.path, &error))
    }
}

fn decode(
    trees: &[sled::Tree],
    path: &Path,
    table: Table,
    key: &[u8],
) -> Result<Option<Change>, StorageError> {
    let record = trees[table as usize].get(key).map_err(|error| sled_error(path, &error))?;
    let decoded = record.map(|record| toystore_codec::decode(ROW_VERSION, &record)).transpose();
    decoded.map_err(|error| StorageError::damaged(path, format!("its last change: {error}")))
}

fn size((_, key, row): &Row) -> usize {
    key.len() + row.as_ref().map_or(0, Vec::len)
}

/// How many of these rows are no more than so many bytes: one at least.
fn fitting(rows: &[Row], most: usize) -> usize {
    let upto = rows.iter().scan(0, |bytes, row| {
        *bytes += size(row);
        Some(*bytes)
    });
    upto.take_while(|bytes| *bytes <= most).count().max(1)
}
