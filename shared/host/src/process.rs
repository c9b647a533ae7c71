//! What every process says of itself in its metrics: what it is, what it uses, what it has to do.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use rustix::time::{ClockId, clock_gettime};

use crate::load;
use crate::scrape::Page;

/// Reads the process's own figures at each scrape.
#[derive(Debug)]
pub(crate) struct Process {
    /// When it began, in seconds since 1970, to tell a restart from a pause.
    began: f64,
}

impl Process {
    /// The process begins.
    pub(crate) fn begin() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: since.as_secs_f64() }
    }
}

/// Time that all threads together were running, in seconds.
fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// Memory in use, in bytes; 0 where the system does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

/// Open file descriptors, without the one that counts them; 0 where the system does not say.
fn open_files() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(0, |files| files.count().saturating_sub(1) as u64)
}

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let (mut page, load) = (Page::from(encoder), load::now());
        page.counter("process_cpu_seconds", "Processor time used", cpu_seconds())?;
        page.gauge("process_start_time_seconds", "Start, in Unix time", self.began)?;
        page.gauges([
            ("process_resident_memory_bytes", "Memory in use", resident_bytes()),
            ("process_open_fds", "Open file descriptors", open_files()),
            ("connections_open", "Connections open", load.open),
            ("requests_under_way", "Requests being answered", load.under_way),
        ])?;
        page.counter("connections_accepted", "Connections accepted", load.accepted)?;
        page.counter("connections_refused", "Connections above the cap", load.refused)
    }
}
