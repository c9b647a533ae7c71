//! Runs seeds of the simulation; see `scripts/simulate.sh`.

#![allow(clippy::print_stdout)]

use std::io::IsTerminal;
use std::num::NonZero;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use structopt::StructOpt;
use toystore_mutants::Mutant;
use toystore_tests::simulation::campaign::{Campaign, Found, campaign};
use toystore_tests::simulation::{seeds, trace};

/// Runs the whole store on simulated time, network and disks, one seed after the other, and checks
/// its invariants. Exit code 0: all held; 1: one did not; 2: wrong usage.
#[derive(Debug, StructOpt)]
#[structopt(
    name = "simulate",
    after_help = "EXAMPLES:
    scripts/simulate.sh --seeds 100000          a hundred thousand seeds
    scripts/simulate.sh --seed 17               one seed, with everything that happens in it
    scripts/simulate.sh --mutant skip-fencing   with a deliberate fault, which must be found"
)]
struct Options {
    /// How many seeds to run; it ends with the first that fails
    #[structopt(long, default_value = "10000", value_name = "N")]
    seeds: u64,
    /// The first of them
    #[structopt(long, default_value = "1", value_name = "S")]
    first: u64,
    /// Runs this seed alone, and tells what happens in it
    #[structopt(long, value_name = "S")]
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
    let options = Options::from_args();
    if options.list_mutants {
        for mutant in Mutant::ALL {
            println!("{:24} {}", mutant.name(), mutant.about());
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
        let (first, seeds, mutant) = (options.first, options.seeds, options.mutant);
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
    println!("| broken rule | seen at seed | as |\n|---|---|---|");
    for mutant in Mutant::ALL {
        let Some(within) = mutant.within() else {
            println!("| `{}` | by the model checker | |", mutant.name());
            continue;
        };
        let (first, seeds) = (options.first, options.seeds.max(within));
        let (threads, mutant) = (threads(options), Some(*mutant));
        let found = campaign(Campaign { first, seeds, threads, mutant }, || ());
        let name = mutant.map_or("", Mutant::name);
        match found.failed {
            Some((seed, what)) => {
                let sign = what.split([':', ';']).next().unwrap_or_default();
                println!("| `{name}` | {seed} | {sign} |");
            }
            None => {
                missed = true;
                println!("| `{name}` | not within {} | |", found.ran);
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
    println!("{} seeds in {:.1} s, {per_minute:.0} a minute", found.ran, took.as_secs_f64());
    for (what, count) in found.seen.all() {
        println!("{:>12} {}", count, what.replace('_', " "));
    }
}

fn verdict(options: &Options, found: Found) -> ExitCode {
    let mutant = options.mutant.map(|mutant| format!(" --mutant {}", mutant.name()));
    let Some((seed, what)) = found.failed else {
        println!("every invariant held");
        return if mutant.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    };
    println!("seed {seed}: {what}");
    println!("again: scripts/simulate.sh --seed {seed}{}", mutant.as_deref().unwrap_or(""));
    if mutant.is_some() {
        println!("the mutant was found after {} seeds", found.ran);
        return ExitCode::SUCCESS;
    }
    match seeds::remember(seed, &what) {
        Ok(path) => println!("noted in {}", path.display()),
        Err(error) => println!("it could not be noted: {error}"),
    }
    ExitCode::FAILURE
}
