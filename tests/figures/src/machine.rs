//! What was measured on, and of which source.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// A machine.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Machine {
    /// Processor cores.
    pub cores: usize,
    /// The processor's name.
    pub cpu: String,
    /// Memory.
    pub memory_gib: f64,
    /// The kernel's release.
    pub kernel: String,
    /// Kind and device of the file system that the databases are on.
    pub file_system: String,
    /// None where it is not installed.
    pub etcd: Option<String>,
}

/// A state of the source.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Source {
    /// The commit it is at.
    pub commit: String,
    /// Whether there were changes beside it; results themselves are none.
    pub dirty: bool,
}

impl Machine {
    /// This one, with databases below `data`.
    #[must_use]
    pub fn this(data: &Path) -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            cpu: field("/proc/cpuinfo", "model name"),
            memory_gib: kib(&field("/proc/meminfo", "MemTotal")) / f64::from(1 << 20),
            kernel: said("uname", &["-r"]).unwrap_or_default(),
            file_system: file_system(data),
            etcd: said("etcd", &["--version"])
                .and_then(|text| Some(text.lines().next()?.rsplit(' ').next()?.to_owned())),
        }
    }
}

impl Source {
    /// Where this runs.
    #[must_use]
    pub fn here() -> Self {
        let changes =
            ["status", "--porcelain", "--", ".", ":!docs/performance*", ":!docs/evaluation*"];
        Self {
            commit: said("git", &["rev-parse", "--short=12", "HEAD"]).unwrap_or_default(),
            dirty: said("git", &changes).is_none_or(|changes| !changes.is_empty()),
        }
    }
}

/// The present day and time in UTC.
#[must_use]
pub fn now() -> String {
    said("date", &["-u", "+%Y-%m-%d %H:%M"]).unwrap_or_default()
}

/// What a program says, without the white space around it; none when it fails or is missing.
fn said(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

fn file_system(data: &Path) -> String {
    let path = data.to_string_lossy();
    let table = said("df", &["--output=fstype,source", &path]).unwrap_or_default();
    let line = table.lines().nth(1).unwrap_or_default();
    line.split_whitespace().collect::<Vec<_>>().join(" on ")
}

fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_once(':').map_or("", |(_, value)| value).trim().to_owned()
}

fn kib(text: &str) -> f64 {
    text.trim_end_matches(" kB").parse().unwrap_or_default()
}
