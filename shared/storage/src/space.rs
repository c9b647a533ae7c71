//! Refusing work before the disk is full: sled takes a write into memory, fails to flush it, and
//! then answers reads with what was never saved.

use std::io;
use std::path::Path;

use crate::StorageError;

/// With less than this much left for the database's folder, work is refused.
pub const RESERVE_BYTES: u64 = 16 << 20;

/// Bytes that this process may still write on the disk of `path`.
///
/// # Errors
/// The system does not say.
pub fn available(path: &Path) -> Result<u64, StorageError> {
    fs4::available_space(path).map_err(StorageError::io("ask for the free space of", path))
}

/// The nearest folder above `path` that exists: a new database will be on its disk.
#[must_use]
pub fn existing(path: &Path) -> &Path {
    path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."))
}

/// Checks that the disk of `path` has room for work.
///
/// # Errors
/// [`StorageError::Io`] with what is missing.
pub fn check(path: &Path) -> Result<(), StorageError> {
    let free = available(path)?;
    if free >= RESERVE_BYTES {
        return Ok(());
    }
    let what = format!("{} KiB are free, {} KiB are needed", free >> 10, RESERVE_BYTES >> 10);
    Err(StorageError::Io {
        doing: "use the disk of",
        path: path.to_path_buf(),
        error: io::Error::new(io::ErrorKind::StorageFull, what),
    })
}
