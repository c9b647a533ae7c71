//! What an order costs: processor time, calls and bytes by process, and sled alone beside a
//! replica's database.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use toystore_domain::OrderNumber;
use toystore_replication::ReplicaId;
use toystore_storage::OrderStore;
use toystore_tests::store::{self, Store, order};

use crate::measure::disk::{bytes, flushes, loopback_bytes, written_bytes};
use crate::measure::load::{buy, closed};
use crate::measure::sled::{Rows, Sled};
use crate::measure::spread::{Spread, number};
use crate::measure::table::table;
use crate::measure::usage::LOAD;
use crate::run::Bench;
use crate::scenarios::Shown;

const CONNECTIONS: usize = 64;
/// Entries read at once.
const PAGE: usize = 1000;

/// What was measured.
#[derive(Deserialize, Serialize)]
pub struct Cost {
    seconds: f64,
    connections: usize,
    runs: Vec<Run>,
}

/// One load on a new store. All figures are for one order.
#[derive(Deserialize, Serialize)]
struct Run {
    repeat: usize,
    orders: u64,
    leader: String,
    processes: BTreeMap<String, Process>,
    /// Sent over the loopback by everybody on the machine.
    loopback_bytes: Option<f64>,
    /// Of the disk, by everybody on the machine.
    disk_flushes: Option<f64>,
    /// Orders in one append to a follower.
    batch: f64,
    /// sled alone, in batches as large.
    sled_bytes: f64,
}

#[derive(Default, Deserialize, Serialize)]
struct Process {
    cpu_us: f64,
    /// Requests answered, by their names.
    calls: BTreeMap<String, f64>,
    written_bytes: f64,
    /// What the database grew by.
    disk_bytes: f64,
}

/// What has been counted since the processes, or the machine, began.
struct Counted {
    orders: u64,
    calls: BTreeMap<String, BTreeMap<String, f64>>,
    written: BTreeMap<String, u64>,
    on_disk: BTreeMap<String, u64>,
    loopback: Option<u64>,
    flushes: Option<u64>,
}

/// Measures.
pub fn run(bench: &Bench) -> Result<Cost> {
    let plan = closed(CONNECTIONS, bench.seconds(3, 1), bench.seconds(20, 3));
    let mut runs = Vec::new();
    for repeat in 1..=bench.repeats {
        bench.step(&format!("orders, repeat {repeat} of {}", bench.repeats));
        let mut store = Store::start(store::Plan::default());
        let before = Counted::now(&store)?;
        let load = buy(&store, &plan)?;
        store.wait_until_in_sync();
        let after = Counted::now(&store)?;
        let leader = order(store.leader());
        for name in store.names() {
            store.terminate(&name);
        }
        bench.step(&format!("sled alone, repeat {repeat} of {}", bench.repeats));
        runs.push(made_up(bench, repeat, &store, leader, load.cpu_us, &before, &after)?);
    }
    Ok(Cost { seconds: plan.measured.as_secs_f64(), connections: CONNECTIONS, runs })
}

fn made_up(
    bench: &Bench,
    repeat: usize,
    store: &Store,
    leader: String,
    cpu_us: BTreeMap<String, f64>,
    before: &Counted,
    after: &Counted,
) -> Result<Run> {
    let orders = after.orders - before.orders;
    let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / orders.max(1) as f64;
    let both = |after: Option<u64>, before: Option<u64>| Some(each(after?, before?));
    let of = |counts: &BTreeMap<String, u64>, name: &str| counts.get(name).copied();
    let mut processes: BTreeMap<String, Process> = BTreeMap::new();
    for (name, cpu_us) in cpu_us {
        let mut process = Process { cpu_us, ..Process::default() };
        let growth = |a, b| both(of(a, &name), of(b, &name)).unwrap_or_default();
        process.written_bytes = growth(&after.written, &before.written);
        process.disk_bytes = growth(&after.on_disk, &before.on_disk);
        for (call, count) in after.calls.get(&name).into_iter().flatten() {
            let earlier = before.calls.get(&name).and_then(|calls| calls.get(call));
            let count = (count - earlier.copied().unwrap_or_default()) / orders.max(1) as f64;
            process.calls.insert(call.clone(), count);
        }
        processes.insert(name, process);
    }
    let follower =
        processes.iter().filter(|(name, _)| name.starts_with("order") && **name != leader);
    let appends = follower.filter_map(|(_, process)| process.calls.get("append")).copied();
    let batch = 1.0 / Spread::of(appends).median.max(1e-6);
    let sled_bytes = sled_alone(bench, store, &leader, batch)? as f64 / after.orders.max(1) as f64;
    Ok(Run {
        repeat,
        orders,
        leader,
        processes,
        loopback_bytes: both(after.loopback, before.loopback),
        disk_flushes: both(after.flushes, before.flushes),
        batch,
        sled_bytes,
    })
}

impl Counted {
    fn now(store: &Store) -> Result<Self> {
        let cluster = store.cluster(1).context("the front end says nothing of its cluster")?;
        let lasts = cluster["replicas"].as_array().into_iter().flatten();
        let orders = lasts.filter_map(|replica| replica["last_order"].as_u64()).max();
        let mut counted = Self {
            orders: orders.unwrap_or_default(),
            calls: BTreeMap::new(),
            written: BTreeMap::new(),
            on_disk: BTreeMap::new(),
            loopback: loopback_bytes(),
            flushes: flushes(&store.data("catalog")),
        };
        for name in store.names() {
            counted.calls.insert(name.clone(), calls(store, &name)?);
            counted.written.extend(written_bytes(store.pid(&name)).map(|b| (name.clone(), b)));
            if store.data(&name).is_dir() {
                counted.on_disk.insert(name.clone(), bytes(&store.data(&name))?);
            }
        }
        Ok(counted)
    }
}

/// What a process has answered, by the names of the requests.
fn calls(store: &Store, name: &str) -> Result<BTreeMap<String, f64>> {
    let page = format!("http://{}/metrics", store.address(name));
    let text = store.http().get(page).send()?.text()?;
    let mut calls = BTreeMap::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("toystore_requests_total{route=\"") else { continue };
        let (route, rest) = rest.split_once('"').context("a metric without a route")?;
        let (_, count) = rest.rsplit_once(' ').context("a metric without a count")?;
        *calls.entry(route.to_owned()).or_default() += count.parse::<f64>()?;
    }
    Ok(calls)
}

/// Bytes on disk of sled alone with the leader's orders.
fn sled_alone(bench: &Bench, store: &Store, leader: &str, batch: f64) -> Result<u64> {
    let id = leader.trim_start_matches("order-").parse()?;
    let orders = OrderStore::open(&store.data(leader), ReplicaId(id))?;
    let folder = tempfile::tempdir_in(&bench.folder)?;
    let empty = tempfile::tempdir_in(&bench.folder)?;
    drop(Sled::create(empty.path(), Rows::Shared)?);
    let mut sled = Sled::create(folder.path(), Rows::Shared)?;
    let (mut after, size) = (OrderNumber::ZERO, batch.round().max(1.0) as usize);
    loop {
        let page = orders.reader().page(after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = last.number;
        page.chunks(size).try_for_each(|entries| sled.append(entries))?;
    }
    drop(sled);
    let size = |folder: &Path| bytes(folder);
    Ok(size(folder.path())?.saturating_sub(size(empty.path())?))
}

/// Shows.
pub fn show(cost: &Cost) -> Shown {
    let of = |pick: &dyn Fn(&Run) -> f64| Spread::of(cost.runs.iter().map(pick));
    let leader = cost.runs.first().map(|run| run.leader.clone()).unwrap_or_default();
    let names: Vec<String> =
        cost.runs.first().map(|run| run.processes.keys().cloned().collect()).unwrap_or_default();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for name in &names {
        let figure = |pick: fn(&Process) -> f64| {
            of(&|run| run.processes.get(name).map_or(0.0, pick)).shown(number)
        };
        let shown = match name {
            name if *name == leader => format!("{name} (leads)"),
            name if name == LOAD => "the load itself".to_owned(),
            name => name.clone(),
        };
        rows.push(vec![
            shown,
            figure(|process| process.cpu_us),
            figure(|process| process.calls.values().sum()),
            figure(|process| process.written_bytes),
            figure(|process| process.disk_bytes),
        ]);
    }
    let sum = |run: &Run| run.processes.values().map(|process| process.cpu_us).sum();
    let total = [of(&sum).shown(number), String::new(), String::new(), String::new()];
    rows.push(["together".to_owned()].into_iter().chain(total).collect());
    let head =
        ["for one order", "processor µs", "requests answered", "bytes written", "bytes on disk"];
    let disk = |run: &Run| run.processes.get(&leader).map_or(0.0, |process| process.disk_bytes);
    let mut facts = vec![
        fact("orders in one append to a follower", of(&|run| run.batch)),
        fact("bytes on disk, sled alone with the same records", of(&|run| run.sled_bytes)),
        fact("bytes on disk, leader / sled alone", of(&|run| disk(run) / run.sled_bytes)),
    ];
    let known = |pick: fn(&Run) -> Option<f64>| Spread::of(cost.runs.iter().filter_map(pick));
    facts.push(fact("bytes over the loopback, for one order", known(|run| run.loopback_bytes)));
    facts.push(fact("flushes of the disk, for one order", known(|run| run.disk_flushes)));
    let facts = table(&[&format!("at {} connections", cost.connections), ""], &facts);
    Shown { text: format!("{}\n{facts}", table(&head, &rows)), plots: Vec::new() }
}

fn fact(name: &str, spread: Spread) -> Vec<String> {
    vec![name.to_owned(), spread.shown(number)]
}
