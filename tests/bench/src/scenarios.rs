//! The questions.

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::plot::Plot;
use crate::run::Bench;

mod catch_up;
mod cost;
mod failover;
mod growth;
mod invalidation;
mod lone;
mod orders;
mod reads;
mod start_up;

/// Something that is measured.
#[derive(Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub question: &'static str,
    /// Whether it cannot be measured without etcd.
    pub wants_etcd: bool,
    /// Measures.
    pub run: fn(&Bench) -> Result<Value>,
    /// Shows what was measured.
    pub show: fn(&Value) -> Result<Shown>,
}

/// A measurement for people.
pub struct Shown {
    /// Markdown.
    pub text: String,
    /// Plots, each with the name of its file without `.svg`.
    pub plots: Vec<(&'static str, Plot)>,
}

/// All questions, in the order of the document.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "orders",
        question: "how many durable orders per second, and how soon, beside etcd?",
        wants_etcd: true,
        run: |bench| kept(orders::run(bench)),
        show: |data| shown(data, orders::show),
    },
    Scenario {
        name: "lone",
        question: "what does a lone order wait for: syncs, or the ways between processes?",
        wants_etcd: true,
        run: |bench| kept(lone::run(bench)),
        show: |data| shown(data, lone::show),
    },
    Scenario {
        name: "reads",
        question: "how fast are cached look-ups, beside a bare web route?",
        wants_etcd: false,
        run: |bench| kept(reads::run(bench)),
        show: |data| shown(data, reads::show),
    },
    Scenario {
        name: "invalidation",
        question: "does the cache pay while purchases invalidate it?",
        wants_etcd: false,
        run: |bench| kept(invalidation::run(bench)),
        show: |data| shown(data, invalidation::show),
    },
    Scenario {
        name: "failover",
        question: "how long is no order taken when the leader dies, beside etcd?",
        wants_etcd: true,
        run: |bench| kept(failover::run(bench)),
        show: |data| shown(data, failover::show),
    },
    Scenario {
        name: "catch_up",
        question: "how fast does a replica catch up, beside sled alone, and who waits for it?",
        wants_etcd: false,
        run: |bench| kept(catch_up::run(bench)),
        show: |data| shown(data, catch_up::show),
    },
    Scenario {
        name: "start_up",
        question: "how soon does a replica with many orders start?",
        wants_etcd: false,
        run: |bench| kept(start_up::run(bench)),
        show: |data| shown(data, start_up::show),
    },
    Scenario {
        name: "growth",
        question: "what slows down or grows with what the store holds?",
        wants_etcd: false,
        run: |bench| kept(growth::run(bench)),
        show: |data| shown(data, growth::show),
    },
    Scenario {
        name: "cost",
        question: "what does an order cost, in processor time, calls, and bytes on disk?",
        wants_etcd: false,
        run: |bench| kept(cost::run(bench)),
        show: |data| shown(data, cost::show),
    },
];

/// The scenario of this name.
pub fn named(name: &str) -> Result<&'static Scenario, String> {
    let names = || ALL.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    let found = ALL.iter().find(|scenario| scenario.name == name);
    found.ok_or_else(|| format!("must be one of: {}", names()))
}

fn kept<T: Serialize>(data: Result<T>) -> Result<Value> {
    Ok(serde_json::to_value(data?)?)
}

fn shown<T: DeserializeOwned>(data: &Value, show: fn(&T) -> Shown) -> Result<Shown> {
    Ok(show(&T::deserialize(data)?))
}
