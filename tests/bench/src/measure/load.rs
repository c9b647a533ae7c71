//! Load on a store, and what it costs each process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use toystore_client::load::connection::Connection;
use toystore_client::load::engine::{Plan, run};
use toystore_client::load::figures::{Figures, KindReport, Report};
use toystore_client::load::shopping::{Shopper, Shopping};
use toystore_domain::ProductName;
use toystore_tests::store::{self, PRODUCTS, Store};

use crate::measure::usage::{Pids, all_seconds};

/// What a purchase is called in a report.
pub const BUY: &str = "buy";
/// What a look-up is called in a report.
pub const LOOK: &str = "look";

/// One figure out of those of a kind of request.
pub type Figure = fn(&KindReport) -> f64;

/// Throughput, median, 99th percentile.
pub const FIGURES: [Figure; 3] = [|kind| kind.per_second, |kind| kind.p50_ms, |kind| kind.p99_ms];

/// A load, and what it cost.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Measured {
    pub report: Report,
    /// Microseconds of processor time for each request that was done, by process.
    pub cpu_us: BTreeMap<String, f64>,
}

impl Measured {
    /// The figures of one kind of request.
    pub fn kind(&self, kind: &str) -> Result<&KindReport> {
        self.report.kinds.get(kind).with_context(|| format!("no request to {kind} was answered"))
    }

    /// One figure of one kind of request; 0 when none was answered.
    pub fn figure(&self, kind: &str, figure: Figure) -> f64 {
        self.report.kinds.get(kind).map_or(0.0, figure)
    }
}

/// So many connections, each with one request after the other.
pub fn closed(connections: usize, warm_up: Duration, measured: Duration) -> Plan {
    Plan { connections, threads: 1, warm_up, measured, rate: None }
}

/// No two loads of this process buy under the same keys.
pub fn seed() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// The toys of a store that has the usual ones.
pub fn usual_toys() -> Vec<ProductName> {
    PRODUCTS.iter().filter_map(|name| ProductName::new(name)).collect()
}

/// So many toys with names of their own.
pub fn toys(count: usize) -> Vec<ProductName> {
    (0..count).filter_map(|number| ProductName::new(&toy(number))).collect()
}

/// The name of the toy of this number.
pub fn toy(number: usize) -> String {
    format!("Toy-{number:07}")
}

/// A store that will sell so many toys of [`toy`]'s names; not started yet.
pub fn prepared_with_toys(plan: store::Plan, count: usize) -> Result<Store> {
    let store = Store::prepare(plan);
    let mut csv = "name,price,stock\n".to_owned();
    for number in 0..count {
        csv += &format!("{},9.99,{}\n", toy(number), store::STOCK);
    }
    fs::write(store.token("catalog.csv"), csv)?;
    Ok(store)
}

/// The processes of a store.
pub fn pids(store: &Store) -> Pids {
    store.names().into_iter().map(|name| (name.clone(), store.pid(&name))).collect()
}

/// Customers shop at the store's first front end.
pub fn shop(store: &Store, plan: &Plan, shopping: &Shopping) -> Result<Measured> {
    let address = store.address(&store::front_end(1));
    measured(plan, &pids(store), || shop_at(&address, plan, shopping))
}

/// Customers shop at this front end, whatever else runs.
pub fn shop_at(address: &str, plan: &Plan, shopping: &Shopping) -> io::Result<Figures> {
    let connection = || Connection::new(address.to_owned());
    run(plan, |number| Shopper::new(connection(), shopping, number))
}

/// Purchases of the usual toys, and nothing else.
pub fn purchases() -> Shopping {
    Shopping { products: usual_toys(), probability: 1.0, seed: seed() }
}

/// Customers buy the usual toys at the store's first front end.
pub fn buy(store: &Store, plan: &Plan) -> Result<Measured> {
    shop(store, plan, &purchases())
}

/// Runs a load, and looks at the processes when counting begins and ends.
pub fn measured(
    plan: &Plan,
    pids: &Pids,
    load: impl FnOnce() -> io::Result<Figures>,
) -> Result<Measured> {
    let (warm_up, time) = (plan.warm_up, plan.measured);
    let pids = pids.clone();
    let watching = thread::spawn(move || -> Result<BTreeMap<String, f64>> {
        thread::sleep(warm_up);
        let before = all_seconds(&pids)?;
        thread::sleep(time);
        let after = all_seconds(&pids)?;
        let spent = |(name, after)| (before.get(&name).map(|before| after - before), name);
        let spent = after.into_iter().map(spent);
        Ok(spent.filter_map(|(spent, name)| Some((name, spent?))).collect())
    });
    let report = load()?.report();
    let spent = watching.join().map_err(|_| anyhow!("the watch broke off"))??;
    let done: u64 = report.kinds.values().map(|kind| kind.done).sum();
    let lost: u64 = report.kinds.values().map(|kind| kind.lost).sum();
    // Somebody stopped a process, or the machine stood still: figures of that mean nothing.
    ensure!(done > 0 && lost == 0, "{done} requests were answered and {lost} were not");
    let per_request = |seconds: f64| seconds * 1e6 / done.max(1) as f64;
    let cpu_us = spent.into_iter().map(|(name, seconds)| (name, per_request(seconds))).collect();
    Ok(Measured { report, cpu_us })
}
