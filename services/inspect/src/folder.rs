//! Copying a folder, and opening the copy.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use toystore_replication::{ReplicaId, StoreId};
use toystore_storage::mark::MarkFile;
use toystore_storage::salvage::Salvage;
use toystore_storage::{CatalogStore, Kind, OrderStore, StorageError, folder};

use crate::catalog::Catalog;
use crate::orders::{Log, Orders};
use crate::source::{Source, Unreadable};

/// What became of opening a database.
pub enum Opened<T> {
    /// It opened as a service would open it.
    Sound(T),
    /// It is damaged in this way; the rest is there where sled opens it at all.
    Damaged(String, Option<Salvage>),
}

/// Finds out what a folder holds, and opens a copy of it. `scratch` names places for copies.
///
/// # Errors
/// It cannot be read; damage is told by the source.
pub fn load(path: &Path, scratch: impl FnMut() -> PathBuf) -> Result<Source, Unreadable> {
    let (kind, store) = match read_format(path) {
        Ok(found) => found,
        Err(StorageError::Damaged { what, .. }) => {
            return Ok(Source::Ruin { name: path.display().to_string(), damage: what });
        }
        Err(error) => return Err(error.into()),
    };
    let size = size_of(path).map_err(StorageError::io("read", path))?;
    match kind {
        Kind::Order(id) => {
            let id = ReplicaId(id);
            let (opened, copy) = open(path, kind, scratch, |copy| OrderStore::open(copy, id))?;
            // A damaged mark is damage that opening the store has found already.
            let synced = MarkFile::open(&copy).ok().map(|file| file.last());
            let (log, damage) = match opened {
                Opened::Sound(store) => (Log::Sound(Box::new(store)), None),
                Opened::Damaged(what, salvage) => (Log::Damaged(salvage), Some(what)),
            };
            Ok(Source::Orders(Orders::in_folder(id, store, size, synced, log, damage)))
        }
        Kind::Catalog => {
            let (opened, _) = open(path, kind, scratch, CatalogStore::open)?;
            catalog(path, opened, store, size)
        }
    }
}

fn catalog(
    path: &Path,
    opened: Opened<CatalogStore>,
    store: StoreId,
    size: u64,
) -> Result<Source, Unreadable> {
    let catalog = match opened {
        Opened::Sound(opened) => Catalog::sound(&opened, store, size)
            .map_err(|error| StorageError::damaged(path, error))?,
        Opened::Damaged(what, salvage) => Catalog::damaged(what, salvage.as_ref(), store, size),
    };
    Ok(Source::Catalog(catalog))
}

/// What a folder says it is. What cannot be read is not taken for damage.
fn read_format(path: &Path) -> Result<(Kind, StoreId), StorageError> {
    if let Err(error) = File::open(path.join("FORMAT"))
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(StorageError::io("read", path)(error));
    }
    folder::read_format(path, None)
}

/// Opens a copy the way a service opens it, or another copy without verifying it: whatever the
/// first attempt did to its copy is of no matter then.
fn open<T>(
    path: &Path,
    kind: Kind,
    mut scratch: impl FnMut() -> PathBuf,
    as_service: impl FnOnce(&Path) -> Result<T, StorageError>,
) -> Result<(Opened<T>, PathBuf), Unreadable> {
    let first = copy(path, scratch())?;
    match as_service(&first) {
        Ok(store) => Ok((Opened::Sound(store), first)),
        Err(StorageError::Damaged { what, .. }) => {
            let second = copy(path, scratch())?;
            // Only the disk space is at stake, and the scratch folder goes in the end.
            let _ = fs::remove_dir_all(&first);
            let salvage = match Salvage::open(&second, kind) {
                Ok(salvage) => Some(salvage),
                Err(StorageError::Damaged { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            Ok((Opened::Damaged(what, salvage), second))
        }
        Err(error) => Err(error.into()),
    }
}

/// Copies a folder that no process uses.
fn copy(path: &Path, to: PathBuf) -> Result<PathBuf, Unreadable> {
    if in_use(path) {
        return Err(Unreadable::InUse(path.to_path_buf()));
    }
    let before = traces(path);
    folder::copy(path, &to)?;
    if in_use(path) || traces(path) != before {
        return Err(Unreadable::Torn(path.to_path_buf()));
    }
    Ok(to)
}

/// Whether a process holds sled's lock. It is an advisory lock on an open file: trying to share it
/// writes nothing, and it is released with the file at the end of this function.
fn in_use(path: &Path) -> bool {
    // Without the file, or without locks, there is no process to be found.
    let locked = File::open(path.join("sled").join("db")).map(|file| file.try_lock_shared());
    matches!(locked, Ok(Err(TryLockError::WouldBlock)))
}

/// What a process would have changed: it raises its mark and grows or rewrites sled's file.
fn traces(path: &Path) -> Vec<Option<(u64, std::time::SystemTime)>> {
    let trace = |name: &str| {
        let metadata = fs::metadata(path.join(name)).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    ["MARK", "sled", "sled/db"].map(trace).to_vec()
}

/// The size of all files below a folder.
fn size_of(path: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size_of(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
