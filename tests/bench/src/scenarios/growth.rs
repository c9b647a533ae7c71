//! Whether the store slows down, or takes more memory, with what it holds.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use toystore_client::load::engine::run as load_on;
use toystore_tests::store::{self, Store, front_end, order};

use crate::measure::fill::{fill_all, start, stop};
use crate::measure::load::{
    BUY, FIGURES, Figure, LOOK, Measured, buy, closed, measured, pids, prepared_with_toys, seed,
};
use crate::measure::looking::Looker;
use crate::measure::spread::number;
use crate::measure::table::table;
use crate::measure::usage::resident_bytes;
use crate::plot::{Lines, Plot};
use crate::run::Bench;
use crate::scenarios::Shown;

const CONNECTIONS: usize = 64;
const MIB: f64 = (1 << 20) as f64;

/// What was measured.
#[derive(Deserialize, Serialize)]
pub struct Growth {
    seconds: f64,
    connections: usize,
    /// Purchases, by how many orders there were.
    orders: Vec<Point>,
    /// Look-ups of any product, by how many there were.
    products: Vec<Point>,
}

#[derive(Deserialize, Serialize)]
struct Point {
    size: u64,
    measured: Measured,
    leader: String,
    /// After the load, by process.
    resident_bytes: BTreeMap<String, u64>,
}

/// Measures.
pub fn run(bench: &Bench) -> Result<Growth> {
    let seconds = bench.seconds(10, 2).as_secs_f64();
    let (orders, products) = (with_orders(bench)?, with_products(bench)?);
    Ok(Growth { seconds, connections: CONNECTIONS, orders, products })
}

/// One store, which is stopped and filled up again and again.
fn with_orders(bench: &Bench) -> Result<Vec<Point>> {
    let plan = closed(CONNECTIONS, bench.seconds(3, 1), bench.seconds(10, 2));
    let mut store = Store::start(store::Plan::default());
    store.wait_until_in_sync();
    let replicas: Vec<_> = (1..=store.plan().replicas).collect();
    let mut points = Vec::new();
    for exponent in 3..=bench.sized(7, 5) {
        let size = 10_u64.pow(exponent);
        bench.step(&format!("{size} orders"));
        stop(&mut store);
        fill_all(&store, &replicas, size)?;
        let names = store.names();
        start(&mut store, &names)?;
        let measured = buy(&store, &plan)?;
        points.push(Point::new(size, measured, &store)?);
        store.wait_until_in_sync();
    }
    Ok(points)
}

/// A new store for each number of products.
fn with_products(bench: &Bench) -> Result<Vec<Point>> {
    let plan = closed(CONNECTIONS, bench.seconds(3, 1), bench.seconds(10, 2));
    let mut points = Vec::new();
    for exponent in 1..=bench.sized(6, 4) {
        let size = 10_usize.pow(exponent);
        bench.step(&format!("{size} products"));
        let mut store = prepared_with_toys(store::Plan::default(), size)?;
        let names = store.names();
        start(&mut store, &names)?;
        let address = store.address(&front_end(1));
        let looker = |_| Looker::new(address.clone(), size, seed());
        let measured = measured(&plan, &pids(&store), || load_on(&plan, looker))?;
        points.push(Point::new(size as u64, measured, &store)?);
    }
    Ok(points)
}

impl Point {
    fn new(size: u64, measured: Measured, store: &Store) -> Result<Self> {
        let resident = |(name, pid)| Ok((name, resident_bytes(pid)?));
        let resident_bytes = pids(store).into_iter().map(resident).collect::<Result<_>>()?;
        Ok(Self { size, measured, leader: order(store.leader()), resident_bytes })
    }

    /// MiB of the leader, the catalog and the front end.
    fn memory(&self) -> [f64; 3] {
        [&self.leader, "catalog", &front_end(1)].map(|process| {
            self.resident_bytes.get(process).copied().unwrap_or_default() as f64 / MIB
        })
    }
}

/// Shows.
pub fn show(growth: &Growth) -> Shown {
    let rows = |points: &[Point], kind: &str| -> Vec<Vec<String>> {
        let row = |point: &Point| {
            let figures = FIGURES.map(|figure| number(point.measured.figure(kind, figure)));
            let memory = point.memory().map(number);
            let size = number(point.size as f64).trim_end_matches(".0").to_owned();
            [size].into_iter().chain(figures).chain(memory).collect()
        };
        points.iter().map(row).collect()
    };
    let memory = ["order leader MiB", "catalog MiB", "front end MiB"];
    let head = |first: [&'static str; 4]| [&first[..], &memory].concat();
    let text = format!(
        "{}\n{}",
        table(&head(["orders held", "orders/s", "p50 ms", "p99 ms"]), &rows(&growth.orders, BUY)),
        table(
            &head(["products held", "look-ups/s", "p50 ms", "p99 ms"]),
            &rows(&growth.products, LOOK)
        ),
    );
    let latency = |points: &[Point], kind: &str| {
        let line = |figure: Figure| {
            let at = |point: &Point| (point.size as f64, point.measured.figure(kind, figure));
            points.iter().map(at).collect()
        };
        vec![("p50", line(FIGURES[1])), ("p99", line(FIGURES[2]))]
    };
    let resident_line = |(index, name): (usize, &'static str)| {
        let at = |point: &Point| (point.size as f64, point.memory()[index]);
        (name, growth.orders.iter().map(at).collect())
    };
    let plot = |title, x, y, lines| Plot::Lines(Lines { title, x, y, log_x: true, lines });
    let orders = latency(&growth.orders, BUY);
    let products = latency(&growth.products, LOOK);
    let resident = ["order leader", "catalog", "front end"];
    let resident = resident.into_iter().enumerate().map(resident_line).collect();
    let (orders_held, products_held) = ("orders held (logarithmic)", "products held (logarithmic)");
    let plots = vec![
        ("growth-orders", plot("Time of an order", orders_held, "ms", orders)),
        ("growth-memory", plot("Resident memory", orders_held, "MiB", resident)),
        ("growth-products", plot("Time of a look-up", products_held, "ms", products)),
    ];
    Shown { text, plots }
}
