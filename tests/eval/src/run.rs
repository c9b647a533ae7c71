//! Measuring what is asked for, and keeping it.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use rustix::process::{Signal, getpid, kill_process};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toystore_figures::interrupt;
use toystore_figures::machine::{Machine, Source, now};
use toystore_host::exit;

use crate::crashes;
use crate::crashes::scenario::{self, Scenario};
use crate::options::Options;
use crate::parts::{Part, Record, load, sweep};
use crate::report;
use crate::sizes::Sizes;
use crate::study::{Limit, Study};

/// Past its limits by this factor a run is ended: something stands still.
const HOPELESS: u32 = 2;

/// What is to be measured.
struct Wanted {
    load: bool,
    sweep: bool,
    distances: bool,
    crashes: Vec<&'static Scenario>,
}

impl Wanted {
    fn of(options: &Options) -> Self {
        let only = &options.only;
        let wants = |part| only.is_empty() || only.contains(&part);
        let all = wants(Part::Crashes);
        let crash = |crash: &&'static Scenario| all || only.contains(&Part::Crash(crash));
        Self {
            load: wants(Part::Load),
            sweep: wants(Part::Sweep),
            distances: wants(Part::Distances),
            crashes: scenario::ALL.iter().filter(crash).collect(),
        }
    }

    fn steps(&self, sizes: &Sizes) -> usize {
        let far = sizes.distances.len() * sweep::steps(sizes, &sizes.far_probabilities);
        let crashes = crashes::steps(sizes, &self.crashes);
        [
            (self.load, load::steps(sizes)),
            (self.sweep, sweep::steps(sizes, &sizes.probabilities)),
            (self.distances, far),
            (!self.crashes.is_empty(), crashes),
        ]
        .into_iter()
        .filter_map(|(wanted, steps)| wanted.then_some(steps))
        .sum()
    }
}

/// Measures, and writes the report.
///
/// # Errors
/// Something could not be measured or written.
pub fn run(options: &Options) -> Result<ExitCode> {
    if !options.report_only {
        measure(options)?;
    }
    report::write(options.results())?;
    exit::say(&format!("The report is in {}.", options.results().join("report.md").display()));
    Ok(ExitCode::SUCCESS)
}

fn measure(options: &Options) -> Result<()> {
    fs::create_dir_all(&options.data)
        .with_context(|| format!("cannot make {}", options.data.display()))?;
    let data = fs::canonicalize(&options.data)?;
    let folder = tempfile::Builder::new().prefix("eval-").tempdir_in(&data)?;
    // A store makes its folders where temporary ones are made.
    tempfile::env::override_temp_dir(folder.path()).map_err(|_| anyhow!("a folder is set"))?;
    interrupt::heed(vec![folder.path().to_owned()]);
    let sizes = Sizes::of(options);
    end_after(sizes.limit() * HOPELESS);
    let seed = match options.seed {
        Some(seed) => seed,
        None => u64::from(getrandom::u32().map_err(io::Error::other)?),
    };
    let wanted = Wanted::of(options);
    let steps = wanted.steps(&sizes);
    let study = Study::new(sizes, seed, steps);
    let keep =
        Keep { options, study: &study, machine: Machine::this(&data), source: Source::here() };
    let [for_load, for_sweep, for_distances, for_crashes] = study.sizes.limits;
    if wanted.load {
        keep.part("load", || load::measure(&study, Limit::new(for_load)))?;
    }
    if wanted.sweep {
        keep.part("sweep", || sweep::measure(&study, Limit::new(for_sweep)))?;
    }
    if wanted.distances {
        keep.part("distances", || sweep::measure_far(&study, for_distances))?;
    }
    if !wanted.crashes.is_empty() {
        let limit = Limit::new(for_crashes);
        keep.part("crashes", || crashes::measure(&study, &wanted.crashes, limit))?;
    }
    study.finish();
    Ok(())
}

/// As if somebody had pressed Ctrl-C: everything that was started ends.
fn end_after(time: Duration) {
    thread::spawn(move || {
        thread::sleep(time);
        eprintln!("eval: it took more than {} s, and is ended", time.as_secs());
        // This process is there to be told.
        let _ = kill_process(getpid(), Signal::TERM);
    });
}

/// Where results go.
struct Keep<'a> {
    options: &'a Options,
    study: &'a Study,
    machine: Machine,
    source: Source,
}

impl Keep<'_> {
    fn part<T: DeserializeOwned + Serialize>(
        &self,
        name: &str,
        measure: impl FnOnce() -> Result<T>,
    ) -> Result<()> {
        let begun = Instant::now();
        // A store that does not do what it should panics.
        let measured = catch_unwind(AssertUnwindSafe(measure));
        let measured = measured.unwrap_or_else(|_| Err(anyhow!("it broke off, see above")));
        let data = measured.with_context(|| format!("{name} was not measured"))?;
        let record = Record {
            date: now(),
            source: self.source.clone(),
            machine: self.machine.clone(),
            // The store's programs lie beside this one, and were built as it was.
            release: !cfg!(debug_assertions),
            quick: self.options.quick,
            seed: self.study.seed,
            sizes: self.study.sizes.clone(),
            seconds: begun.elapsed().as_secs_f64(),
            data,
        };
        record.write(self.options.results(), name)
    }
}
