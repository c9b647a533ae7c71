//! sled by itself, with the same records as an order replica keeps.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use sled::{Batch, Db, Tree};
use toystore_replication::Entry;
use toystore_storage::schema::{order_key, rows_of};

/// As an order replica has.
const CACHE_BYTES: u64 = 64 << 20;

/// How orders become rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rows {
    /// Each order is a row of its own.
    Single,
    /// Several orders share a row, as in the store.
    Shared,
}

/// A database with two trees: orders, and the index of their keys.
pub struct Sled {
    db: Db,
    file: File,
    orders: Tree,
    keys: Tree,
    rows: Rows,
    /// Spent on appending, so far.
    pub seconds: f64,
}

impl Sled {
    /// Makes one.
    pub fn create(folder: &Path, rows: Rows) -> Result<Self> {
        let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES);
        let db = config.flush_every_ms(None).open()?;
        let (orders, keys) = (db.open_tree("orders")?, db.open_tree("keys")?);
        db.flush()?;
        let file = File::open(folder.join("db")).context("sled has no file")?;
        Ok(Self { db, file, orders, keys, rows, seconds: 0.0 })
    }

    /// Appends a batch, durably. Only that is timed, not the encoding.
    pub fn append(&mut self, entries: &[Entry]) -> Result<()> {
        let (mut orders, mut keys) = (Batch::default(), Batch::default());
        let in_a_row = if self.rows == Rows::Single { 1 } else { entries.len().max(1) };
        for entries in entries.chunks(in_a_row) {
            for (key, record) in rows_of(entries)? {
                orders.insert(&key, record);
            }
        }
        for entry in entries {
            keys.insert(entry.purchase.key.as_str().as_bytes(), &order_key(entry.number));
        }
        let begun = Instant::now();
        self.orders.apply_batch(orders)?;
        self.keys.apply_batch(keys)?;
        self.db.flush()?;
        self.file.sync_data()?;
        self.seconds += begun.elapsed().as_secs_f64();
        Ok(())
    }
}
