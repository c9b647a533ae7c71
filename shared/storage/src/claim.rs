//! A folder in which something is made, held by one process until it is renamed or removed: two
//! that made the same at once would destroy each other's files.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::StorageError;

/// A folder that is this process's to fill. The lock goes with the process, however it ends.
pub struct Claim {
    path: PathBuf,
    _locked: File,
}

impl Claim {
    /// Makes a folder, or takes over what a killed process left of one, and empties it.
    ///
    /// # Errors
    /// [`StorageError::BeingMade`] while another process has it.
    pub fn new(path: &Path) -> Result<Self, StorageError> {
        loop {
            match fs::create_dir(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(StorageError::io("create", path)(error));
                }
                _ => {}
            }
            let Some(folder) =
                unless_gone(File::open(path)).map_err(StorageError::io("open", path))?
            else {
                continue;
            };
            match folder.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(StorageError::BeingMade(path.to_path_buf()));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(StorageError::io("lock", path)(error));
                }
            }
            // Whoever had it may have renamed or removed it meanwhile.
            if is_at(&folder, path).map_err(StorageError::io("read", path))? {
                empty(path)?;
                return Ok(Self { path: path.to_path_buf(), _locked: folder });
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn unless_gone<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn is_at(folder: &File, path: &Path) -> io::Result<bool> {
    let (held, there) = (folder.metadata()?, unless_gone(fs::metadata(path))?);
    Ok(there.is_some_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino())))
}

fn empty(path: &Path) -> Result<(), StorageError> {
    for entry in fs::read_dir(path).map_err(StorageError::io("read", path))? {
        let entry = entry.map_err(StorageError::io("read", path))?;
        let (path, kind) = (entry.path(), entry.file_type());
        let removed = match kind.is_ok_and(|kind| kind.is_dir()) {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        removed.map_err(StorageError::io("remove", &path))?;
    }
    Ok(())
}
