//! Five customers shop while processes crash; then everything is looked at.

use std::collections::BTreeMap;
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use toystore_client::stats::longest_gap;

use crate::crashes::faults::{Fault, Scene};
use crate::crashes::recovery::{CaughtUp, caught_up, new_leader_ms};
use crate::crashes::scenario::{QUIET, Scenario};
use crate::crashes::verdict::Verdict;
use crate::crashes::watch::{Watch, Word};
use crate::customers::{Customers, Party};
use crate::distance::Distance;
use crate::shop::{Make, Shop, toys};
use crate::sizes::{CLIENTS, Sizes};
use crate::study::{Limit, Study};

pub mod faults;
pub mod recovery;
pub mod scenario;
pub mod verdict;
pub mod watch;

/// How likely a look leads to a purchase.
pub const PROBABILITY: f64 = 0.8;
/// A run takes so many times as long as its shopping: it also starts a store and looks at it.
const WITH_THE_REST: f64 = 2.0;
/// For a trial, so many times fewer looks.
const TRIAL: usize = 20;
/// A piece of a timeline.
pub const PIECE_MS: f64 = 100.0;

/// What was measured.
#[derive(Debug, Deserialize, Serialize)]
pub struct Crashes {
    /// Looks of each customer: as many as were wanted, or as there was time for.
    pub looks: usize,
    /// One after the other.
    pub runs: Vec<Run>,
}

/// A store, and what befell it.
#[derive(Debug, Deserialize, Serialize)]
pub struct Run {
    /// The scenario's name.
    pub scenario: String,
    /// From 1.
    pub repeat: usize,
    /// How long the shopping took.
    pub seconds: f64,
    /// Orders acknowledged.
    pub acknowledged: u64,
    /// Errors that customers saw, all attempts counted, by kind.
    pub errors: BTreeMap<String, u64>,
    /// Requests that no repeat helped.
    pub gave_up: u64,
    /// Orders whose outcome no customer was told.
    pub open: u64,
    /// Orders that read otherwise than they were acknowledged.
    pub wrong: u64,
    /// The longest time without an acknowledged order.
    pub longest_gap_ms: f64,
    /// What befell it.
    pub faults: Vec<Fault>,
    /// How soon there was a new leader, of each fault that hit one.
    pub new_leader_ms: Vec<f64>,
    /// Replicas that came back.
    pub caught_up: Vec<CaughtUp>,
    /// Replicas that should have come back and were not seen to.
    pub not_seen_back: u64,
    /// What was left.
    pub verdict: Verdict,
    /// Requests answered in each [`PIECE_MS`].
    pub completions: Vec<u64>,
    /// At the end of each [`PIECE_MS`] the last order of each replica; none while it is silent.
    pub lasts: Vec<Vec<Option<u64>>>,
}

impl Run {
    /// All errors that customers saw.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors.values().sum()
    }
}

impl Crashes {
    /// The runs of a scenario.
    pub fn of(&self, scenario: &str) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.scenario == scenario)
    }

    /// The runs in which something befell the store. Where the shopping was over before, nothing did.
    pub fn with_faults(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| !run.faults.is_empty())
    }
}

/// How many steps these scenarios take.
#[must_use]
pub fn steps(sizes: &Sizes, scenarios: &[&Scenario]) -> usize {
    (scenarios.len() + 1) * sizes.crash_repeats
}

/// Measures these scenarios, and what happens without any.
///
/// # Errors
/// A store does not start, or its log cannot be read.
pub fn measure(study: &Study, scenarios: &[&Scenario], limit: Limit) -> Result<Crashes> {
    let (looks, mut runs) = (looks(study, steps(&study.sizes, scenarios))?, Vec::new());
    for repeat in 1..=study.sizes.crash_repeats {
        let over = repeat > 1 && limit.is_over();
        for scenario in [&QUIET].into_iter().chain(scenarios.iter().copied()) {
            study.step(&format!("{}, repeat {repeat}", scenario.title));
            if !over {
                runs.push(run(study, scenario, repeat, looks)?);
            }
        }
    }
    Ok(Crashes { looks, runs })
}

/// How many looks of each customer there is time for; all runs must have the same.
fn looks(study: &Study, runs: usize) -> Result<usize> {
    let [.., all] = study.sizes.limits;
    let time = all.div_f64(runs as f64 * WITH_THE_REST).as_secs_f64();
    let wanted = study.sizes.crash;
    let some = wanted.div_ceil(TRIAL);
    let shop = Shop::open(Make { cached: true, front_ends: 1, distance: Distance::None })?;
    let urls = shop.urls.clone();
    let seed = study.seed;
    let party = Party { urls, clients: CLIENTS, probability: PROBABILITY, toys: toys(), seed };
    let seconds = Customers::new(&party, Instant::now())?.shop(some);
    Ok(wanted.min((some as f64 * time / seconds).ceil() as usize))
}

fn run(study: &Study, scenario: &Scenario, repeat: usize, iterations: usize) -> Result<Run> {
    let (sizes, seed) = (&study.sizes, study.seed.wrapping_add(repeat as u64 * 1000));
    let mut shop = Shop::open(Make { cached: true, front_ends: 1, distance: Distance::None })?;
    shop.store.wait_until_in_sync();
    let urls = shop.urls.clone();
    let party = Party { urls, clients: CLIENTS, probability: PROBABILITY, toys: toys(), seed };
    let begun = Instant::now();
    let watch = Watch::begin(&shop.store, begun);
    let mut customers = Customers::new(&party, begun)?;
    let progress = customers.progress();
    let shopping = thread::spawn(move || (customers.shop(iterations), customers));
    let expected = (CLIENTS as f64 * iterations as f64 * PROBABILITY) as u64;
    let scene = Scene { progress: &progress, expected, away: sizes.away, begun };
    let faults = scene.befall(&mut shop.store, scenario, &mut StdRng::seed_from_u64(seed));
    let (seconds, mut customers) = shopping.join().map_err(|_| anyhow!("customers broke off"))?;
    let errors = customers.errors();
    shop.store.wait_until_ready();
    shop.store.wait_until_in_sync();
    let words = watch.end()?;
    customers.look_orders_up();

    let orders: Vec<_> = customers.orders().cloned().collect();
    let sum = |of: fn(&crate::customers::Customer) -> u64| customers.each.iter().map(of).sum();
    let replicas = words.len();
    let later = |index: usize| faults.get(index + 1..).unwrap_or_default();
    let all = || faults.iter().enumerate();
    let away = all().flat_map(|(at, fault)| (1..=replicas).map(move |id| (at, fault, id)));
    let back = |(at, fault, id)| caught_up(fault, later(at), id, &words);
    let came: Vec<_> = away.clone().filter_map(back).collect();
    let left = away.filter(|(_, fault, id)| fault.who.contains(&format!("order-{id}"))).count();
    let leaders = all().filter_map(|(at, fault)| new_leader_ms(fault, later(at), &words)).collect();
    let gap = longest_gap(orders.iter().map(|order| order.acked_ms).collect());
    Ok(Run {
        scenario: scenario.name.to_owned(),
        repeat,
        seconds,
        acknowledged: orders.len() as u64,
        errors: errors.kinds,
        gave_up: errors.gave_up,
        open: sum(|customer| customer.open),
        wrong: sum(|customer| customer.wrong),
        longest_gap_ms: gap.map_or(0.0, |gap| gap.ms),
        new_leader_ms: leaders,
        not_seen_back: left.saturating_sub(came.len()) as u64,
        caught_up: came,
        verdict: Verdict::of(&shop.store, &orders)?,
        completions: completions(&customers, seconds),
        lasts: lasts(&words, seconds),
        faults,
    })
}

/// How many pieces a time has.
fn pieces(seconds: f64) -> usize {
    (seconds * 1000.0 / PIECE_MS).ceil() as usize
}

fn completions(customers: &Customers, seconds: f64) -> Vec<u64> {
    let mut counts = vec![0; pieces(seconds)];
    for sample in customers.samples() {
        if let Some(count) = counts.get_mut((sample.ended_ms / PIECE_MS) as usize) {
            *count += 1;
        }
    }
    counts
}

/// From the start until the last fault is healed and all are back, which may be after the shopping.
fn lasts(words: &[Vec<Word>], seconds: f64) -> Vec<Vec<Option<u64>>> {
    let end = words.iter().flatten().map(|word| word.at_ms / 1000.0).fold(seconds, f64::max);
    let at = |piece: usize| {
        let until = (piece + 1) as f64 * PIECE_MS;
        let said = |words: &Vec<Word>| {
            let words = words.iter().rev().find(|word| word.at_ms < until);
            words.filter(|word| word.at_ms >= until - PIECE_MS).map(|word| word.last)
        };
        words.iter().map(said).collect()
    };
    (0..pieces(end)).map(at).collect()
}
