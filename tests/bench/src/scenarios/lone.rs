//! What a lone order waits for: the same on the disk, where each sync takes its time, and in memory,
//! where it takes none and only the ways between processes are left.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use toystore_tests::store::{Plan, Store};

use super::orders::on_etcd;
use crate::etcd::Cluster;
use crate::measure::load::{BUY, FIGURES, buy, closed};
use crate::measure::spread::{Spread, number};
use crate::measure::table::table;
use crate::run::Bench;
use crate::scenarios::Shown;

/// As large as what a replica writes for a lone order.
const RECORD: [u8; 512] = [7; 512];

/// What was measured.
#[derive(Deserialize, Serialize)]
pub struct Lone {
    seconds: f64,
    runs: Vec<Run>,
}

/// Medians, in milliseconds.
#[derive(Deserialize, Serialize)]
struct Run {
    repeat: usize,
    /// One record appended to a file and synced.
    sync: f64,
    store: Places,
    etcd: Places,
}

/// Of an order, by where the databases are.
#[derive(Deserialize, Serialize)]
struct Places {
    disk: f64,
    memory: f64,
}

/// Measures.
pub fn run(bench: &Bench) -> Result<Lone> {
    let memory = bench.memory.as_deref().context("there is no file system in memory")?;
    let mut runs = Vec::new();
    for repeat in 1..=bench.repeats {
        let step =
            |what: &str| bench.step(&format!("{what}, repeat {repeat} of {}", bench.repeats));
        step("one write, synced");
        let sync = synced_write(&bench.folder, bench.sized(2000, 200))?;
        step("the store on the disk, and in memory");
        let both = |of: fn(&Bench, &Path) -> Result<f64>| -> Result<Places> {
            Ok(Places { disk: of(bench, &bench.folder)?, memory: of(bench, memory)? })
        };
        let store = both(store)?;
        step("etcd on the disk, and in memory");
        runs.push(Run { repeat, sync, store, etcd: both(etcd)? });
    }
    Ok(Lone { seconds: bench.seconds(10, 2).as_secs_f64(), runs })
}

fn store(bench: &Bench, folder: &Path) -> Result<f64> {
    let data = tempfile::tempdir_in(folder)?;
    let store = Store::start(Plan { data: Some(data.path().join("data")), ..Plan::default() });
    let plan = closed(1, bench.seconds(3, 1), bench.seconds(10, 2));
    Ok(buy(&store, &plan)?.figure(BUY, FIGURES[1]))
}

fn etcd(bench: &Bench, folder: &Path) -> Result<f64> {
    let cluster = Cluster::start(folder)?;
    let measured = on_etcd(&cluster, 1, 1, bench.seconds(3, 1), bench.seconds(10, 2))?;
    Ok(measured.figure(BUY, FIGURES[1]))
}

/// The median of so many.
fn synced_write(folder: &Path, count: usize) -> Result<f64> {
    let mut file = File::create(folder.join("synced"))?;
    // As sled does: within a file that is long enough, so that a sync writes data only.
    file.write_all(&vec![0; count * RECORD.len()])?;
    file.sync_all()?;
    file.rewind()?;
    let mut millis = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        file.write_all(&RECORD)?;
        file.sync_data()?;
        millis.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Spread::of(millis).median)
}

/// Shows.
pub fn show(lone: &Lone) -> Shown {
    let of = |pick: fn(&Run) -> f64| Spread::of(lone.runs.iter().map(pick)).shown(number);
    let rows = [
        vec!["store, ms".to_owned(), of(|run| run.store.disk), of(|run| run.store.memory)],
        vec!["etcd, ms".to_owned(), of(|run| run.etcd.disk), of(|run| run.etcd.memory)],
        vec![
            "store / etcd".to_owned(),
            of(|run| run.store.disk / run.etcd.disk),
            of(|run| run.store.memory / run.etcd.memory),
        ],
        vec![
            "store here / etcd on the disk".to_owned(),
            of(|run| run.store.disk / run.etcd.disk),
            of(|run| run.store.memory / run.etcd.disk),
        ],
        vec!["one write, synced, ms".to_owned(), of(|run| run.sync), String::new()],
    ];
    let text = table(&["median of one customer's orders", "on the disk", "in memory"], &rows);
    Shown { text, plots: Vec::new() }
}
