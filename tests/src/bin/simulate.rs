//! Runs seeds of the simulation; see `scripts/simulate.sh`.

use std::io::IsTerminal;
use std::num::NonZero;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use structopt::StructOpt;
use toystore_host::exit;
use toystore_mutants::Mutant;
use toystore_tests::simulation::campaign::{Campaign, Found, campaign};
use toystore_tests::simulation::{seeds, trace};

/// Runs the whole store on simulated time, network and disks, one seed after the other, and checks
/// its invariants.
#[derive(Debug, StructOpt)]
#[structopt(
    name = "simulate",
    after_help = "EXAMPLES:
    scripts/simulate.sh --seeds 100000          a hundred thousand seeds
    scripts/simulate.sh --seed 17               one seed, with everything that happens in it
    scripts/simulate.sh --mutant skip-fencing   with a deliberate fault, which must be found

EXIT CODES:
    0  every invariant held; with --mutant or --all-mutants: each broken rule was seen
    1  an invariant was broken, or a broken rule was not seen
    2  usage"
)]
struct Options {
    /// How many seeds to run, from 1; it ends with the first that fails
    #[structopt(long, default_value = "10000", value_name = "N")]
    seeds: NonZero<u64>,
    /// The first of them
    #[structopt(long, default_value = "1", value_name = "S")]
    first: u64,
    /// Runs this seed alone, and tells what happens in it
    #[structopt(long, value_name = "S", conflicts_with_all = &["seeds", "first", "all-mutants"])]
    seed: Option<u64>,
    /// Breaks a rule of the store, to show that it is seen; exits with 0 if it is
    #[structopt(long, value_name = "NAME")]
    mutant: Option<Mutant>,
    /// Breaks each rule in turn, and says after how many seeds it is seen; exits with 0 if all are
    #[structopt(long)]
    all_mutants: bool,
    /// Lists the rules that can be broken
    #[structopt(long)]
    list_mutants: bool,
    /// On how many threads; all cores if not given
    #[structopt(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

fn main() -> ExitCode {
    let options: Options = match exit::command_line() {
        Ok(options) => options,
        Err(code) => return code,
    };
    if options.list_mutants {
        for mutant in Mutant::ALL {
            exit::say(&format!("{:24} {}", mutant.name(), mutant.about()));
        }
        return ExitCode::SUCCESS;
    }
    if options.all_mutants {
        return all_mutants(&options);
    }
    let found = if let Some(seed) = options.seed {
        trace::to_standard_output();
        run(&options, Campaign { first: seed, seeds: 1, threads: 1, mutant: options.mutant })
    } else {
        let (first, seeds, mutant) = (options.first, options.seeds.get(), options.mutant);
        run(&options, Campaign { first, seeds, threads: threads(&options), mutant })
    };
    verdict(&options, found)
}

fn threads(options: &Options) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
    options.threads.map_or_else(cores, NonZero::get)
}

fn all_mutants(options: &Options) -> ExitCode {
    let mut missed = false;
    exit::say("| broken rule | seen at seed | as |\n|---|---|---|");
    for mutant in Mutant::ALL {
        let Some(within) = mutant.within() else {
            exit::say(&format!("| `{}` | by the model checker | |", mutant.name()));
            continue;
        };
        let (first, seeds) = (options.first, options.seeds.get().max(within));
        let (threads, mutant) = (threads(options), Some(*mutant));
        let found = campaign(Campaign { first, seeds, threads, mutant }, || ());
        let name = mutant.map_or("", Mutant::name);
        match found.failed {
            Some((seed, what)) => {
                let sign = what.split([':', ';']).next().unwrap_or_default();
                exit::say(&format!("| `{name}` | {seed} | {sign} |"));
            }
            None => {
                missed = true;
                exit::say(&format!("| `{name}` | not within {} | |", found.ran));
            }
        }
    }
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn run(options: &Options, seeds: Campaign) -> Found {
    let bar = if std::io::stderr().is_terminal() && options.seed.is_none() {
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} seeds, {eta} left");
        ProgressBar::new(seeds.seeds)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    } else {
        ProgressBar::hidden()
    };
    let begun = Instant::now();
    let found = campaign(seeds, || bar.inc(1));
    bar.finish_and_clear();
    report(&found, begun.elapsed());
    found
}

fn report(found: &Found, took: Duration) {
    let per_minute = found.ran as f64 * 60.0 / took.as_secs_f64().max(1e-9);
    exit::say(&format!(
        "{} seeds in {:.1} s, {per_minute:.0} a minute",
        found.ran,
        took.as_secs_f64()
    ));
    exit::say("what happened in those that ran to their end:");
    for (what, count) in found.seen.all() {
        exit::say(&format!("{:>12} {}", count, what.replace('_', " ")));
    }
}

fn verdict(options: &Options, found: Found) -> ExitCode {
    let mutant = options.mutant.map(|mutant| format!(" --mutant {}", mutant.name()));
    let Some((seed, what)) = found.failed else {
        exit::say("every invariant held");
        if mutant.is_none() {
            return ExitCode::SUCCESS;
        }
        exit::say(&format!("the broken rule was NOT seen in {} seeds", found.ran));
        return ExitCode::FAILURE;
    };
    exit::say(&format!("seed {seed}: {what}"));
    exit::say(&format!(
        "again: scripts/simulate.sh --seed {seed}{}",
        mutant.as_deref().unwrap_or("")
    ));
    if mutant.is_some() {
        exit::say("the broken rule was seen");
        return ExitCode::SUCCESS;
    }
    match seeds::remember(seed, &what) {
        Ok(path) => exit::say(&format!("noted in {}", path.display())),
        Err(error) => exit::say(&format!("it could not be noted: {error}")),
    }
    ExitCode::FAILURE
}
