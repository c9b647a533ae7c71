//! Latency over the probability of a purchase, with the cache and without.

use anyhow::Result;
use toystore_figures::plot::{Curve, Curves, Point};
use toystore_figures::table::table;

use super::{NOT_MEASURED, Section};
use crate::estimate::Estimate;
use crate::figure::{NONE, percent};
use crate::latency::Kind;
use crate::parts::Record;
use crate::parts::sweep::{Group, Sweep};

pub(super) fn section(record: Option<&Record<Sweep>>) -> Result<Section> {
    let mut section = Section::default();
    let Some(Record { data, sizes, .. }) = record else {
        section.say(NOT_MEASURED);
        return Ok(section);
    };
    section.say(format!(
        "Each customer looks at {} toys, one after the other, and with probability p buys what it \
         looked at; then it looks up its orders. A fifth as many looks go before, \
         uncounted. Mean latency in ms, with the cache of the front \
         end on and off. A purchase takes the toy out of the cache.",
        sizes.sweep
    ));
    section.say(means(&data.groups()));
    section.csv("sweep", HEAD, &rows(data))?;
    section.say("Each repeat is in [sweep.csv](sweep.csv).");
    section.say_errors(data.errors());
    for kind in Kind::ALL {
        let name = format!("sweep-{}", kind.name().replace(' ', "-"));
        section.plot(&name, over_probability(&data.groups(), kind))?;
    }
    Ok(section)
}

/// The columns of [`rows`].
pub(super) const HEAD: &[&str] = &[
    "distance",
    "p",
    "cache",
    "repeat",
    "kind",
    "count",
    "mean_ms",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "per_second",
    "hit_ratio",
];

/// Every repeat.
pub(super) fn rows(sweep: &Sweep) -> Vec<Vec<String>> {
    let row = |cell: &crate::parts::sweep::Cell, kind: Kind| {
        let figures = cell.latencies.of(kind);
        let figure = |of: fn(&crate::latency::Latency) -> f64| {
            figures.as_ref().map_or_else(|| NONE.to_owned(), |latency| of(latency).to_string())
        };
        vec![
            cell.distance.to_string(),
            cell.probability.to_string(),
            if cell.cached { "on" } else { "off" }.to_owned(),
            cell.repeat.to_string(),
            kind.name().to_owned(),
            figures.map_or(0, |latency| latency.count).to_string(),
            figure(|latency| latency.mean_ms),
            figure(|latency| latency.p50_ms),
            figure(|latency| latency.p95_ms),
            figure(|latency| latency.p99_ms),
            figure(|latency| latency.per_second),
            cell.hit_ratio.map_or_else(|| NONE.to_owned(), |ratio| ratio.to_string()),
        ]
    };
    sweep.cells.iter().flat_map(|cell| Kind::ALL.map(|kind| row(cell, kind))).collect()
}

/// Means, one line for each probability and cache.
pub(super) fn means(groups: &[Group<'_>]) -> String {
    let row = |group: &Group<'_>, cached: bool| {
        let shown = |estimate: Option<Estimate>| {
            estimate.map_or_else(|| NONE.to_owned(), |estimate| estimate.shown())
        };
        let cache = if cached { "on" } else { "off" };
        let ratio = group.hit_ratio().filter(|_| cached);
        [format!("{}, {}, {cache}", group.distance.in_words(), group.probability)]
            .into_iter()
            .chain(Kind::ALL.map(|kind| shown(group.mean(kind, cached))))
            .chain([ratio.map_or_else(|| NONE.to_owned(), percent)])
            .chain([group.cells(cached).count().to_string()])
            .collect()
    };
    let rows: Vec<_> =
        groups.iter().flat_map(|group| [true, false].map(|cached| row(group, cached))).collect();
    let head = ["delay, p, cache", "look-up", "buy", "order look-up", "hits", "repeats"];
    table(&head, &rows)
}

fn over_probability(groups: &[Group<'_>], kind: Kind) -> Curves {
    let curve = |cached: bool| {
        let point = |group: &Group<'_>| {
            let mean = group.mean(kind, cached)?;
            Some(Point { x: group.probability, y: mean.mean, interval: mean.interval() })
        };
        Curve {
            name: if cached { "cache on" } else { "cache off" }.to_owned(),
            pieces: vec![groups.iter().filter_map(point).collect()],
            dots: true,
        }
    };
    Curves {
        title: format!("Mean latency of {}, with intervals of 95 %", kind.one()),
        x: "p, the probability that a look leads to a purchase",
        y: "mean latency, ms",
        curves: vec![curve(true), curve(false)],
        marks: Vec::new(),
    }
}
