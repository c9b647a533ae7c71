//! What crashes did, what customers noticed of it, and what was left.

use std::collections::BTreeMap;

use anyhow::Result;

use super::crash_tables::{self, delay, measured};
use super::{Kept, NOT_MEASURED, Section, timelines};
use crate::crashes::scenario::QUIET;
use crate::crashes::watch::EVERY;
use crate::crashes::{Crashes, PROBABILITY, Run};
use crate::estimate::Effect;
use crate::figure::{count, fine};
use crate::sizes::CLIENTS;

/// What the lab's earlier Python solution reports of its crash run: orders lost, of so many.
const PYTHON_LOST: (u64, u64) = (26, 1000);

pub(super) fn section(kept: &Kept) -> Result<Section> {
    let mut section = Section::default();
    let Some(record) = &kept.crashes else {
        section.say(NOT_MEASURED);
        return Ok(section);
    };
    let crashes = &record.data;
    section.say(format!(
        "Each run is a store of its own, in which {CLIENTS} customers each look at {} toys and buy \
         with p = {PROBABILITY}. Faults befall it in the middle, when a set part of the orders is \
         placed; a killed process is started again (a stopped one goes on) when a further part is, \
         or after {} s at most. Every replica is asked every {} ms how it is, so times of recovery \
         are upper bounds: a new leader may have taken orders before it was asked. Then every \
         customer looks up each of its orders, the logs are read out, and `toystore-inspect` \
         compares and verifies everything.",
        crashes.looks,
        fine(record.sizes.away.as_secs_f64()),
        EVERY.as_millis()
    ));
    section.say(
        "What customers noticed. An error is an answer of 429 or 5xx or a broken or refused \
         connection, of all attempts; they repeat the request, and give up after 30 s.",
    );
    section.say(crash_tables::seen(crashes));
    section.say(
        "How the store recovered: from the fault until a new leader was seen; and replicas \
         that came back, from their new start until they had the orders they had missed and were \
         in sync.",
    );
    section.say(crash_tables::recovered(crashes));
    section.say(
        "What was left. Missing are acknowledged orders that are not in the log under their \
         number; duplicates are orders beyond the first under one key.",
    );
    section.say(crash_tables::left(crashes));
    section.csv("crashes", crash_tables::HEAD, &crash_tables::rows(crashes))?;
    section.say("Each run is in [crashes.csv](crashes.csv).");
    warn(&mut section, crashes);
    section
        .say("### Question 2: can clients notice, and do all replicas end with the same database?");
    section.say(noticed(crashes));
    section.say(same(crashes));
    let (lost, of) = PYTHON_LOST;
    section.say(format!(
        "Beside it: the lab's earlier solution in Python reports that {lost} of {of} orders were \
         lost in its crash run (on other machines, with other crashes)."
    ));
    timelines(&mut section, crashes)?;
    Ok(section)
}

fn timelines(section: &mut Section, crashes: &Crashes) -> Result<()> {
    section.say("### Timelines");
    section.say(
        "Of the first run of each scenario; also in [timelines.csv](timelines.csv). A line breaks \
         off while its replica says nothing.",
    );
    let mut rows = Vec::new();
    for scenario in measured(crashes) {
        let Some(run) = crashes.of(scenario.name).next() else { continue };
        let name = scenario.name;
        let (answered, lasts) =
            (timelines::completions(scenario, run), timelines::lasts(scenario, run));
        section.plot(&format!("crash-{name}-completions"), answered)?;
        section.plot(&format!("crash-{name}-orders"), lasts)?;
        rows.extend(timelines::rows(run));
    }
    let head = ["scenario", "from_ms", "answered", "last_1", "last_2", "last_3"];
    section.csv("timelines", &head, &rows)
}

/// What makes a run say less than it should.
fn warn(section: &mut Section, crashes: &Crashes) {
    let faults = || crashes.runs.iter().flat_map(|run| &run.faults);
    let late = faults().filter(|fault| !fault.in_the_middle).count();
    if late > 0 {
        section.say(format!(
            "Of {} faults {late} ended only after the customers had done their shopping.",
            faults().count()
        ));
    }
    let untouched = |run: &&Run| run.scenario != QUIET.name && run.faults.is_empty();
    let untouched = crashes.runs.iter().filter(untouched).count() as u64;
    if untouched > 0 {
        section.say(format!(
            "**In {} the shopping was over before anything befell the store: they show nothing.**",
            count(untouched, "run with a scenario", "runs with a scenario")
        ));
    }
    let unseen: u64 = crashes.runs.iter().map(|run| run.not_seen_back).sum();
    if unseen > 0 {
        section.say(format!(
            "{} of a replica fell together with another fault of it, and is not in the figures.",
            count(unseen, "return", "returns")
        ));
    }
}

/// Whether clients can notice.
fn noticed(crashes: &Crashes) -> String {
    let with_faults = || crashes.with_faults();
    let (runs, free) =
        (with_faults().count(), with_faults().filter(|run| run.errors() == 0).count());
    let gave_up: u64 = with_faults().map(|run| run.gave_up).sum();
    let mut text = format!(
        "**Can clients notice?** In {free} of {runs} runs with crashes no customer saw an error."
    );
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, count) in with_faults().flat_map(|run| &run.errors) {
        *kinds.entry(kind).or_default() += count;
    }
    if !kinds.is_empty() {
        let titles = measured(crashes).into_iter().filter(|scenario| {
            *scenario != &QUIET && crashes.of(scenario.name).any(|run| run.errors() > 0)
        });
        let titles: Vec<_> = titles.map(|scenario| scenario.title).collect();
        let kinds: Vec<_> = kinds.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
        text += &format!(
            " With {} they saw some ({}); {}.",
            titles.join(", with "),
            kinds.join(", "),
            match gave_up {
                0 => "repeating the request helped each time, and nobody gave up".to_owned(),
                _ => format!("**{} were given up**", count(gave_up, "request", "requests")),
            }
        );
    }
    let longest = |of: &dyn Fn(&&Run) -> bool| {
        let gaps = crashes.runs.iter().filter(of).map(|run| run.longest_gap_ms);
        gaps.max_by(f64::total_cmp).unwrap_or_default()
    };
    text += &format!(
        " What they can notice is delay: at most {} ms passed without an acknowledged order, \
         without crashes {} ms.",
        fine(longest(&|run| run.scenario != QUIET.name)),
        fine(longest(&|run| run.scenario == QUIET.name))
    );
    let scenarios = measured(crashes).into_iter().filter(|scenario| *scenario != &QUIET);
    let longer = scenarios.filter_map(|scenario| {
        let delay = delay(crashes, scenario).filter(|delay| delay.effect() == Effect::Above)?;
        Some(format!("{} by {} s ({})", scenario.title, fine(delay.mean), delay.interval_shown()))
    });
    let longer: Vec<_> = longer.collect();
    let compared = crashes.of(QUIET.name).count();
    text += &match &longer[..] {
        [] if compared < 2 => {
            " How much longer the shopping took as a whole one run of each cannot show.".to_owned()
        }
        [] => " That the shopping as a whole took longer is not shown for any crash.".to_owned(),
        longer => format!(" The shopping as a whole took longer with {}.", longer.join("; ")),
    };
    text
}

/// Whether all replicas end with the same database.
fn same(crashes: &Crashes) -> String {
    let runs = crashes.runs.len();
    let equal = crashes.runs.iter().filter(|run| run.verdict.hash.is_some()).count();
    let good = crashes.runs.iter().filter(|run| run.verdict.is_good() && run.wrong == 0).count();
    let sum = |of: fn(&Run) -> u64| crashes.runs.iter().map(of).sum::<u64>();
    let (acknowledged, missing) = (sum(|run| run.acknowledged), sum(|run| run.verdict.missing));
    let duplicates = sum(|run| run.verdict.duplicates);
    let verdict = if equal == runs {
        format!("Yes, in all {runs} runs: their content hashes are equal.")
    } else {
        format!("**No**: in {} of {runs} runs their content hashes differ.", runs - equal)
    };
    let lost = match (missing, duplicates) {
        (0, 0) => format!("all {acknowledged} acknowledged orders are there, each exactly once"),
        _ => format!(
            "**of {acknowledged} acknowledged orders {missing} are missing, and {duplicates} are \
             there more than once**"
        ),
    };
    let rest = if good == runs {
        "the stock equation holds, and every order reads as it was acknowledged.".to_owned()
    } else {
        format!("**in {} of {runs} runs something is wrong; see the table.**", runs - good)
    };
    format!(
        "**Do all replicas end with the same database?** {verdict} Over {runs} runs {lost}; {rest}"
    )
}
