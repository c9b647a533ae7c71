//! Running scenarios, and keeping what they found.

use std::fs;
use std::io::{IsTerminal as _, stderr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use toystore_host::exit;

use crate::interrupt;
use crate::machine::{Machine, Source, now};
use crate::options;
use crate::scenarios::{self, Scenario};

/// Where every Linux has a file system in memory.
const MEMORY: &str = "/dev/shm";

/// What every scenario is given.
pub struct Bench {
    /// Smaller sizes.
    pub quick: bool,
    pub repeats: usize,
    /// A folder for databases, empty and removed at the end.
    pub folder: PathBuf,
    /// The same on a file system in memory, where there is one.
    pub memory: Option<PathBuf>,
    progress: Option<ProgressBar>,
}

impl Bench {
    /// Says what is done now.
    pub fn step(&self, what: &str) {
        match &self.progress {
            Some(bar) => bar.set_message(what.to_owned()),
            None => eprintln!("  {what}"),
        }
    }

    /// The one for full runs, or the one for quick ones.
    pub fn sized<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// So many seconds, or fewer.
    pub fn seconds(&self, full: u64, quick: u64) -> Duration {
        Duration::from_secs(self.sized(full, quick))
    }
}

/// What is kept of a scenario.
#[derive(Debug, Deserialize, Serialize)]
pub struct Record {
    pub scenario: String,
    pub date: String,
    pub source: Source,
    pub machine: Machine,
    pub quick: bool,
    pub repeats: usize,
    /// Settings and raw repeats; each scenario knows its own.
    pub data: Value,
}

impl Record {
    /// Reads what was kept of a scenario; none when nothing was.
    pub fn read(results: &Path, scenario: &str) -> Result<Option<Self>> {
        let path = file(results, scenario);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path)?;
        let record = serde_json::from_str(&text);
        Ok(Some(record.with_context(|| format!("{} is no result", path.display()))?))
    }

    fn write(&self, results: &Path) -> Result<()> {
        fs::create_dir_all(results)?;
        let text = serde_json::to_string_pretty(self)?;
        let path = file(results, &self.scenario);
        fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }
}

fn file(results: &Path, scenario: &str) -> PathBuf {
    results.join(format!("{scenario}.json"))
}

/// Measures what is asked for. One that goes wrong does not keep the others from being measured.
pub fn run(options: &options::Run) -> Result<ExitCode> {
    fs::create_dir_all(&options.data)
        .with_context(|| format!("cannot make {}", options.data.display()))?;
    let data = fs::canonicalize(&options.data)?;
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&data)?;
    // A store makes its folders where temporary ones are made.
    tempfile::env::override_temp_dir(folder.path()).map_err(|_| anyhow!("a folder is set"))?;
    let memory = tempfile::Builder::new().prefix("bench-").tempdir_in(MEMORY).ok();
    let memory_path = || memory.as_ref().map(|memory| memory.path().to_owned());
    interrupt::heed(
        [Some(folder.path().to_owned()), memory_path()].into_iter().flatten().collect(),
    );
    let (machine, source) = (Machine::this(&data), Source::here());
    let chosen: Vec<_> = match &options.only[..] {
        [] => scenarios::ALL.iter().collect(),
        only => only.to_vec(),
    };
    let mut failed = Vec::new();
    for scenario in chosen {
        if scenario.wants_etcd && machine.etcd.is_none() {
            exit::say(&format!("{}: SKIPPED, etcd is not installed", scenario.name));
            continue;
        }
        let bench = Bench {
            quick: options.quick,
            repeats: options.repeats(),
            folder: folder.path().to_owned(),
            memory: memory_path(),
            progress: bar(scenario.name),
        };
        match measured(scenario, &bench) {
            Ok(data) => {
                let record = Record {
                    scenario: scenario.name.to_owned(),
                    date: now(),
                    source: source.clone(),
                    machine: machine.clone(),
                    quick: options.quick,
                    repeats: options.repeats(),
                    data,
                };
                record.write(&options.results)?;
                let shown = (scenario.show)(&record.data)?;
                exit::say(&format!("{}: {}\n\n{}", scenario.name, scenario.question, shown.text));
            }
            Err(error) => {
                eprintln!("{}: {error:#}", scenario.name);
                failed.push(scenario.name);
            }
        }
        exit::say(" ");
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Ok(exit::fail("bench", format!("not measured: {}", failed.join(", "))))
}

/// A store that does not do what it should panics.
fn measured(scenario: &Scenario, bench: &Bench) -> Result<Value> {
    if bench.progress.is_none() {
        eprintln!("{}: {}", scenario.name, scenario.question);
    }
    let done = catch_unwind(AssertUnwindSafe(|| (scenario.run)(bench)))
        .unwrap_or_else(|_| Err(anyhow!("it broke off, see above")));
    if let Some(bar) = &bench.progress {
        bar.finish_and_clear();
    }
    done
}

/// Something that moves, on a terminal only.
fn bar(name: &'static str) -> Option<ProgressBar> {
    if !stderr().is_terminal() {
        return None;
    }
    let style = ProgressStyle::with_template("{spinner} {prefix}: {msg} ({elapsed})").ok()?;
    let bar = ProgressBar::new_spinner().with_style(style).with_prefix(name);
    bar.enable_steady_tick(Duration::from_millis(200));
    Some(bar)
}
