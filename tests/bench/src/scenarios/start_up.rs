//! How soon a replica with many orders answers, and how much of that is reading them all.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use toystore_replication::ReplicaId;
use toystore_storage::OrderStore;
use toystore_storage::schema::ORDERS;
use toystore_storage::verify::verify;
use toystore_tests::store::{self, Store, order};

use crate::measure::disk::bytes;
use crate::measure::fill::fill;
use crate::measure::spread::{Spread, number};
use crate::measure::table::table;
use crate::run::Bench;
use crate::scenarios::Shown;

const REPLICA: u8 = 1;
/// A replica that takes longer does not start.
const LONG: Duration = Duration::from_secs(600);

/// What was measured.
#[derive(Deserialize, Serialize)]
pub struct StartUp {
    sizes: Vec<Size>,
}

#[derive(Deserialize, Serialize)]
struct Size {
    orders: u64,
    disk_bytes: u64,
    runs: Vec<Run>,
}

#[derive(Deserialize, Serialize)]
struct Run {
    /// From the start of the process to its first answer.
    process_seconds: f64,
    /// Opening sled, and reading and checking every order, apart from the process.
    open_seconds: f64,
    verify_seconds: f64,
}

/// Measures.
pub fn run(bench: &Bench) -> Result<StartUp> {
    let mut store = Store::prepare(store::Plan::default());
    let name = order(REPLICA);
    OrderStore::create(&store.data(&name), ReplicaId(REPLICA))?;
    let mut sizes = Vec::new();
    for orders in bench.sized([10_000, 10_000_000], [10_000, 100_000]) {
        bench.step(&format!("making a database of {orders} orders"));
        fill(&store.data(&name), ReplicaId(REPLICA), orders)?;
        let mut runs = Vec::new();
        for repeat in 1..=bench.repeats {
            bench.step(&format!("{orders} orders, repeat {repeat} of {}", bench.repeats));
            let process_seconds = started(&mut store, &name)?;
            store.terminate(&name);
            let (open_seconds, verify_seconds) = apart(&store, &name)?;
            runs.push(Run { process_seconds, open_seconds, verify_seconds });
        }
        sizes.push(Size { orders, disk_bytes: bytes(&store.data(&name))?, runs });
    }
    Ok(StartUp { sizes })
}

/// It listens before it opens its database, and answers after.
fn started(store: &mut Store, name: &str) -> Result<f64> {
    let page = format!("http://{}/livez", store.address(name));
    let begun = Instant::now();
    store.run(name);
    while !store.http().get(&page).timeout(LONG).send().is_ok_and(|got| got.status() == 200) {
        ensure!(begun.elapsed() < LONG && store.runs(name), "the replica does not start");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(begun.elapsed().as_secs_f64())
}

fn apart(store: &Store, name: &str) -> Result<(f64, f64)> {
    let folder = store.data(name);
    let begun = Instant::now();
    let config = sled::Config::new().path(folder.join("sled")).cache_capacity(64 << 20);
    let db = config.flush_every_ms(None).open()?;
    let orders = db.open_tree(ORDERS)?;
    let open = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    verify(&folder, orders)?;
    Ok((open, begun.elapsed().as_secs_f64()))
}

/// Shows.
pub fn show(measured: &StartUp) -> Shown {
    let row = |size: &Size| {
        let of = |pick: fn(&Run) -> f64| Spread::of(size.runs.iter().map(pick));
        let part = of(|run| 100.0 * run.verify_seconds / (run.open_seconds + run.verify_seconds));
        vec![
            number(size.orders as f64),
            number(size.disk_bytes as f64 / f64::from(1 << 20)),
            of(|run| run.process_seconds).shown(number),
            of(|run| run.open_seconds).shown(number),
            of(|run| run.verify_seconds).shown(number),
            format!("{} %", part.shown(number)),
        ]
    };
    let rows: Vec<_> = measured.sizes.iter().map(row).collect();
    let head = [
        "orders",
        "MiB on disk",
        "s from start to first answer",
        "s to open sled",
        "s to check every order",
        "checking, of both",
    ];
    Shown { text: table(&head, &rows), plots: Vec::new() }
}
