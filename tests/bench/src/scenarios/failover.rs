//! The leader killed or paused under load: how long nobody's order is acknowledged.

use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use toystore_client::load::engine::{Plan, run as load_on};
use toystore_tests::store::{self, Store, order};

use crate::etcd::Cluster;
use crate::etcd::client::{Buyer, Pool};
use crate::measure::load::{closed, purchases, seed, shop_at};
use crate::measure::spread::{number, quantile};
use crate::measure::table::{Want, table, wanted};
use crate::plot::{Lines, Plot};
use crate::run::Bench;
use crate::scenarios::Shown;

const CONNECTIONS: usize = 32;
/// Customers of one connection to etcd.
const SHARE: usize = 16;
/// From when gaps count until the leader is killed.
const BEFORE: Duration = Duration::from_millis(700);
/// A customer of etcd asks another member after this long: an order that its follower forwards to
/// a dead leader is lost, and would be waited for in vain.
const ETCD_PATIENCE: Duration = Duration::from_millis(100);

/// How often a gap is looked for that is surely of the leader.
const TRIES: usize = 3;
/// What happens to a leader to which nothing happens.
const QUIET: &str = "left alone";

/// What was measured: the longest time between two acknowledged orders of anybody, in ms, each
/// with another leader that was killed or paused.
#[derive(Deserialize, Serialize)]
pub struct Failover {
    connections: usize,
    etcd_patience_ms: u128,
    /// While nothing was done to the leader.
    quiet: Vec<f64>,
    killed: Vec<f64>,
    paused: Vec<f64>,
    etcd_killed: Vec<f64>,
}

/// Measures.
pub fn run(bench: &Bench) -> Result<Failover> {
    let mut store = Store::start(store::Plan::default());
    let mut gaps = |what: &str, count: usize, harm: Act, heal: Act| {
        let gap = |number| {
            bench.step(&format!("{what}, {number} of {count}"));
            gap_when(&mut store, what, harm, heal)
        };
        (1..=count).map(gap).collect::<Result<Vec<_>>>()
    };
    let quiet = gaps(QUIET, bench.sized(5, 1), |_, _| (), |_, _| ())?;
    let killed = gaps("killed", bench.sized(20, 3), Store::kill, Store::run)?;
    let paused = gaps("paused", bench.sized(10, 1), |s, n| s.pause(n), |s, n| s.resume(n))?;
    drop(store);
    let etcd_killed = etcd_gaps(bench, bench.sized(5, 1))?;
    let etcd_patience_ms = ETCD_PATIENCE.as_millis();
    Ok(Failover { connections: CONNECTIONS, etcd_patience_ms, quiet, killed, paused, etcd_killed })
}

/// Something done to one process of a store.
type Act = fn(&mut Store, &str);

/// The gap when this happens to the leader. It must have been the leader: else another one is
/// leading now for another reason, or the same one still, and the gap is of something else.
fn gap_when(store: &mut Store, what: &str, harm: Act, heal: Act) -> Result<f64> {
    for _ in 0..TRIES {
        store.wait_until_in_sync();
        let leader = order(store.leader());
        let found = gap(store, |store| harm(store, &leader))?;
        let moved = order(store.leader()) != leader;
        heal(store, &leader);
        if moved == (what != QUIET) {
            return Ok(found);
        }
    }
    bail!("a leader was {what}, {TRIES} times, and that did not show");
}

/// Harms a store that is under load, and looks for the longest gap.
fn gap(store: &mut Store, harm: impl FnOnce(&mut Store)) -> Result<f64> {
    let plan = plan(Duration::from_millis(3300));
    let address = store.address(&store::front_end(1));
    let load = thread::spawn(move || shop_at(&address, &plan, &purchases()));
    thread::sleep(plan.warm_up + BEFORE);
    harm(store);
    let figures = load.join().map_err(|_| anyhow!("the load broke off"))??;
    Ok(figures.report().longest_gap_ms)
}

fn etcd_gaps(bench: &Bench, count: usize) -> Result<Vec<f64>> {
    let mut cluster = Cluster::start(&bench.folder)?;
    let gap = |number| {
        bench.step(&format!("etcd's leader killed, {number} of {count}"));
        let leader = cluster.leader()?;
        let (pool, seed) = (Pool::new(cluster.endpoints(leader), SHARE), seed());
        let plan = plan(Duration::from_millis(6300));
        let load = thread::spawn(move || {
            load_on(&plan, |number| Buyer::new(&pool, number, seed, ETCD_PATIENCE))
        });
        thread::sleep(plan.warm_up + BEFORE);
        cluster.kill(leader)?;
        let figures = load.join().map_err(|_| anyhow!("the load broke off"))??;
        cluster.restart(leader)?;
        Ok(figures.report().longest_gap_ms)
    };
    (1..=count).map(gap).collect()
}

fn plan(measured: Duration) -> Plan {
    closed(CONNECTIONS, Duration::from_secs(1), measured)
}

/// Shows.
pub fn show(failover: &Failover) -> Shown {
    let all = [
        ("leader left alone", &failover.quiet),
        ("leader killed", &failover.killed),
        ("leader paused", &failover.paused),
        ("etcd's leader killed", &failover.etcd_killed),
    ];
    let row = |(name, gaps): &(&str, &Vec<f64>)| {
        let figures = [0.5, 0.99, 1.0].map(|part| number(quantile(gaps, part)));
        [(*name).to_owned(), gaps.len().to_string()].into_iter().chain(figures).collect()
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    let want = |what: &str, gaps: &[f64], most: f64| -> Want {
        let longest = quantile(gaps, 1.0);
        (what.to_owned(), format!("at most {} ms", number(longest)), longest <= most)
    };
    let wants = [
        want("killed: within 100 ms", &failover.killed, 100.0),
        want("paused: within 1 s", &failover.paused, 1000.0),
    ];
    let head = ["longest gap between two orders", "times", "p50 ms", "p99 ms", "max ms"];
    let plot = Plot::Lines(Lines {
        title: "Gaps between acknowledged orders, less is better",
        x: "longest gap, ms (logarithmic)",
        y: "part of the times, %",
        log_x: true,
        lines: all.iter().map(|(name, gaps)| (*name, distribution(gaps))).collect(),
    });
    let text = format!("{}\n{}", table(&head, &rows), wanted(&wants));
    Shown { text, plots: vec![("failover", plot)] }
}

/// How many of the figures are not above each.
fn distribution(figures: &[f64]) -> Vec<(f64, f64)> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let part = |index: usize| 100.0 * (index + 1) as f64 / sorted.len() as f64;
    sorted.iter().enumerate().map(|(index, figure)| (*figure, part(index))).collect()
}
