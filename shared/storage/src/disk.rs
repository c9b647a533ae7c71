//! What "durable" means.
//!
//! sled's `flush` hands the log to the kernel with `sync_file_range`, which does not survive a
//! power cut; only `fdatasync` on sled's file does.

use std::fs::File;
use std::io;

/// Bytes of rows between two syncs at most. sled has been seen to write eight times as many of orders,
/// and sixteen times as many of the catalog's rows. Its segments are of 512 KiB, and it takes all but
/// the last two for synced when it reads them again: of more than these, a power cut may leave a later
/// part without an earlier one.
pub(crate) const UNSYNCED_BYTES: usize = 32 << 10;

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
