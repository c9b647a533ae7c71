//! So many requests of each kind by five customers, one kind after the other.

use std::time::Instant;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::customers::{Customers, Party};
use crate::distance::Distance;
use crate::latency::{Kind, Latencies};
use crate::shop::{Make, Shop, toys};
use crate::sizes::{CLIENTS, Sizes};
use crate::study::{Limit, Study};

/// What was measured.
#[derive(Debug, Deserialize, Serialize)]
pub struct Load {
    /// One after the other.
    pub runs: Vec<Run>,
}

/// A repeat.
#[derive(Debug, Deserialize, Serialize)]
pub struct Run {
    /// How far customers are away.
    pub distance: Distance,
    /// From 1.
    pub repeat: usize,
    /// Each kind.
    pub latencies: Latencies,
    /// Errors that customers saw; there should be none.
    pub errors: u64,
}

/// Where customers are: here, and where the part about distances has them.
fn distances(sizes: &Sizes) -> Vec<Distance> {
    let far = sizes.distances.iter().filter(|distance| matches!(distance, Distance::Client(_)));
    [Distance::None].into_iter().chain(far.copied()).collect()
}

/// How many steps it takes.
#[must_use]
pub fn steps(sizes: &Sizes) -> usize {
    distances(sizes).len() * sizes.repeats
}

/// Measures.
///
/// # Errors
/// A store does not start.
pub fn measure(study: &Study, limit: Limit) -> Result<Load> {
    let mut runs = Vec::new();
    for distance in distances(&study.sizes) {
        let shop = Shop::open(Make { cached: true, front_ends: 1, distance })?;
        let here = distance == Distance::None;
        let times = if here { study.sizes.load } else { study.sizes.far_load };
        visit(&shop, times.div_ceil(10), study.seed)?;
        for repeat in 1..=study.sizes.repeats {
            study.step(&format!("load, {}, repeat {repeat}", distance.in_words()));
            if repeat > 2 && limit.is_over() {
                continue;
            }
            let seed = study.seed.wrapping_add(repeat as u64 * 1000);
            let (latencies, errors) = visit(&shop, times, seed)?;
            runs.push(Run { distance, repeat, latencies, errors });
        }
    }
    Ok(Load { runs })
}

fn visit(shop: &Shop, times: usize, seed: u64) -> Result<(Latencies, u64)> {
    let urls = shop.urls.clone();
    let party = Party { urls, clients: CLIENTS, probability: 1.0, toys: toys(), seed };
    let mut customers = Customers::new(&party, Instant::now())?;
    let (looks, buys) = (customers.look(times), customers.buy(times));
    let look_ups = customers.look_orders_up();
    let latencies = Latencies::new(|kind| {
        let seconds = match kind {
            Kind::LookUp => looks,
            Kind::Buy => buys,
            Kind::OrderLookUp => look_ups,
        };
        customers.latency(kind, seconds)
    });
    Ok((latencies, customers.errors().seen))
}
