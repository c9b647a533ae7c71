//! By how much the cache lowers latency, and whether that is shown at all.

use anyhow::Result;
use toystore_figures::plot::{Curve, Curves, Point};
use toystore_figures::table::table;

use super::cache::{HEAD, means, rows};
use super::{Kept, NOT_MEASURED, Section};
use crate::distance::Distance;
use crate::estimate::{Effect, Estimate};
use crate::figure::{NONE, count, fine, percent};
use crate::latency::Kind;
use crate::parts::sweep::Group;

const HOPS: &str = "\
Delays are put in by a relay that holds every byte back, in each direction by half of the delay; \
opening a connection is not delayed.

- **Before the front end** (`client:MS`): between customers and the front end, the wide-area hop of \
the original lab. Every request crosses it, hit or miss, so the cache cannot save it: it only makes \
what the cache saves a smaller part of the whole.
- **Behind the front end** (`inside:MS`): between the front end and the catalog and the replicas, in \
both directions, the catalog's invalidations included. A hit saves this hop, which is what a cache \
in the front end is for; a purchase pays for it, since it is not acknowledged before the front end \
has forgotten the toy, and often waits behind another call, of which the same holds.";

pub(super) fn section(kept: &Kept) -> Result<Section> {
    let mut section = Section::default();
    let (near, far) = (kept.sweep.as_ref(), kept.distances.as_ref());
    let near_groups = near.map(|record| record.data.groups()).unwrap_or_default();
    let far_groups = far.map(|record| record.data.groups()).unwrap_or_default();
    let groups: Vec<_> = near_groups.iter().chain(&far_groups).copied().collect();
    if groups.is_empty() {
        section.say(NOT_MEASURED);
        return Ok(section);
    }
    section.say(HOPS);
    if let Some(record) = far {
        section.say(format!(
            "At each distance every customer looks at {} toys in each repeat. Mean latency in ms:",
            record.sizes.far_sweep
        ));
        section.say(means(&far_groups));
        section.csv("distances", HEAD, &rows(&record.data))?;
        section.say("Each repeat is in [distances.csv](distances.csv).");
        section.say_errors(record.data.errors());
    }
    section.say(
        "The difference is the mean without the cache less the mean with it, in ms; above 0 the \
         cache is faster.",
    );
    let lines = lines(&groups);
    section.say(table(&LINES, &lines));
    section.csv("benefit", &LINES, &lines)?;
    if !far_groups.is_empty() {
        section.plot("benefit", over_distance(&groups))?;
    }
    section.say("### Question 1: does the cache lower latency?");
    section.say(answer(&groups));
    for (distance, groups) in by_distance(&groups) {
        let sentences = Kind::ALL.iter().filter_map(|kind| sentence(*kind, &groups));
        let sentences = sentences.collect::<Vec<_>>().join("; ");
        section.say(format!("- With {}: {sentences}.", distance.in_words()));
    }
    Ok(section)
}

const LINES: [&str; 7] =
    ["delay", "p", "request", "difference ms", "95 % interval", "percent", "shown"];

fn lines(groups: &[Group<'_>]) -> Vec<Vec<String>> {
    let line = |group: &Group<'_>, kind: Kind| {
        let benefit = group.benefit(kind);
        let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
        let interval = benefit.and_then(|benefit| benefit.interval());
        vec![
            group.distance.in_words(),
            group.probability.to_string(),
            kind.name().to_owned(),
            or_none(benefit.map(|benefit| fine(benefit.mean))),
            or_none(interval.map(|(low, high)| format!("{} … {}", fine(low), fine(high)))),
            or_none(part(group, kind)),
            or_none(benefit.map(|benefit| shown(&benefit).to_owned())),
        ]
    };
    groups.iter().flat_map(|group| Kind::ALL.map(|kind| line(group, kind))).collect()
}

fn shown(benefit: &Estimate) -> &'static str {
    match benefit.effect() {
        Effect::Above => "lower with the cache",
        Effect::Below => "higher with the cache",
        Effect::NotShown => "no difference shown",
    }
}

/// The difference as a part of the mean without the cache.
fn part(group: &Group<'_>, kind: Kind) -> Option<String> {
    let without = group.mean(kind, false)?.mean;
    Some(percent(group.benefit(kind)?.mean / without))
}

fn by_distance<'a>(groups: &[Group<'a>]) -> Vec<(Distance, Vec<Group<'a>>)> {
    let mut sorted: Vec<(Distance, Vec<Group<'a>>)> = Vec::new();
    for group in groups {
        match sorted.iter_mut().find(|(distance, _)| *distance == group.distance) {
            Some((_, others)) => others.push(*group),
            None => sorted.push((group.distance, vec![*group])),
        }
    }
    sorted
}

/// What is shown of one kind of request at one distance; none when there was no such request.
fn sentence(kind: Kind, groups: &[Group<'_>]) -> Option<String> {
    let with = |effect: Effect| {
        groups.iter().filter_map(move |group| {
            let benefit = group.benefit(kind).filter(|benefit| benefit.effect() == effect)?;
            Some((group, benefit))
        })
    };
    let by = |(group, benefit): (&Group<'_>, Estimate)| {
        // What raises is told as a rise.
        let benefit = if benefit.mean < 0.0 { benefit.negated() } else { benefit };
        let (by, part) = (fine(benefit.mean), part(group, kind).unwrap_or_default());
        let part = part.trim_start_matches('-').to_owned();
        format!("at p = {} by {by} ms ({part}; {})", group.probability, benefit.interval_shown())
    };
    let list = |effect| with(effect).map(by).collect::<Vec<_>>().join(", ");
    let unclear = with(Effect::NotShown).map(|(group, _)| format!("p = {}", group.probability));
    let unclear = unclear.collect::<Vec<_>>().join(", ");
    let mut clauses = Vec::new();
    for (verb, list) in [("lowers", list(Effect::Above)), ("raises", list(Effect::Below))] {
        if !list.is_empty() {
            clauses.push(format!("the cache {verb} the mean of {}, {list}", kind.one()));
        }
    }
    if !unclear.is_empty() {
        clauses.push(format!("no difference shown for {} at {unclear}", kind.one()));
    }
    (!clauses.is_empty()).then(|| clauses.join("; "))
}

/// The answer in a few sentences.
fn answer(groups: &[Group<'_>]) -> String {
    let look_ups: Vec<_> =
        groups.iter().filter_map(|group| Some((group, group.benefit(Kind::LookUp)?))).collect();
    let with = |effect| look_ups.iter().filter(|(_, b)| b.effect() == effect).count();
    let (lower, higher, all) = (with(Effect::Above), with(Effect::Below), look_ups.len());
    let mut text = match (lower, higher) {
        (0, 0) => format!("No benefit is shown: in none of {all} comparisons do look-ups differ."),
        (lower, 0) if lower == all => {
            format!(
                "Yes, for look-ups: their mean is lower with the cache in all {all} comparisons."
            )
        }
        (0, _) => {
            format!("No: look-ups are slower with the cache in {higher} of {all} comparisons.")
        }
        _ => format!(
            "In part: in {lower} of {all} comparisons look-ups are faster with the cache, in \
             {higher} slower, in {} no difference is shown.",
            all - lower - higher
        ),
    };
    let most = look_ups.iter().filter(|(_, benefit)| benefit.effect() == Effect::Above);
    if let Some((group, benefit)) = most.max_by(|(_, a), (_, b)| a.mean.total_cmp(&b.mean)) {
        text += &format!(
            " It saves most with {} at p = {}: {} ms of a look-up ({}).",
            group.distance.in_words(),
            group.probability,
            fine(benefit.mean),
            benefit.interval_shown()
        );
    }
    let ratios = groups.iter().filter_map(|group| Some((group.probability, group.hit_ratio()?)));
    let ratios: Vec<_> = ratios.collect();
    let low = ratios.iter().min_by(|(_, a), (_, b)| a.total_cmp(b));
    let high = ratios.iter().max_by(|(_, a), (_, b)| a.total_cmp(b));
    if let (Some((at_low, low)), Some((at_high, high))) = (low, high) {
        text += &format!(
            " It answers from {} (p = {at_low}) to {} (p = {at_high}) of the look-ups: each \
             purchase takes a toy out of it, and the next look-up of that toy is a miss.",
            percent(*low),
            percent(*high)
        );
    }
    let buys = groups.iter().filter_map(|group| group.benefit(Kind::Buy));
    let slower = buys.filter(|benefit| benefit.effect() == Effect::Below).count();
    if slower > 0 {
        text += &format!(
            " Purchases pay for it: they are slower with the cache in {}, for each waits until the \
             front end has forgotten the toy.",
            count(slower as u64, "comparison", "comparisons")
        );
    }
    text
}

fn over_distance(groups: &[Group<'_>]) -> Curves {
    let inside = |group: &&Group<'_>| !matches!(group.distance, Distance::Client(_));
    let mut probabilities: Vec<_> = groups
        .iter()
        .filter(|group| group.distance != Distance::None)
        .map(|group| group.probability)
        .collect();
    probabilities.sort_by(f64::total_cmp);
    probabilities.dedup();
    let curve = |probability: &f64| {
        let same = groups.iter().filter(inside).filter(|g| g.probability == *probability);
        let points = same.filter_map(|group| {
            let benefit = group.benefit(Kind::LookUp)?;
            Some(Point { x: group.distance.ms(), y: benefit.mean, interval: benefit.interval() })
        });
        Curve { name: format!("p = {probability}"), pieces: vec![points.collect()], dots: true }
    };
    Curves {
        title: "What the cache saves of a look-up, with intervals of 95 %".to_owned(),
        x: "delay behind the front end, ms",
        y: "mean without the cache less with it, ms",
        curves: probabilities.iter().map(curve).collect(),
        marks: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::{Latencies, Latency};
    use crate::parts::sweep::{Cell, Sweep};

    /// Three repeats whose look-ups take so long with the cache and without.
    fn sweep(on: [f64; 3], off: [f64; 3]) -> Sweep {
        let cell = |cached, (index, mean): (usize, &f64)| Cell {
            distance: Distance::None,
            probability: 0.2,
            cached,
            repeat: index + 1,
            latencies: Latencies::new(|kind| {
                (kind == Kind::LookUp).then(|| Latency::of(vec![*mean], 1.0)).flatten()
            }),
            hit_ratio: cached.then_some(0.9),
            errors: 0,
        };
        let cells = on.iter().enumerate().map(|item| cell(true, item));
        Sweep { cells: cells.chain(off.iter().enumerate().map(|item| cell(false, item))).collect() }
    }

    #[test]
    fn conclusions_follow_from_the_figures() {
        let faster = sweep([1.0, 1.1, 0.9], [2.0, 2.1, 1.9]);
        let text = sentence(Kind::LookUp, &faster.groups()).unwrap();
        assert!(text.starts_with("the cache lowers the mean of a look-up, at p = 0.2 by 1.00 ms"));
        assert!(text.contains("50.0 %"), "{text}");
        assert!(answer(&faster.groups()).starts_with("Yes, for look-ups"));

        let slower = sweep([2.0, 2.1, 1.9], [1.0, 1.1, 0.9]);
        let text = sentence(Kind::LookUp, &slower.groups()).unwrap();
        assert!(text.starts_with("the cache raises"), "{text}");
        assert!(text.contains("by 1.00 ms (100.0 %") && !text.contains("interval -"), "{text}");
        assert!(answer(&slower.groups()).starts_with("No: look-ups are slower"));

        let unclear = sweep([1.0, 2.0, 3.0], [2.0, 1.0, 3.1]);
        let text = sentence(Kind::LookUp, &unclear.groups());
        assert_eq!(text.as_deref(), Some("no difference shown for a look-up at p = 0.2"));
        assert_eq!(sentence(Kind::Buy, &unclear.groups()), None);
        assert!(answer(&unclear.groups()).starts_with("No benefit is shown"));
    }
}
