//! The synced high-water mark: how far a database reached, kept outside sled.
//!
//! A database that was rolled back, or that lost its end to damage, opens without an error; the
//! mark shows that it once held more. Under load it trails the database by [`INTERVAL`] at most,
//! and it never leads it: a mark is written after the database is synced, and lowered before a log
//! is cut.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toystore_domain::OrderNumber;
use toystore_replication::{Chain, Epoch, Position};

use crate::StorageError;

/// Under load, the mark is at most this much behind the synced database.
pub const INTERVAL: Duration = Duration::from_millis(100);

const VERSION: u8 = 1;
/// Two slots are written in turn, so that a torn write spoils only the older one.
const SLOT_BYTES: usize = 128;

/// How far an order replica's log was synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The last order then.
    pub number: OrderNumber,
    /// The hash of the log then.
    pub chain: Chain,
    /// The highest epoch promised then.
    pub promise: Epoch,
}

impl Mark {
    /// The mark of a log that stands here.
    #[must_use]
    pub fn of(position: &Position, promise: Epoch) -> Self {
        Self { number: position.number, chain: position.chain, promise }
    }
}

/// How far the catalog was synced: how many transactions it committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CatalogMark(pub u64);

/// A mark's file.
pub struct MarkFile<M> {
    file: File,
    path: PathBuf,
    /// Counts the writes of the mark.
    turn: u64,
    last: M,
}

impl<M: Serialize + DeserializeOwned + Copy> MarkFile<M> {
    /// Makes the file of a new database.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(folder: &Path, first: M) -> Result<(), StorageError> {
        let path = folder.join("MARK");
        let file = File::create_new(&path).map_err(StorageError::io("create", &path))?;
        Self { file, path, turn: 0, last: first }.put(first)
    }

    /// Opens the file and reads the latest mark.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when neither slot can be read.
    pub fn open(folder: &Path) -> Result<Self, StorageError> {
        let path = folder.join("MARK");
        let file =
            OpenOptions::new().read(true).write(true).open(&path).map_err(|error| {
                StorageError::damaged(folder, format!("its MARK file: {error}"))
            })?;
        let (turn, last) = (0..2)
            .filter_map(|slot| read_slot(&file, slot))
            .max_by_key(|(turn, _)| *turn)
            .ok_or_else(|| StorageError::damaged(folder, "its MARK file does not read as one"))?;
        Ok(Self { file, path, turn, last })
    }

    /// The latest mark.
    #[must_use]
    pub fn last(&self) -> M {
        self.last
    }

    /// Writes and syncs a mark.
    ///
    /// # Errors
    /// It cannot be written; the process must end.
    pub fn put(&mut self, mark: M) -> Result<(), StorageError> {
        self.turn += 1;
        let mut slot = toystore_codec::encode(VERSION, &(self.turn, mark))
            .map_err(|error| StorageError::damaged(&self.path, error))?;
        slot.resize(SLOT_BYTES, 0);
        let offset = (self.turn % 2) * SLOT_BYTES as u64;
        self.file
            .write_all_at(&slot, offset)
            .and_then(|()| self.file.sync_data())
            .map_err(StorageError::io("write", &self.path))?;
        self.last = mark;
        Ok(())
    }
}

fn read_slot<M: DeserializeOwned>(file: &File, slot: u64) -> Option<(u64, M)> {
    let mut bytes = [0; SLOT_BYTES];
    file.read_exact_at(&mut bytes, slot * SLOT_BYTES as u64).ok()?;
    let length = toystore_codec::frame_length(&bytes)?;
    toystore_codec::decode(VERSION, bytes.get(..length)?).ok()
}
