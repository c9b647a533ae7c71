//! The synced high-water mark: how far a log reached, kept outside sled.
//!
//! A database that was rolled back, or that lost its end to damage, opens without an error; the
//! mark shows that it once held more. It may trail the log by [`INTERVAL`], and never leads it: a
//! mark is written after the log is synced, and lowered before the log is cut.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toystore_domain::OrderNumber;
use toystore_replication::{Chain, Epoch, Position};

use crate::StorageError;

/// The mark is at most this much behind the synced log.
pub const INTERVAL: Duration = Duration::from_millis(20);

const VERSION: u8 = 1;
/// Two slots are written in turn, so that a torn write spoils only the older one.
const SLOT_BYTES: usize = 128;

/// How far the log was synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Counts the writes of the mark.
    turn: u64,
    /// The last order then.
    pub number: OrderNumber,
    /// The hash of the log then.
    pub chain: Chain,
    /// The highest epoch promised then.
    pub promise: Epoch,
}

/// The mark's file.
pub struct MarkFile {
    file: File,
    path: PathBuf,
    last: Mark,
}

impl MarkFile {
    /// Makes the file of an empty log.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(folder: &Path) -> Result<(), StorageError> {
        let path = folder.join("MARK");
        let file = File::create_new(&path).map_err(StorageError::io("create", &path))?;
        let origin = Position::ORIGIN;
        let last = Mark { turn: 0, number: origin.number, chain: origin.chain, promise: Epoch(0) };
        Self { file, path, last }.put(&origin, Epoch(0))
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
        let last = (0..2)
            .filter_map(|slot| read_slot(&file, slot))
            .max_by_key(|mark| mark.turn)
            .ok_or_else(|| StorageError::damaged(folder, "its MARK file does not read as one"))?;
        Ok(Self { file, path, last })
    }

    /// The latest mark.
    #[must_use]
    pub fn last(&self) -> Mark {
        self.last
    }

    /// Writes and syncs a mark.
    ///
    /// # Errors
    /// It cannot be written; the process must end.
    pub fn put(&mut self, position: &Position, promise: Epoch) -> Result<(), StorageError> {
        let turn = self.last.turn + 1;
        let mark = Mark { turn, number: position.number, chain: position.chain, promise };
        let mut slot = toystore_codec::encode(VERSION, &mark)
            .map_err(|error| StorageError::damaged(&self.path, error))?;
        slot.resize(SLOT_BYTES, 0);
        let offset = (turn % 2) * SLOT_BYTES as u64;
        self.file
            .write_all_at(&slot, offset)
            .and_then(|()| self.file.sync_data())
            .map_err(StorageError::io("write", &self.path))?;
        self.last = mark;
        Ok(())
    }
}

fn read_slot(file: &File, slot: u64) -> Option<Mark> {
    let mut bytes = [0; SLOT_BYTES];
    file.read_exact_at(&mut bytes, slot * SLOT_BYTES as u64).ok()?;
    let length = toystore_codec::frame_length(&bytes)?;
    toystore_codec::decode(VERSION, bytes.get(..length)?).ok()
}
