//! A disk of its own in a file: a copy of the file is what a power cut leaves, because what was
//! not synced is still in the page cache of the file system on it.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A mounted disk image. Needs root and loop devices.
pub struct DiskImage {
    folder: TempDir,
}

fn done(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

impl DiskImage {
    /// A new, empty disk; none where this machine does not let the test mount one.
    #[must_use]
    pub fn new(megabytes: u32) -> Option<Self> {
        let disk = Self { folder: tempfile::tempdir().ok()? };
        let image = disk.image();
        let made = done(Command::new("truncate").arg(format!("-s{megabytes}M")).arg(&image))
            && done(Command::new("mkfs.ext4").arg("-q").arg(&image));
        (made && disk.mount()).then_some(disk)
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("disk.img")
    }

    fn mount(&self) -> bool {
        std::fs::create_dir_all(self.path()).is_ok()
            && done(Command::new("mount").args(["-o", "loop"]).arg(self.image()).arg(self.path()))
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// The disk as a power cut at this moment would leave it, mounted again.
    ///
    /// # Panics
    /// When it cannot be copied or mounted.
    #[must_use]
    pub fn after_power_cut(&self) -> Self {
        let copy = Self { folder: tempfile::tempdir().expect("a folder") };
        let copied =
            done(Command::new("cp").arg("--sparse=always").arg(self.image()).arg(copy.image()));
        assert!(copied && copy.mount(), "the copied disk does not mount");
        copy
    }
}

impl Drop for DiskImage {
    fn drop(&mut self) {
        unmount(&self.path());
    }
}

fn unmount(path: &Path) {
    // The kernel lets go of a killed process's files a moment later.
    for _ in 0..100 {
        if done(Command::new("umount").arg(path)) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
