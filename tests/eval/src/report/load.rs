//! So many requests of each kind.

use anyhow::Result;
use toystore_figures::table::table;

use super::{NOT_MEASURED, Section};
use crate::distance::Distance;
use crate::estimate::Estimate;
use crate::figure::{NONE, or_none};
use crate::latency::{Kind, Latency};
use crate::parts::Record;
use crate::parts::load::Load;

/// Means in seconds that the lab's earlier Python solution reports, of look-ups, purchases and
/// order look-ups, over a wide-area network.
const PYTHON_S: [f64; 3] = [0.072_58, 0.080_21, 0.061_28];

pub(super) fn section(record: Option<&Record<Load>>) -> Result<Section> {
    let mut section = Section::default();
    let Some(Record { data, sizes, .. }) = record else {
        section.say(NOT_MEASURED);
        return Ok(section);
    };
    let mut distances: Vec<Distance> = data.runs.iter().map(|run| run.distance).collect();
    distances.dedup();
    section.say(format!(
        "Each customer sends {} look-ups, then as many purchases, then looks up each of its orders \
         ({} of each where customers are far away), through the cache. Means over the repeats.",
        sizes.load, sizes.far_load
    ));
    let (mut rows, mut csv) = (Vec::new(), Vec::new());
    for distance in &distances {
        for kind in Kind::ALL {
            let of = |figure: fn(&Latency) -> f64| estimate(data, *distance, kind, figure);
            let (mean, rate) = (of(|latency| latency.mean_ms / 1000.0), of(|l| l.per_second));
            let times = [of(|l| l.p50_ms), of(|l| l.p95_ms), of(|l| l.p99_ms)];
            let mean_of = |estimate: &Option<Estimate>| or_none(estimate.map(|e| e.mean));
            let mut row = vec![format!("{}, {}", kind.name(), distance.in_words())];
            row.push(mean.map_or_else(|| NONE.to_owned(), |mean| seconds(&mean)));
            row.extend(times.iter().map(mean_of));
            row.push(mean_of(&rate));
            row.push(mean.map_or(0, |mean| mean.repeats).to_string());
            rows.push(row);
        }
    }
    let head = ["request", "mean s", "p50 ms", "p95 ms", "p99 ms", "requests/s", "repeats"];
    section.say(table(&head, &rows));
    for run in &data.runs {
        for kind in Kind::ALL {
            let Some(l) = run.latencies.of(kind) else { continue };
            let figures = [l.mean_ms, l.p50_ms, l.p95_ms, l.p99_ms, l.per_second];
            let names = [run.distance.to_string(), run.repeat.to_string(), kind.name().to_owned()];
            let row = names.into_iter().chain([l.count.to_string()]);
            csv.push(row.chain(figures.map(|figure| figure.to_string())).collect());
        }
    }
    let head = "distance,repeat,kind,count,mean_ms,p50_ms,p95_ms,p99_ms,per_second";
    section.csv("load", &head.split(',').collect::<Vec<_>>(), &csv)?;
    section.say("Each repeat is in [load.csv](load.csv).");
    section.say_errors(data.runs.iter().map(|run| run.errors).sum());
    beside_python(&mut section, data, &distances);
    Ok(section)
}

fn estimate(
    load: &Load,
    distance: Distance,
    kind: Kind,
    figure: fn(&Latency) -> f64,
) -> Option<Estimate> {
    let runs = load.runs.iter().filter(|run| run.distance == distance);
    let figures = runs.filter_map(|run| Some(figure(&run.latencies.of(kind)?)));
    Estimate::of(&figures.collect::<Vec<_>>())
}

fn seconds(mean: &Estimate) -> String {
    let half = mean.half.map(|half| format!(" ± {half:.5}")).unwrap_or_default();
    format!("{:.5}{half}", mean.mean)
}

fn beside_python(section: &mut Section, load: &Load, distances: &[Distance]) {
    section.say(
        "Beside these, the means that the lab's earlier solution in Python reports. **They do not \
         compare:** they are of another machine and were taken over a wide-area network, whose way \
         there and back (45 to 60 ms in the lab) is most of them; how durable its orders were is \
         another matter too. The lines with a delay before the front end come nearest to its \
         circumstances.",
    );
    let ours = distances.iter().map(|distance| {
        let means = Kind::ALL.map(|kind| {
            let mean = estimate(load, *distance, kind, |latency| latency.mean_ms / 1000.0);
            mean.map_or_else(|| NONE.to_owned(), |mean| format!("{:.5}", mean.mean))
        });
        [format!("this store, {}", distance.in_words())].into_iter().chain(means).collect()
    });
    let python = PYTHON_S.map(|mean| format!("{mean:.5}"));
    let python = ["Python, over a wide-area network".to_owned()].into_iter().chain(python);
    let rows: Vec<_> = ours.chain([python.collect()]).collect();
    let head = ["mean s", "look-up", "buy", "order look-up"];
    section.say(table(&head, &rows));
    for distance in distances.iter().filter(|distance| matches!(distance, Distance::Client(_))) {
        let mean = |kind| estimate(load, *distance, kind, |latency| latency.mean_ms);
        let beyond = Kind::ALL.map(|kind| {
            let beyond = mean(kind).map(|mean| mean.mean - distance.ms());
            format!("{} ms to {}", or_none(beyond), kind.one())
        });
        section.say(format!(
            "Beyond {} ms of delay the store and this machine add {}.",
            distance.ms(),
            beyond.join(", ")
        ));
    }
}
