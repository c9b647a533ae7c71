//! A database's folder: created once, opened after; a fresh start is never a fallback.
//!
//! ```text
//! NAME/FORMAT    what this folder is: one line of text with a checksum, synced
//! NAME/MARK      the synced high-water mark (order replicas)
//! NAME/sled/     the sled database
//! ```
//!
//! A new folder is built as `NAME.creating` and renamed when it is complete and synced, so a
//! folder without its FORMAT file is damaged, never half made.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use toystore_replication::{Fatal, StoreId};

use crate::claim::Claim;
use crate::format::{self, LAYOUT, NoFormat};

/// Bytes of sled's page cache.
pub const CACHE_BYTES: u64 = 64 << 20;
/// How long to wait for sled's lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// More than any FORMAT file has.
const MAX_FORMAT_BYTES: u64 = 1024;

/// Which database a folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The catalog's.
    Catalog,
    /// Order replica N's.
    Order(u8),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalog => f.write_str("catalog"),
            Self::Order(id) => write!(f, "order-{id}"),
        }
    }
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no such folder.
    #[error("{0} does not exist")]
    NotFound(PathBuf),
    /// The folder exists already.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// Another process is making it.
    #[error("another process is making {0}; let it finish, or stop it first")]
    BeingMade(PathBuf),
    /// It is no folder of this store, or another kind of database.
    #[error("{path} is not a database of {expected}: {found}")]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Another version of the program made it.
    #[error(
        "{path} has layout {found}, and this program reads layout {LAYOUT} only; use the version that \
         made it, or move the folder away"
    )]
    Layout {
        /// The folder.
        path: PathBuf,
        /// Its layout.
        found: u32,
    },
    /// Another process has it open.
    #[error("{0} is in use by another process; stop that process first")]
    InUse(PathBuf),
    /// Its content is damaged.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The operating system refuses.
    #[error("cannot {doing} {path}: {error}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl StorageError {
    /// Wraps an error of the operating system.
    pub fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self::Io { doing, path, error }
    }

    /// Says what is wrong with the content of a folder.
    #[must_use]
    pub fn damaged(path: &Path, what: impl fmt::Display) -> Self {
        Self::Damaged { path: path.to_path_buf(), what: what.to_string() }
    }

    /// Whether setting the database aside and starting anew could mend it.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}

/// An open folder.
pub struct Folder {
    path: PathBuf,
    store: StoreId,
    db: sled::Db,
    /// sled's own file, for fdatasync.
    file: File,
}

impl Folder {
    /// Makes a new database. `fill` puts the first rows in.
    ///
    /// # Errors
    /// [`StorageError::Exists`] when there is something at `path`; never replaces it.
    /// [`StorageError::BeingMade`] while another process makes it. What `fill` fails with is passed
    /// on, and nothing is at `path` then.
    pub fn create<E: From<StorageError>>(
        path: &Path,
        kind: Kind,
        fill: impl FnOnce(&sled::Db, &Path) -> Result<(), E>,
    ) -> Result<(), E> {
        if path.exists() {
            return Err(StorageError::Exists(path.to_path_buf()).into());
        }
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(StorageError::io("create", parent))?;
        let building = path.with_file_name(format!("{}.creating", file_name(path)));
        let _claim = Claim::new(&building)?;
        // Another process may have made it meanwhile.
        if path.exists() {
            return Err(StorageError::Exists(path.to_path_buf()).into());
        }
        let store = StoreId(random()?);
        {
            let db = open_sled(&building, CACHE_BYTES)?;
            fill(&db, &building)?;
            db.flush().map_err(|error| sled_error(&building, &error))?;
        }
        let line = format::line(kind, store);
        let format = building.join("FORMAT");
        let mut file = File::create(&format).map_err(StorageError::io("create", &format))?;
        file.write_all(line.as_bytes()).map_err(StorageError::io("write", &format))?;
        sync_tree(&building)?;
        fs::rename(&building, path).map_err(StorageError::io("rename", &building))?;
        Ok(sync(parent)?)
    }

    /// Opens an existing database.
    ///
    /// # Errors
    /// Says whether it is missing, foreign, in use or damaged; never creates one.
    pub fn open(path: &Path, kind: Kind, cache_bytes: u64) -> Result<Self, StorageError> {
        let store = read_format(path, Some(kind))?.1;
        let sled_path = path.join("sled");
        let data = sled_path.join("db");
        if !data.exists() {
            return Err(StorageError::damaged(path, "sled's file is missing"));
        }
        remove_unfinished_snapshots(&sled_path)?;
        let file = File::open(&data).map_err(StorageError::io("open", &data))?;
        // What a killed process left in the page cache must be on disk before anyone relies on it,
        // sled's own snapshot included.
        file.sync_all().map_err(StorageError::io("sync", &data))?;
        let db = open_when_free(path, cache_bytes)?;
        let folder = Self { path: path.to_path_buf(), store, db, file };
        folder.sync()?;
        sync_tree(path)?;
        Ok(folder)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database's own id.
    #[must_use]
    pub fn store(&self) -> StoreId {
        self.store
    }

    /// A tree, which must exist since the folder was created.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when it does not.
    pub fn tree(&self, name: &str) -> Result<sled::Tree, StorageError> {
        guarded(&self.path, || {
            if !self.db.tree_names().iter().any(|known| known == name.as_bytes()) {
                return Err(StorageError::damaged(&self.path, format!("tree {name} is missing")));
            }
            self.db.open_tree(name).map_err(|error| sled_error(&self.path, &error))
        })
    }

    /// Bytes on disk.
    #[must_use]
    pub fn size_on_disk(&self) -> u64 {
        self.db.size_on_disk().unwrap_or(0)
    }

    /// Makes everything written so far survive a power cut.
    ///
    /// # Errors
    /// The process must end: what the kernel could not write it may never try again.
    pub fn sync(&self) -> Result<(), StorageError> {
        crate::disk::sync(&self.db, &self.file).map_err(|error| StorageError::Io {
            doing: "sync",
            path: self.path.clone(),
            error,
        })
    }
}

/// Reads what a folder says it is.
///
/// # Errors
/// [`StorageError::Layout`] when another version of the program made it;
/// [`StorageError::Foreign`] when it is not of the `expected` kind.
pub fn read_format(path: &Path, expected: Option<Kind>) -> Result<(Kind, StoreId), StorageError> {
    if !path.exists() {
        return Err(StorageError::NotFound(path.to_path_buf()));
    }
    let format = path.join("FORMAT");
    let text = match read_start(&format) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.join("sled").exists() => {
            let expected = expected.map_or("this store".to_owned(), |kind| kind.to_string());
            let found = "it has neither a FORMAT file nor a sled folder".to_owned();
            return Err(StorageError::Foreign { path: path.to_path_buf(), expected, found });
        }
        Err(error) => {
            return Err(StorageError::damaged(path, format!("its FORMAT file: {error}")));
        }
    };
    let (kind, store) = format::parse(&text).map_err(|why| match why {
        NoFormat::Layout(found) => StorageError::Layout { path: path.to_path_buf(), found },
        NoFormat::Unreadable => StorageError::damaged(path, "its FORMAT file does not read as one"),
    })?;
    match expected.filter(|expected| *expected != kind) {
        Some(expected) => Err(StorageError::Foreign {
            path: path.to_path_buf(),
            expected: expected.to_string(),
            found: format!("it belongs to {kind}"),
        }),
        None => Ok((kind, store)),
    }
}

/// Reads a FORMAT file; of anything else that lies there under its name, no more than its start.
fn read_start(format: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(format)?.take(MAX_FORMAT_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Moves a damaged database out of the way, beside where it was; returns where it is now.
///
/// # Errors
/// The folder cannot be renamed.
pub fn set_aside(path: &Path) -> Result<PathBuf, StorageError> {
    let free = (1_u32..)
        .map(|n| path.with_file_name(format!("{}.damaged-{n}", file_name(path))))
        .find(|candidate| !candidate.exists())
        .unwrap_or_else(|| path.with_extension("damaged"));
    fs::rename(path, &free).map_err(StorageError::io("set aside", path))?;
    Ok(free)
}

/// Copies a folder, so that a reader never touches the original.
///
/// # Errors
/// Something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<(), StorageError> {
    fs::create_dir_all(to).map_err(StorageError::io("create", to))?;
    for entry in fs::read_dir(from).map_err(StorageError::io("read", from))? {
        let entry = entry.map_err(StorageError::io("read", from))?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type().map_err(StorageError::io("read", &entry.path()))?;
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            match fs::copy(entry.path(), &target) {
                // A running sled removes files of its own while they are copied.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => {
                    other.map_err(StorageError::io("copy", &entry.path()))?;
                }
            }
        }
    }
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn open_sled(folder: &Path, cache_bytes: u64) -> Result<sled::Db, StorageError> {
    sled::Config::new()
        .path(folder.join("sled"))
        .cache_capacity(cache_bytes)
        // Every write is synced by its writer; the background flusher would only compete.
        .flush_every_ms(None)
        .open()
        .map_err(|error| sled_error(folder, &error))
}

/// Opens sled, and waits a little for its lock: sled lets go of it a moment after it is dropped,
/// and a killed process a moment after its end.
fn open_when_free(folder: &Path, cache_bytes: u64) -> Result<sled::Db, StorageError> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match guarded(folder, || open_sled(folder, cache_bytes)) {
            Err(StorageError::InUse(_)) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            other => return other,
        }
    }
}

/// Runs what may panic on damaged data: sled asserts where it could return an error.
pub(crate) fn guarded<T>(
    path: &Path,
    work: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StorageError::damaged(path, "sled cannot make sense of it")))
}

pub(crate) fn sled_error(path: &Path, error: &sled::Error) -> StorageError {
    match error {
        sled::Error::Io(io) if io.to_string().contains("lock") => {
            StorageError::InUse(path.to_path_buf())
        }
        sled::Error::Io(io) => StorageError::Io {
            doing: "use",
            path: path.to_path_buf(),
            error: io::Error::new(io.kind(), io.to_string()),
        },
        sled::Error::Corruption { .. } => StorageError::damaged(path, "sled reads corrupted data"),
        other => StorageError::damaged(path, other),
    }
}

/// A process killed while sled opened leaves these, and every later open fails on them.
fn remove_unfinished_snapshots(sled_path: &Path) -> Result<(), StorageError> {
    for entry in fs::read_dir(sled_path).map_err(StorageError::io("read", sled_path))? {
        let path = entry.map_err(StorageError::io("read", sled_path))?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(&path).map_err(StorageError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Syncs every file and folder below `path`.
fn sync_tree(path: &Path) -> Result<(), StorageError> {
    for entry in fs::read_dir(path).map_err(StorageError::io("read", path))? {
        let entry = entry.map_err(StorageError::io("read", path))?.path();
        if entry.is_dir() {
            sync_tree(&entry)?;
        } else {
            sync(&entry)?;
        }
    }
    sync(path)
}

pub(crate) fn sync(path: &Path) -> Result<(), StorageError> {
    match File::open(path).and_then(|file| file.sync_all()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(StorageError::io("sync", path)),
    }
}

/// Randomness for ids.
///
/// # Errors
/// The system has none.
pub fn random() -> Result<u128, StorageError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| StorageError::Io {
        doing: "draw random bytes for",
        path: PathBuf::from("a new id"),
        error: io::Error::other(error.to_string()),
    })?;
    Ok(u128::from_be_bytes(bytes))
}

/// What the protocol's core makes of an unreadable database.
pub(crate) fn unreadable(error: impl fmt::Display) -> Fatal {
    tracing::error!(%error, "the database cannot be read");
    Fatal::Unreadable
}
