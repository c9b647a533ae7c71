//! What "durable" means.
//!
//! sled's `flush` hands the log to the kernel with `sync_file_range`, which does not survive a
//! power cut; only `fdatasync` on sled's file does.

use std::fs::File;
use std::io;

/// Bytes that sled may write between two syncs. Its segments are of 512 KiB, and it takes all but the
/// last two for synced when it reads them again: of more than these, a power cut may leave a later
/// part without an earlier one.
const UNSYNCED_BYTES: usize = 512 << 10;
/// Bytes of the catalog's rows between two syncs at most: each lies in a leaf of its own, and sled
/// writes up to sixteen times as many.
pub(crate) const UNSYNCED_ROWS: usize = UNSYNCED_BYTES / 16;
/// Bytes of orders between two syncs at most: they are side by side, and sled writes up to eight times
/// as many.
pub(crate) const UNSYNCED_ORDERS: usize = UNSYNCED_BYTES / 8;

/// Makes everything written to `db` so far survive a power cut.
///
/// # Errors
/// The process must end: what the kernel could not write it may never try again.
pub fn sync(db: &sled::Db, file: &File) -> io::Result<()> {
    db.flush().map_err(|error| match error {
        sled::Error::Io(error) => error,
        other => io::Error::other(other.to_string()),
    })?;
    file.sync_data()?;
    #[cfg(test)]
    tests::synced();
    Ok(())
}

#[cfg(test)]
mod tests;
