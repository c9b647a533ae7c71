//! What processes use: processor time, memory, bytes written.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use toystore_client::load::engine::cpu_seconds;

/// The name under which the load itself is counted.
pub const LOAD: &str = "load";

/// Processes by name.
pub type Pids = BTreeMap<String, u32>;

/// Seconds that all threads of a process have spent on a processor, exact to the nanosecond.
pub fn seconds(pid: u32) -> Result<f64> {
    let mut nanos = 0.0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        let spent: f64 = text.split(' ').next().context("a number")?.parse()?;
        nanos += spent;
    }
    Ok(nanos / 1e9)
}

/// The same of each of these processes, and of this one as [`LOAD`].
pub fn all_seconds(pids: &Pids) -> Result<BTreeMap<String, f64>> {
    let others = pids.iter().map(|(name, pid)| Ok((name.clone(), seconds(*pid)?)));
    others.chain([Ok((LOAD.to_owned(), cpu_seconds()))]).collect()
}

/// Bytes of memory that a process really has.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line.context("no VmRSS")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kib << 10)
}
