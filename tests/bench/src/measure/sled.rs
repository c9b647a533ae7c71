//! sled by itself, with the same records as an order replica keeps.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use sled::{Batch, Db, Tree};
use toystore_replication::Entry;
use toystore_storage::schema::rows_of;

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

/// A database of orders.
pub struct Sled {
    db: Db,
    file: File,
    orders: Tree,
    rows: Rows,
    /// Spent on appending, so far.
    pub seconds: f64,
}

impl Sled {
    /// Makes one.
    pub fn create(folder: &Path, rows: Rows) -> Result<Self> {
        let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES);
        let db = config.flush_every_ms(None).open()?;
        let orders = db.open_tree("orders")?;
        db.flush()?;
        let file = File::open(folder.join("db")).context("sled has no file")?;
        Ok(Self { db, file, orders, rows, seconds: 0.0 })
    }

    /// Appends a batch, durably. Only that is timed, not the encoding.
    pub fn append(&mut self, entries: &[Entry]) -> Result<()> {
        let mut orders = Batch::default();
        let in_a_row = if self.rows == Rows::Single { 1 } else { entries.len().max(1) };
        for entries in entries.chunks(in_a_row) {
            for (key, record) in rows_of(entries)? {
                orders.insert(&key, record);
            }
        }
        let begun = Instant::now();
        self.orders.apply_batch(orders)?;
        self.db.flush()?;
        self.file.sync_data()?;
        self.seconds += begun.elapsed().as_secs_f64();
        Ok(())
    }
}
