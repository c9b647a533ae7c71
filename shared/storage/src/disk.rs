//! What "durable" means.
//!
//! sled's `flush` hands the log to the kernel with `sync_file_range`, which does not survive a
//! power cut; only `fdatasync` on sled's file does.

use std::fs::File;
use std::io;

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
