//! Writing a dump under another name until it is whole and synced. What is there is never replaced.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use toystore_codec::FrameError;

use super::{Block, End, Head, MAGIC, VERSION};

/// Why a dump was not written.
#[derive(Debug, thiserror::Error)]
pub enum Unwritten {
    /// Something of that name is there.
    #[error("{0} exists already; nothing is overwritten, give another name")]
    Exists(PathBuf),
    /// A row is too large for a frame.
    #[error("{0} cannot hold these rows: {1}")]
    Frame(PathBuf, FrameError),
    /// The system refuses.
    #[error("cannot write {0}: {1}")]
    Io(PathBuf, io::Error),
}

/// A dump that is being written; dropped before it is finished, it leaves nothing.
pub struct Writer {
    file: BufWriter<NamedTempFile>,
    to: PathBuf,
    hasher: blake3::Hasher,
    rows: u64,
    bytes: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// Rows of all kinds.
    pub rows: u64,
    /// The size of the file.
    pub bytes: u64,
    /// The checksum over everything.
    pub hash: blake3::Hash,
}

impl Writer {
    /// Begins a dump.
    ///
    /// # Errors
    /// There is something of that name, or no place to write.
    pub fn create(to: &Path, head: Head) -> Result<Self, Unwritten> {
        if to.symlink_metadata().is_ok() {
            return Err(Unwritten::Exists(to.to_path_buf()));
        }
        let name = to.file_name().unwrap_or_default().to_string_lossy();
        let file = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(".partial")
            .tempfile_in(parent(to))
            .map_err(|error| Unwritten::Io(to.to_path_buf(), error))?;
        let (file, to) = (BufWriter::new(file), to.to_path_buf());
        let mut writer = Self { file, to, hasher: blake3::Hasher::new(), rows: 0, bytes: 0 };
        writer.write(MAGIC)?;
        writer.frame(&Block::Head(head))?;
        Ok(writer)
    }

    /// Adds rows; none are left out.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn put(&mut self, rows: &Block) -> Result<(), Unwritten> {
        if rows.rows() == 0 {
            return Ok(());
        }
        self.rows += rows.rows() as u64;
        self.frame(rows)
    }

    /// Writes the end, syncs, and gives the file its name.
    ///
    /// # Errors
    /// It cannot be written, or something has got that name meanwhile.
    pub fn finish(mut self) -> Result<Written, Unwritten> {
        let hash = self.hasher.finalize();
        self.frame(&Block::End(End { rows: self.rows, hash: *hash.as_bytes() }))?;
        let Self { file, to, rows, bytes, .. } = self;
        let failed = |error| Unwritten::Io(to.clone(), error);
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist_noclobber(&to).map_err(|failure| match failure.error {
            error if error.kind() == io::ErrorKind::AlreadyExists => Unwritten::Exists(to.clone()),
            error => failed(error),
        })?;
        File::open(parent(&to)).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(Written { rows, bytes, hash })
    }

    fn frame(&mut self, block: &Block) -> Result<(), Unwritten> {
        let frame = toystore_codec::encode(VERSION, block);
        self.write(&frame.map_err(|error| Unwritten::Frame(self.to.clone(), error))?)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Unwritten> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|error| Unwritten::Io(self.to.clone(), error))
    }
}

/// The folder of a file that is to be made.
pub fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
