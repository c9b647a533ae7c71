//! Shopping with the cache and without, at several probabilities of a purchase. Two stores run all
//! the time, one with a cache; of each pair of measurements now the one, now the other is first.

use std::time::Instant;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::customers::{Customers, Party};
use crate::distance::Distance;
use crate::estimate::Estimate;
use crate::latency::{Kind, Latencies};
use crate::shop::{Make, Shop, toys};
use crate::sizes::{CLIENTS, Sizes};
use crate::study::{Limit, Study};

/// So many repeats are made however long they take: fewer have no interval.
const FEWEST: usize = 2;

/// Before each visit there is another one, smaller by this factor.
const WARM_UP: usize = 5;

/// What was measured.
#[derive(Debug, Deserialize, Serialize)]
pub struct Sweep {
    /// One after the other.
    pub cells: Vec<Cell>,
}

/// A measurement.
#[derive(Debug, Deserialize, Serialize)]
pub struct Cell {
    /// How far parts are away.
    pub distance: Distance,
    /// How likely a look led to a purchase.
    pub probability: f64,
    /// Whether the front end had a cache.
    pub cached: bool,
    /// From 1.
    pub repeat: usize,
    /// Each kind.
    pub latencies: Latencies,
    /// The part of the look-ups that the cache answered, if there was one.
    pub hit_ratio: Option<f64>,
    /// Errors that customers saw; there should be none.
    pub errors: u64,
}

/// What customers tell of a visit.
struct Visit {
    latencies: Latencies,
    hit_ratio: Option<f64>,
    errors: u64,
}

/// How many steps it takes at each distance.
#[must_use]
pub fn steps(sizes: &Sizes, probabilities: &[f64]) -> usize {
    2 * probabilities.len() * sizes.repeats
}

/// Measures without a distance.
///
/// # Errors
/// A store does not start.
pub fn measure(study: &Study, limit: Limit) -> Result<Sweep> {
    let sizes = &study.sizes;
    let cells = at(study, Distance::None, &sizes.probabilities, sizes.sweep, limit)?;
    Ok(Sweep { cells })
}

/// Measures at each distance.
///
/// # Errors
/// A store does not start.
pub fn measure_far(study: &Study, time: std::time::Duration) -> Result<Sweep> {
    let sizes = &study.sizes;
    let mut cells = Vec::new();
    for distance in sizes.distances.iter().filter(|distance| **distance != Distance::None) {
        let limit = Limit::new(time.div_f64(sizes.distances.len() as f64));
        cells.extend(at(study, *distance, &sizes.far_probabilities, sizes.far_sweep, limit)?);
    }
    Ok(Sweep { cells })
}

fn at(
    study: &Study,
    distance: Distance,
    probabilities: &[f64],
    iterations: usize,
    limit: Limit,
) -> Result<Vec<Cell>> {
    let open = |cached| Shop::open(Make { cached, front_ends: 1, distance });
    let shops = [open(true)?, open(false)?];
    let mut cells = Vec::new();
    for repeat in 1..=study.sizes.repeats {
        let over = repeat > FEWEST && limit.is_over();
        for (index, probability) in probabilities.iter().enumerate() {
            // Both sides of a pair make the same choices.
            let seed =
                study.seed.wrapping_add((repeat * probabilities.len() + index) as u64 * 1000);
            for turn in 0..shops.len() {
                let which = (turn + repeat + index) % shops.len();
                let (Some(shop), cached) = (shops.get(which), which == 0) else { continue };
                let cache = if cached { "on" } else { "off" };
                let place = distance.in_words();
                study.step(&format!("{place}, p {probability}, cache {cache}, repeat {repeat}"));
                if over {
                    continue;
                }
                let Visit { latencies, hit_ratio, errors } =
                    visit(shop, *probability, iterations, seed)?;
                cells.push(Cell {
                    distance,
                    probability: *probability,
                    cached,
                    repeat,
                    latencies,
                    hit_ratio: hit_ratio.filter(|_| cached),
                    errors,
                });
            }
        }
    }
    Ok(cells)
}

fn visit(shop: &Shop, probability: f64, iterations: usize, seed: u64) -> Result<Visit> {
    let urls = shop.urls.clone();
    let party = Party { urls, clients: CLIENTS, probability, toys: toys(), seed };
    // What the visit before left in the cache must not count.
    Customers::new(&Party { seed: !seed, ..party.clone() }, Instant::now())?
        .shop(iterations.div_ceil(WARM_UP));
    let mut customers = Customers::new(&party, Instant::now())?;
    let (hits_before, misses_before) = shop.hits_and_misses()?;
    let shopping = customers.shop(iterations);
    let (hits, misses) = shop.hits_and_misses()?;
    let look_ups = customers.look_orders_up();
    let (hits, all) = (hits - hits_before, hits + misses - hits_before - misses_before);
    let latencies = Latencies::new(|kind| {
        let seconds = if kind == Kind::OrderLookUp { look_ups } else { shopping };
        customers.latency(kind, seconds)
    });
    let hit_ratio = (all > 0).then(|| hits as f64 / all as f64);
    Ok(Visit { latencies, hit_ratio, errors: customers.errors().seen })
}

/// A group of measurements that are compared.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    sweep: &'a Sweep,
    /// At this distance.
    pub distance: Distance,
    /// With this probability.
    pub probability: f64,
}

impl Sweep {
    /// Errors that customers saw.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.cells.iter().map(|cell| cell.errors).sum()
    }

    /// The groups, in the order in which they were measured.
    #[must_use]
    pub fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for Cell { distance, probability, .. } in &self.cells {
            let same = |g: &Group<'_>| g.distance == *distance && g.probability == *probability;
            if !groups.iter().any(same) {
                let (distance, probability) = (*distance, *probability);
                groups.push(Group { sweep: self, distance, probability });
            }
        }
        groups
    }
}

impl Group<'_> {
    /// Those with the cache, or those without, one of each repeat.
    pub fn cells(&self, cached: bool) -> impl Iterator<Item = &Cell> {
        self.sweep.cells.iter().filter(move |cell| {
            cell.distance == self.distance
                && cell.probability == self.probability
                && cell.cached == cached
        })
    }

    fn means(&self, kind: Kind, cached: bool) -> Vec<f64> {
        let means = self.cells(cached).filter_map(|cell| Some(cell.latencies.of(kind)?.mean_ms));
        means.collect()
    }

    /// The mean of the repeats' means.
    #[must_use]
    pub fn mean(&self, kind: Kind, cached: bool) -> Option<Estimate> {
        Estimate::of(&self.means(kind, cached))
    }

    /// By how much the mean is less with the cache; each repeat compared with its own pair.
    #[must_use]
    pub fn benefit(&self, kind: Kind) -> Option<Estimate> {
        let pairs = self.cells(true).filter_map(|cached| {
            let uncached = self.cells(false).find(|cell| cell.repeat == cached.repeat)?;
            let mean = |cell: &Cell| Some(cell.latencies.of(kind)?.mean_ms);
            Some((mean(uncached)?, mean(cached)?))
        });
        Estimate::of_differences(&pairs.collect::<Vec<_>>())
    }

    /// The part of the look-ups that the cache answered.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        let ratios: Vec<_> = self.cells(true).filter_map(|cell| cell.hit_ratio).collect();
        Some(Estimate::of(&ratios)?.mean)
    }
}
