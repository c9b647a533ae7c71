//! Durable orders: three replicas and the catalog beside three members of etcd, in turn.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use toystore_client::load;
use toystore_client::load::engine::run as load_on;
use toystore_tests::store::{self, Store};

use crate::etcd::Cluster;
use crate::etcd::client::{Buyer, Pool};
use crate::measure::load::{BUY, FIGURES, Figure, Measured, buy, closed, measured, seed};
use crate::measure::spread::{Spread, number};
use crate::measure::table::{Want, table, wanted};
use crate::plot::{Bars, Plot};
use crate::run::Bench;
use crate::scenarios::Shown;

const CONNECTIONS: [usize; 3] = [1, 64, 256];
/// Customers of etcd on one connection: which is best for it is measured first.
const SHARES: [usize; 4] = [1, 4, 16, 64];

/// What was measured.
#[derive(Deserialize, Serialize)]
pub struct Orders {
    seconds: f64,
    warm_up_seconds: f64,
    toys: usize,
    replicas: u8,
    sharing: Vec<Sharing>,
    runs: Vec<Run>,
}

/// How etcd does with so many customers on a connection.
#[derive(Clone, Deserialize, Serialize)]
struct Sharing {
    connections: usize,
    share: usize,
    per_second: f64,
}

/// One load on both.
#[derive(Deserialize, Serialize)]
struct Run {
    repeat: usize,
    connections: usize,
    store: Measured,
    etcd: Measured,
}

/// Measures: in each repeat first the one, then the other.
pub fn run(bench: &Bench) -> Result<Orders> {
    let (time, warm_up) = (bench.seconds(10, 2), bench.seconds(3, 1));
    let sharing = sharing(bench)?;
    let mut runs = Vec::new();
    for repeat in 1..=bench.repeats {
        let label = |who, connections| {
            format!("{who}, {connections} connections, repeat {repeat} of {}", bench.repeats)
        };
        let mut stores = Vec::new();
        let store = Store::start(store::Plan::default());
        for connections in CONNECTIONS {
            bench.step(&label("the store", connections));
            stores.push(buy(&store, &closed(connections, warm_up, time))?);
        }
        drop(store);
        let cluster = Cluster::start(&bench.folder)?;
        for (connections, store) in CONNECTIONS.into_iter().zip(stores) {
            bench.step(&label("etcd", connections));
            let share = best(&sharing, connections);
            let etcd = on_etcd(&cluster, connections, share, warm_up, time)?;
            runs.push(Run { repeat, connections, store, etcd });
        }
    }
    Ok(Orders {
        seconds: time.as_secs_f64(),
        warm_up_seconds: warm_up.as_secs_f64(),
        toys: store::PRODUCTS.len(),
        replicas: store::Plan::default().replicas,
        sharing,
        runs,
    })
}

fn sharing(bench: &Bench) -> Result<Vec<Sharing>> {
    let (time, warm_up) = (bench.seconds(4, 1), bench.seconds(1, 1));
    let cluster = Cluster::start(&bench.folder)?;
    let mut sharing = Vec::new();
    for &connections in bench.sized(&CONNECTIONS[1..], &CONNECTIONS[1..2]) {
        for &share in bench.sized(&SHARES[..], &SHARES[1..3]) {
            bench.step(&format!("etcd, {connections} customers, {share} on each connection"));
            let done = on_etcd(&cluster, connections, share, warm_up, time)?;
            let per_second = done.kind(BUY)?.per_second;
            sharing.push(Sharing { connections, share, per_second });
        }
    }
    Ok(sharing)
}

fn best(sharing: &[Sharing], connections: usize) -> usize {
    let tried = sharing.iter().filter(|tried| tried.connections == connections);
    let best = tried.max_by(|a, b| a.per_second.total_cmp(&b.per_second));
    // What was not tried gets what is good for others.
    let other = sharing.last().filter(|_| connections > 1);
    best.or(other).map_or(1, |best| best.share)
}

/// All customers ask the leader.
pub(super) fn on_etcd(
    cluster: &Cluster,
    connections: usize,
    share: usize,
    warm_up: Duration,
    time: Duration,
) -> Result<Measured> {
    let leader = cluster.endpoints(cluster.leader()?).into_iter().take(1).collect();
    let (pool, seed) = (Pool::new(leader, share), seed());
    let plan = closed(connections, warm_up, time);
    let customer = |number| Buyer::new(&pool, number, seed, load::PATIENCE);
    measured(&plan, &cluster.pids(), || load_on(&plan, customer))
}

/// Shows.
pub fn show(orders: &Orders) -> Shown {
    let (mut rows, mut wants, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for connections in CONNECTIONS {
        let spreads = |of: &dyn Fn(&Run, Figure) -> f64| {
            let runs = || orders.runs.iter().filter(|run| run.connections == connections);
            FIGURES.map(|figure| Spread::of(runs().map(|run| of(run, figure))))
        };
        let store = spreads(&|run, figure| run.store.figure(BUY, figure));
        let etcd = spreads(&|run, figure| run.etcd.figure(BUY, figure));
        let ratio =
            spreads(&|run, figure| run.store.figure(BUY, figure) / run.etcd.figure(BUY, figure));
        for (name, spreads) in [("store", &store), ("etcd", &etcd), ("store / etcd", &ratio)] {
            let mut row = vec![format!("{connections}, {name}")];
            row.extend(spreads.iter().map(|spread| spread.shown(number)));
            rows.push(row);
        }
        wants.extend(wants_of(connections, ratio.map(|ratio| ratio.median)));
        groups.push((connections.to_string(), vec![store[0], etcd[0]]));
    }
    let head = ["connections", "orders/s", "p50 ms", "p99 ms"];
    let text = format!("{}\n{}\n{}", table(&head, &rows), wanted(&wants), shares_shown(orders));
    let plot = Plot::Bars(Bars {
        title: "Durable orders, more is better",
        x: "connections",
        y: "orders per second",
        kinds: vec!["store", "etcd"],
        groups,
    });
    Shown { text, plots: vec![("orders", plot)] }
}

fn wants_of(connections: usize, [throughput, p50, p99]: [f64; 3]) -> Vec<Want> {
    let times = |ratio: f64| format!("{} times", number(ratio));
    if connections == 1 {
        let what = "at 1 connection, a median not above etcd's".to_owned();
        return vec![(what, times(p50), p50 <= 1.0)];
    }
    let most = format!("at {connections} connections, 3 times etcd's orders per second");
    let soon = format!("at {connections} connections, a p99 below etcd's");
    vec![(most, times(throughput), throughput >= 3.0), (soon, times(p99), p99 < 1.0)]
}

/// What was tried to find out what is best for etcd.
fn shares_shown(orders: &Orders) -> String {
    let row = |tried: &Sharing| {
        let chosen = best(&orders.sharing, tried.connections) == tried.share;
        let chosen = if chosen { "yes" } else { "" };
        let cells = [tried.connections.to_string(), tried.share.to_string()];
        cells.into_iter().chain([number(tried.per_second), chosen.to_owned()]).collect()
    };
    let rows: Vec<_> = orders.sharing.iter().map(row).collect();
    let head = ["etcd's customers", "on each connection", "transactions/s", "taken above"];
    table(&head, &rows)
}
