//! A replica that missed very many orders comes back under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use toystore_host::limits::APPEND_PAGE;
use toystore_replication::{Epoch, Position};
use toystore_tests::store::{self, Store, order, wait_for};

use crate::measure::fill::{entries, fill_all, start, stop};
use crate::measure::load::{closed, purchases, shop_at};
use crate::measure::sled::{Rows, Sled};
use crate::measure::spread::{Spread, number};
use crate::measure::table::{Want, table, wanted};
use crate::plot::{Lines, Plot};
use crate::run::Bench;
use crate::scenarios::Shown;

const CONNECTIONS: usize = 64;
/// The replica that was away; never the first leader, which is the highest.
const AWAY: u8 = 1;
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(50);
/// A replica that takes longer does not catch up.
const LONG: Duration = Duration::from_secs(900);

/// What was measured.
#[derive(Deserialize, Serialize)]
pub struct CatchUp {
    connections: usize,
    missed: u64,
    /// Of sled alone: records in one batch, as many as in one page for the replica.
    batch: usize,
    runs: Vec<Run>,
}

#[derive(Deserialize, Serialize)]
struct Run {
    repeat: usize,
    /// From when the replica first answered until it was in sync.
    seconds: f64,
    /// Orders that it fetched in this time.
    fetched: u64,
    /// Orders that customers placed per second, before and meanwhile.
    before: f64,
    meanwhile: f64,
    /// Records per second of sled alone, flushed only, and on the disk.
    sled_single: f64,
    sled_shared: f64,
    looks: Vec<Look>,
}

/// How far the replicas were.
#[derive(Clone, Copy, Deserialize, Serialize)]
struct Look {
    seconds: f64,
    leader: u64,
    /// None while it does not answer.
    away: Option<u64>,
}

/// Measures.
pub fn run(bench: &Bench) -> Result<CatchUp> {
    let missed = bench.sized(1_000_000, 50_000);
    let mut runs = Vec::new();
    for repeat in 1..=bench.repeats {
        let step =
            |what: &str| bench.step(&format!("{what}, repeat {repeat} of {}", bench.repeats));
        step("making orders that a replica has missed");
        let mut store = with_missed_orders(missed)?;
        step("the replica comes back");
        let mut run = comes_back(bench, &mut store)?;
        drop(store);
        step("sled alone");
        run.repeat = repeat;
        run.sled_single = sled_alone(bench, missed, Rows::Single)?;
        run.sled_shared = sled_alone(bench, missed, Rows::Shared)?;
        runs.push(run);
    }
    Ok(CatchUp { connections: CONNECTIONS, missed, batch: APPEND_PAGE, runs })
}

/// A running store but for one replica, which has missed so many orders.
fn with_missed_orders(missed: u64) -> Result<Store> {
    let mut store = Store::start(store::Plan::default());
    let short = closed(8, Duration::ZERO, Duration::from_secs(1));
    let address = store.address(&store::front_end(1));
    shop_at(&address, &short, &purchases())?;
    store.wait_until_in_sync();
    store.kill(&order(AWAY));
    // The others must know that they go on without it.
    shop_at(&address, &short, &purchases())?;
    wait_for("the set without the replica", || {
        let in_sync = store.cluster(1)?["in_sync"].as_array()?.clone();
        (!in_sync.contains(&AWAY.into())).then_some(())
    });
    let last = look(&store, Instant::now()).context("nobody leads")?.leader;
    stop(&mut store);
    let others: Vec<_> = (1..=store.plan().replicas).filter(|id| *id != AWAY).collect();
    fill_all(&store, &others, last + missed)?;
    let names: Vec<_> = store.names().into_iter().filter(|name| *name != order(AWAY)).collect();
    start(&mut store, &names)?;
    Ok(store)
}

fn comes_back(bench: &Bench, store: &mut Store) -> Result<Run> {
    let enough = Arc::new(AtomicBool::new(false));
    let load = keep_buying(store, enough.clone());
    thread::sleep(bench.seconds(3, 1));
    let begun = Instant::now();
    let mut looks = Vec::new();
    let quiet = bench.seconds(10, 2);
    while begun.elapsed() < quiet {
        looks.extend(look(store, begun));
        thread::sleep(LOOK);
    }
    store.run(&order(AWAY));
    while !is_in_sync(store) {
        ensure!(begun.elapsed() < LONG, "the replica does not catch up");
        looks.extend(look(store, begun));
        thread::sleep(LOOK);
    }
    looks.extend(look(store, begun));
    enough.store(true, Ordering::Relaxed);
    load.join().map_err(|_| anyhow!("the load broke off"))??;
    let back = looks.iter().position(|look| look.away.is_some());
    let back = back.context("the replica was not seen")?;
    let (first, start, last) = (looks[0], looks[back], looks[looks.len() - 1]);
    let alone = looks[back.saturating_sub(1)];
    let rate =
        |a: &Look, b: &Look| (b.leader - a.leader) as f64 / (b.seconds - a.seconds).max(1e-9);
    let fetched = last.away.unwrap_or_default().saturating_sub(start.away.unwrap_or_default());
    Ok(Run {
        repeat: 0,
        seconds: last.seconds - start.seconds,
        fetched,
        before: rate(&first, &alone),
        meanwhile: rate(&start, &last),
        sled_single: 0.0,
        sled_shared: 0.0,
        looks: thinned(&looks),
    })
}

/// Load in pieces, since its end is not known; between two of them nothing is waited for.
fn keep_buying(store: &Store, enough: Arc<AtomicBool>) -> JoinHandle<std::io::Result<()>> {
    let address = store.address(&store::front_end(1));
    let piece = closed(CONNECTIONS, Duration::ZERO, Duration::from_secs(2));
    thread::spawn(move || {
        while !enough.load(Ordering::Relaxed) {
            shop_at(&address, &piece, &purchases())?;
        }
        Ok(())
    })
}

fn look(store: &Store, begun: Instant) -> Option<Look> {
    let cluster = store.cluster(1)?;
    let replicas = cluster["replicas"].as_array()?;
    let last = |id: u64| {
        let replica = replicas.iter().find(|replica| replica["id"] == id)?;
        replica["last_order"].as_u64()
    };
    let leader = last(cluster["leader"].as_u64()?)?;
    Some(Look { seconds: begun.elapsed().as_secs_f64(), leader, away: last(AWAY.into()) })
}

fn is_in_sync(store: &Store) -> bool {
    let in_sync = |cluster: serde_json::Value| {
        cluster["in_sync"].as_array().is_some_and(|set| set.contains(&AWAY.into()))
    };
    store.cluster(1).is_some_and(in_sync)
}

/// At most some hundred looks are kept.
fn thinned(looks: &[Look]) -> Vec<Look> {
    looks.iter().step_by(looks.len() / 200 + 1).copied().collect()
}

/// Orders per second.
fn sled_alone(bench: &Bench, count: u64, rows: Rows) -> Result<f64> {
    let folder = tempfile::tempdir_in(&bench.folder)?;
    let mut sled = Sled::create(folder.path(), rows)?;
    let mut last = Position::ORIGIN;
    while last.number.0 < count {
        let page = entries(&last, Epoch(1), APPEND_PAGE as u64)?;
        sled.append(&page)?;
        last = page.last().map_or(last, |entry| entry.position());
    }
    Ok(last.number.0 as f64 / sled.seconds)
}

/// Shows.
pub fn show(measured: &CatchUp) -> Shown {
    let of = |pick: fn(&Run) -> f64| Spread::of(measured.runs.iter().map(pick));
    let speed = |run: &Run| run.fetched as f64 / run.seconds.max(1e-9);
    let row = |name: &str, spread: Spread| vec![name.to_owned(), spread.shown(number)];
    let rows = [
        row("orders per second that the replica catches up with", of(speed)),
        row("sled alone, orders per second, each in a row of its own", of(|run| run.sled_single)),
        row("sled alone, orders per second, in rows as the store's", of(|run| run.sled_shared)),
        row("seconds until it was in sync", of(|run| run.seconds)),
        row("customers' orders per second before", of(|run| run.before)),
        row("customers' orders per second meanwhile", of(|run| run.meanwhile)),
    ];
    let share = Spread::of(measured.runs.iter().map(|run| 100.0 * speed(run) / run.sled_single));
    let slower = of(|run| 100.0 * (1.0 - run.meanwhile / run.before));
    let percent = |spread: Spread| format!("{} %", spread.shown(number));
    let wants: [Want; 2] = [
        (
            "50 % of sled's own speed, an order in a row".to_owned(),
            percent(share),
            share.median >= 50.0,
        ),
        ("orders slowed by less than 30 %".to_owned(), percent(slower), slower.median < 30.0),
    ];
    let missed = format!("{} orders missed", number(measured.missed as f64));
    let head = format!("{missed}, {} connections", measured.connections);
    let line = |pick: fn(&Look) -> Option<u64>| {
        let looks = measured.runs.first().map_or(&[][..], |run| &run.looks);
        looks.iter().filter_map(|look| Some((look.seconds, pick(look)? as f64))).collect()
    };
    let plot = Plot::Lines(Lines {
        title: "A replica comes back under load",
        x: "seconds",
        y: "last order",
        log_x: false,
        lines: vec![
            ("leader", line(|look| Some(look.leader))),
            ("replica", line(|look| look.away)),
        ],
    });
    let text = format!("{}\n{}", table(&[&head, ""], &rows), wanted(&wants));
    Shown { text, plots: vec![("catch_up", plot)] }
}
