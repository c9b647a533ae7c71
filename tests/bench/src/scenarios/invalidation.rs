//! Look-ups while purchases invalidate what is cached, with the cache and without it, in turn.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use toystore_client::load::shopping::Shopping;
use toystore_tests::store;

use crate::measure::load::{Figure, LOOK, Measured, closed, prepared_with_toys, seed, shop, toys};
use crate::measure::spread::{Spread, number};
use crate::measure::table::{Want, table, wanted};
use crate::plot::{Bars, Plot};
use crate::run::Bench;
use crate::scenarios::Shown;

/// How many requests are purchases.
const PROBABILITIES: [f64; 3] = [0.0, 0.2, 0.8];
const CONNECTIONS: usize = 16;
/// As many as the store sells when it is new.
const TOYS: usize = 50;

/// What was measured.
#[derive(Deserialize, Serialize)]
pub struct Invalidation {
    seconds: f64,
    connections: usize,
    toys: usize,
    runs: Vec<Run>,
}

/// One load on both.
#[derive(Deserialize, Serialize)]
struct Run {
    repeat: usize,
    probability: f64,
    cached: Measured,
    uncached: Measured,
}

/// Measures; each repeat makes both stores anew.
pub fn run(bench: &Bench) -> Result<Invalidation> {
    let time = bench.seconds(8, 2);
    let mut runs = Vec::new();
    for repeat in 1..=bench.repeats {
        let cached = with_cache(bench, "on", repeat)?;
        let uncached = with_cache(bench, "off", repeat)?;
        for (probability, (cached, uncached)) in
            PROBABILITIES.into_iter().zip(cached.into_iter().zip(uncached))
        {
            runs.push(Run { repeat, probability, cached, uncached });
        }
    }
    Ok(Invalidation { seconds: time.as_secs_f64(), connections: CONNECTIONS, toys: TOYS, runs })
}

fn with_cache(bench: &Bench, cache: &str, repeat: usize) -> Result<Vec<Measured>> {
    let front_end = ["--cache", cache].map(str::to_owned).to_vec();
    let mut store = prepared_with_toys(store::Plan { front_end, ..Default::default() }, TOYS)?;
    store.start_all();
    store.wait_until_ready();
    let plan = closed(CONNECTIONS, bench.seconds(2, 1), bench.seconds(8, 2));
    let load = |probability| {
        bench.step(&format!(
            "cache {cache}, {probability} of the requests are purchases, repeat {repeat} of {}",
            bench.repeats
        ));
        shop(&store, &plan, &Shopping { products: toys(TOYS), probability, seed: seed() })
    };
    PROBABILITIES.into_iter().map(load).collect()
}

/// Mean, median, 99th percentile.
const FIGURES: [Figure; 3] = [|kind| kind.mean_ms, |kind| kind.p50_ms, |kind| kind.p99_ms];

/// Shows.
pub fn show(measured: &Invalidation) -> Shown {
    let (mut rows, mut wants, mut groups) = (Vec::new(), Vec::<Want>::new(), Vec::new());
    for probability in PROBABILITIES {
        let runs = || measured.runs.iter().filter(|run| run.probability == probability);
        let spread = |of: &dyn Fn(&Run) -> f64| Spread::of(runs().map(of));
        let mut row = |name: &str, pick: fn(&Run) -> &Measured| {
            let times = FIGURES.map(|figure| spread(&|run| pick(run).figure(LOOK, figure)));
            let all = spread(&|run| per_second(pick(run)));
            let cells = times.iter().chain([&all]).map(|spread| spread.shown(number));
            rows.push([format!("{probability}, {name}")].into_iter().chain(cells).collect());
            times[0]
        };
        let on = row("cache on", |run| &run.cached);
        let off = row("cache off", |run| &run.uncached);
        let gain = spread(&|run| {
            run.uncached.figure(LOOK, FIGURES[0]) / run.cached.figure(LOOK, FIGURES[0])
        });
        wants.push((
            format!("at p = {probability}, look-ups faster with the cache"),
            format!("{} times as fast", gain.shown(number)),
            gain.median > 1.0,
        ));
        groups.push((probability.to_string(), vec![on, off]));
    }
    let head = ["p, cache", "look-up mean ms", "p50 ms", "p99 ms", "all requests/s"];
    let text = format!("{}\n{}", table(&head, &rows), wanted(&wants));
    let plot = Plot::Bars(Bars {
        title: "Look-ups while purchases invalidate, less is better",
        x: "p, the part of the requests that are purchases",
        y: "mean time of a look-up, ms",
        kinds: vec!["cache on", "cache off"],
        groups,
    });
    Shown { text, plots: vec![("invalidation", plot)] }
}

fn per_second(measured: &Measured) -> f64 {
    measured.report.kinds.values().map(|kind| kind.per_second).sum()
}
