//! A small disk in memory, to be filled.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A mounted tmpfs of a few megabytes. Needs root.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// An empty one; none where this machine does not let the test mount one.
    #[must_use]
    pub fn new(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let size = format!("size={megabytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path());
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self { folder })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Fills the disk until only so many megabytes are left.
    ///
    /// # Panics
    /// When the file cannot be made.
    pub fn fill_but(&self, megabytes: u64) {
        let mut filler = File::create(self.filler()).expect("a file");
        let block = vec![1; 64 << 10];
        while filler.write_all(&block).is_ok() {}
        let length = filler.metadata().expect("a file").len();
        filler.set_len(length.saturating_sub(megabytes << 20)).expect("a shorter file");
    }

    /// Makes room again.
    ///
    /// # Panics
    /// When the disk was not filled.
    pub fn make_room(&self) {
        std::fs::remove_file(self.filler()).expect("a full disk");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        for _ in 0..100 {
            let unmounted = Command::new("umount").arg(self.path()).output();
            if unmounted.is_ok_and(|output| output.status.success()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}
