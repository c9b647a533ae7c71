//! What is on a disk, and what the disk was asked to do.

use std::fs;
use std::os::linux::fs::MetadataExt;
use std::path::Path;

use anyhow::Result;
use rustix::fs::{major, minor};

/// Bytes that a folder takes on its disk.
pub fn bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { self::bytes(&entry.path())? } else { 0 };
        // Blocks are of 512 bytes, whatever the file system's are.
        bytes += metadata.st_blocks() * 512;
    }
    Ok(bytes)
}

/// How often the disk below a folder was told to keep what it has, by anybody; none where the
/// system does not say, as for a file system without a disk of its own.
pub fn flushes(folder: &Path) -> Option<u64> {
    let device = fs::metadata(folder).ok()?.st_dev();
    let device = [major(device).to_string(), minor(device).to_string()];
    let table = fs::read_to_string("/proc/diskstats").ok()?;
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.find(|row| row[..2] == device)?.get(18)?.parse().ok()
}

/// Bytes that all processes of the machine sent to each other.
pub fn loopback_bytes() -> Option<u64> {
    let table = fs::read_to_string("/proc/net/dev").ok()?;
    let line = table.lines().find_map(|line| line.trim().strip_prefix("lo:"))?;
    line.split_whitespace().nth(8)?.parse().ok()
}

/// Bytes that a process wrote to files.
pub fn written_bytes(pid: u32) -> Option<u64> {
    let table = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    table.lines().find_map(|line| line.strip_prefix("write_bytes: "))?.parse().ok()
}
