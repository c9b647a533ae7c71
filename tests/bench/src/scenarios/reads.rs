//! Look-ups that the cache answers, beside a bare web route that says the same, in turn.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use toystore_client::load::connection::Connection;
use toystore_client::load::engine::run as load_on;
use toystore_client::load::shopping::{Shopper, Shopping};
use toystore_tests::store::{self, PRODUCTS, Store};

use crate::bare::{Pages, Server};
use crate::measure::load::{
    FIGURES, Figure, LOOK, Measured, closed, measured, seed, shop, usual_toys,
};
use crate::measure::spread::{Spread, number};
use crate::measure::table::{table, wanted};
use crate::run::Bench;
use crate::scenarios::Shown;

const CONNECTIONS: usize = 64;
/// Headers that a web server sets itself.
const OWN_HEADERS: [&str; 3] = ["content-length", "date", "connection"];

/// What was measured.
#[derive(Deserialize, Serialize)]
pub struct Reads {
    seconds: f64,
    connections: usize,
    /// How many of the front end's answers came from its cache.
    hits: f64,
    runs: Vec<Run>,
}

/// One load on both.
#[derive(Deserialize, Serialize)]
struct Run {
    repeat: usize,
    store: Measured,
    bare: Measured,
}

/// Measures.
pub fn run(bench: &Bench) -> Result<Reads> {
    let time = bench.seconds(10, 3);
    let plan = closed(CONNECTIONS, bench.seconds(3, 1), time);
    let store = Store::start(store::Plan::default());
    let bare = Server::start(&pages(&store)?)?;
    let bare_pid = [("bare".to_owned(), bare.pid())].into();
    let before = cache(&store)?;
    let mut runs = Vec::new();
    for repeat in 1..=bench.repeats {
        let shopping = Shopping { products: usual_toys(), probability: 0.0, seed: seed() };
        bench.step(&format!("the front end, repeat {repeat} of {}", bench.repeats));
        let front_end = shop(&store, &plan, &shopping)?;
        bench.step(&format!("the bare route, repeat {repeat} of {}", bench.repeats));
        let customer = |number| Shopper::new(Connection::new(bare.address()), &shopping, number);
        let bare = measured(&plan, &bare_pid, || load_on(&plan, customer))?;
        ensure!(bare.kind(LOOK)?.refused.is_empty(), "the bare route refuses");
        runs.push(Run { repeat, store: front_end, bare });
    }
    let after = cache(&store)?;
    let [hits, misses] = [after[0] - before[0], after[1] - before[1]];
    let hits = hits / (hits + misses).max(1.0);
    Ok(Reads { seconds: time.as_secs_f64(), connections: CONNECTIONS, hits, runs })
}

/// The front end's answers, each from its cache.
fn pages(store: &Store) -> Result<Pages> {
    let (mut bodies, mut headers) = (BTreeMap::new(), BTreeMap::new());
    for name in PRODUCTS {
        let get = || store.http().get(format!("{}/products/{name}", store.url(1))).send();
        get()?;
        let response = get()?;
        for (name, value) in response.headers() {
            if !OWN_HEADERS.contains(&name.as_str()) {
                headers.insert(name.to_string(), value.to_str()?.to_owned());
            }
        }
        bodies.insert(name.to_owned(), response.text()?);
    }
    Ok(Pages { bodies, headers })
}

/// Hits and misses.
fn cache(store: &Store) -> Result<[f64; 2]> {
    let cluster = store.cluster(1).context("the front end says nothing of its cluster")?;
    let count = |name: &str| cluster["cache"][name].as_f64().context("no such count");
    Ok([count("hits")?, count("misses")?])
}

/// Shows.
pub fn show(reads: &Reads) -> Shown {
    let spreads = |of: &dyn Fn(&Run, Figure) -> f64| {
        FIGURES.map(|figure| Spread::of(reads.runs.iter().map(|run| of(run, figure))))
    };
    let store = spreads(&|run, figure| run.store.figure(LOOK, figure));
    let bare = spreads(&|run, figure| run.bare.figure(LOOK, figure));
    let ratio =
        spreads(&|run, figure| run.store.figure(LOOK, figure) / run.bare.figure(LOOK, figure));
    let rows = [("front end", &store), ("bare route", &bare), ("front end / bare", &ratio)];
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(name, spreads)| {
            let figures = spreads.iter().map(|spread| spread.shown(number));
            [name.to_owned()].into_iter().chain(figures).collect()
        })
        .collect();
    let share = ratio[0].median * 100.0;
    let wants = [(
        "90 % of the bare route's look-ups per second".to_owned(),
        format!("{} %", number(share)),
        share >= 90.0,
    )];
    let head = [&format!("{} connections", reads.connections), "look-ups/s", "p50 ms", "p99 ms"];
    let text = format!(
        "{}\nOf the front end's answers, {} % came from its cache.\n\n{}",
        table(&head, &rows),
        number(reads.hits * 100.0),
        wanted(&wants)
    );
    Shown { text, plots: Vec::new() }
}
