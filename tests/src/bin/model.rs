//! Runs one search of the model checker and says what it covered.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::num::NonZero;
use std::process::ExitCode;
use std::time::Duration;

use structopt::StructOpt;
use structopt::clap::AppSettings;
use toystore_host::exit;
use toystore_mutants::Mutant;
use toystore_tests::model::bounds::Bounds;
use toystore_tests::model::configurations::{ALL, Configuration, find};
use toystore_tests::model::search::search;

const HELP: &str = "\
EXAMPLES:
    What there is:
        model --list
    A small search:
        model loss
    The same with two orders, for ten minutes at most:
        model loss --orders 2 --seconds 600
    Bounds of your own, from one order and no fault up:
        model --orders 2 --leaders 1 --crashes 1

Build it with --release: a debug build is ten times slower. Each bound multiplies the states by
three to thirty; a million states need about half a gigabyte.

EXIT CODES:
    0  every state within the bounds was visited, every invariant held, and what must happen did
    1  an invariant is broken (the steps that lead there are printed), or something never happened
    2  usage
    3  the time was over first";

/// Visits every state of the replication protocol within bounds and checks the invariants
#[derive(Debug, StructOpt)]
#[structopt(name = "model", after_help = HELP, setting = AppSettings::UnifiedHelpMessage)]
struct Options {
    /// A search by name; the bounds below change it
    #[structopt(parse(try_from_str = named))]
    name: Option<&'static Configuration>,
    /// Lists the searches and their bounds
    #[structopt(long)]
    list: bool,
    /// Different orders, 1 to 3
    #[structopt(long, parse(try_from_str = up_to_three))]
    orders: Option<usize>,
    /// Each order is also placed by the next front end, under the same key
    #[structopt(long)]
    shared: bool,
    /// Copies that a front end sends of an order
    #[structopt(long)]
    copies: Option<u8>,
    /// Pieces in stock; each order takes one
    #[structopt(long)]
    stock: Option<u64>,
    /// Front ends, 1 or 2
    #[structopt(long, parse(try_from_str = one_or_two))]
    front_ends: Option<usize>,
    /// Leaders chosen after the first
    #[structopt(long)]
    leaders: Option<u64>,
    /// Crashes of replicas
    #[structopt(long)]
    crashes: Option<u8>,
    /// Messages lost or late, questions without an answer
    #[structopt(long)]
    lost: Option<u8>,
    /// Messages delivered twice
    #[structopt(long)]
    doubled: Option<u8>,
    /// Ticks of replicas: whatever waits for another try gets it
    #[structopt(long)]
    ticks: Option<u8>,
    /// Look-ups of the first order
    #[structopt(long)]
    looks: Option<u8>,
    /// Restocks of the product when it is sold out
    #[structopt(long)]
    restocks: Option<u8>,
    /// Replicas that must be in sync before an order is acknowledged, 1 to 3
    #[structopt(long, parse(try_from_str = up_to_three))]
    min_in_sync: Option<usize>,
    /// Begin with empty disks, not with a leader that serves
    #[structopt(long)]
    fresh: bool,
    /// Breaks a rule of the store, to show that it is seen: then it exits with 1
    #[structopt(long, value_name = "NAME")]
    mutant: Option<Mutant>,
    /// Threads that search, from 1
    #[structopt(long, default_value = "2")]
    threads: NonZero<usize>,
    /// Ends the search after so many seconds
    #[structopt(long, default_value = "600")]
    seconds: u64,
}

fn named(name: &str) -> Result<&'static Configuration, String> {
    find(name).ok_or_else(|| format!("there is no search {name}; --list shows them"))
}

fn up_to_three(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|n| (1..=3).contains(n)).ok_or("must be 1, 2 or 3")
}

fn one_or_two(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|n| (1..=2).contains(n)).ok_or("must be 1 or 2")
}

impl Options {
    fn bounds(&self) -> Bounds {
        let base = self.name.map_or(Bounds::SMALLEST, |configuration| configuration.bounds);
        Bounds {
            orders: self.orders.unwrap_or(base.orders),
            shared: self.shared || base.shared,
            copies: self.copies.unwrap_or(base.copies),
            stock: self.stock.unwrap_or(base.stock),
            front_ends: self.front_ends.unwrap_or(base.front_ends),
            leaders: self.leaders.unwrap_or(base.leaders),
            crashes: self.crashes.unwrap_or(base.crashes),
            lost: self.lost.unwrap_or(base.lost),
            doubled: self.doubled.unwrap_or(base.doubled),
            ticks: self.ticks.unwrap_or(base.ticks),
            looks: self.looks.unwrap_or(base.looks),
            restocks: self.restocks.unwrap_or(base.restocks),
            min_in_sync: self.min_in_sync.unwrap_or(base.min_in_sync),
            fresh: self.fresh || base.fresh,
        }
    }
}

fn main() -> ExitCode {
    let options: Options = match exit::command_line() {
        Ok(options) => options,
        Err(code) => return code,
    };
    if options.list {
        for Configuration { name, about, bounds, .. } in ALL {
            exit::say(&format!("{name:<16} {about}\n{:<16} {bounds}", ""));
        }
        return ExitCode::SUCCESS;
    }
    let bounds = options.bounds();
    exit::say(&format!("{bounds}"));
    let found =
        search(bounds, options.mutant, options.threads.get(), Duration::from_secs(options.seconds));
    exit::say(&found.to_string());
    if !found.broken.is_empty() {
        return ExitCode::from(1);
    }
    if !found.exhausted {
        return ExitCode::from(3);
    }
    let expected = options.name.map_or(&[][..], |configuration| configuration.happens);
    let never: Vec<_> = expected.iter().filter(|e| !found.happened.contains_key(**e)).collect();
    never.iter().for_each(|event| exit::say(&format!("  NEVER: {event}")));
    if never.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
