//! What crashes did, in tables: one line for each scenario, of all its repeats.

use toystore_figures::table::table;

use crate::crashes::scenario::{self, QUIET, Scenario};
use crate::crashes::{Crashes, Run};
use crate::estimate::Estimate;
use crate::figure::{NONE, fine, or_none};

/// The scenarios that were measured, the one without crashes first.
pub(super) fn measured(crashes: &Crashes) -> Vec<&'static Scenario> {
    let all = [&QUIET].into_iter().chain(scenario::ALL);
    all.filter(|scenario| crashes.of(scenario.name).next().is_some()).collect()
}

/// By how many seconds the shopping took longer than without a crash, each repeat by itself.
pub(super) fn delay(crashes: &Crashes, scenario: &Scenario) -> Option<Estimate> {
    let pairs = crashes.of(scenario.name).filter_map(|run| {
        let quiet = crashes.of(QUIET.name).find(|quiet| quiet.repeat == run.repeat)?;
        Some((run.seconds, quiet.seconds))
    });
    Estimate::of_differences(&pairs.collect::<Vec<_>>())
}

/// What customers noticed.
pub(super) fn seen(crashes: &Crashes) -> String {
    let row = |scenario: &&'static Scenario| {
        let runs = || crashes.of(scenario.name);
        let sum = |of: fn(&Run) -> u64| runs().map(of).sum::<u64>().to_string();
        let seconds = Estimate::of(&runs().map(|run| run.seconds).collect::<Vec<_>>());
        let shown = |estimate: Option<Estimate>| {
            estimate.map_or_else(|| NONE.to_owned(), |estimate| estimate.shown())
        };
        let longer = delay(crashes, scenario).filter(|_| **scenario != QUIET);
        vec![
            scenario.title.to_owned(),
            runs().count().to_string(),
            shown(seconds),
            shown(longer),
            sum(Run::errors),
            sum(|run| run.gave_up),
            or_none(runs().map(|run| run.longest_gap_ms).max_by(f64::total_cmp)),
        ]
    };
    let head = ["", "runs", "total s", "longer by s", "errors seen", "gave up", "longest gap ms"];
    table(&head, &measured(crashes).iter().map(row).collect::<Vec<_>>())
}

/// How the store recovered.
pub(super) fn recovered(crashes: &Crashes) -> String {
    let row = |scenario: &&'static Scenario| {
        let runs = || crashes.of(scenario.name);
        let leaders = || runs().flat_map(|run| run.new_leader_ms.iter().copied());
        let back: Vec<_> = runs().flat_map(|run| run.caught_up.iter().copied()).collect();
        let (missed, ms) = back.iter().fold((0, 0.0), |(m, t), b| (m + b.missed, t + b.ms));
        let count = back.len() as f64;
        let some = |figure: f64| or_none((!back.is_empty()).then_some(figure));
        vec![
            scenario.title.to_owned(),
            leaders().count().to_string(),
            or_none(Estimate::of(&leaders().collect::<Vec<_>>()).map(|mean| mean.mean)),
            or_none(leaders().max_by(f64::total_cmp)),
            back.len().to_string(),
            some(missed as f64 / count),
            some(ms / count),
            some(missed as f64 / ms * 1000.0),
        ]
    };
    let head = [
        "",
        "new leaders",
        "after ms, mean",
        "longest",
        "replicas back",
        "orders missed",
        "in sync after ms",
        "orders/s",
    ];
    let rows = measured(crashes).iter().filter(|s| **s != &QUIET).map(row).collect::<Vec<_>>();
    table(&head, &rows)
}

/// What was left.
pub(super) fn left(crashes: &Crashes) -> String {
    let row = |scenario: &&'static Scenario| {
        let runs = || crashes.of(scenario.name);
        let sum = |of: fn(&Run) -> u64| runs().map(of).sum::<u64>().to_string();
        let all = runs().count();
        let yes = |of: fn(&Run) -> bool| match runs().filter(|run| of(run)).count() {
            count if count == all => "yes".to_owned(),
            count => format!("**{count} of {all}**"),
        };
        vec![
            scenario.title.to_owned(),
            sum(|run| run.acknowledged),
            sum(|run| run.verdict.missing),
            sum(|run| run.verdict.duplicates),
            sum(|run| run.wrong),
            sum(|run| run.open),
            yes(|run| run.verdict.hash.is_some()),
            yes(|run| run.verdict.stock_equation),
            yes(|run| run.verdict.sound),
        ]
    };
    let head = [
        "",
        "acknowledged",
        "missing",
        "duplicates",
        "read wrong",
        "outcome unknown",
        "hashes equal",
        "stock equation",
        "all sound",
    ];
    table(&head, &measured(crashes).iter().map(row).collect::<Vec<_>>())
}

/// Every run.
pub(super) fn rows(crashes: &Crashes) -> Vec<Vec<String>> {
    let row = |run: &Run| {
        let list = |figures: Vec<f64>| figures.into_iter().map(fine).collect::<Vec<_>>().join(" ");
        let kinds = run.errors.iter().map(|(kind, count)| format!("{count}x {kind}"));
        vec![
            run.scenario.clone(),
            run.repeat.to_string(),
            run.seconds.to_string(),
            run.errors().to_string(),
            kinds.collect::<Vec<_>>().join(" "),
            run.gave_up.to_string(),
            run.acknowledged.to_string(),
            run.verdict.missing.to_string(),
            run.verdict.duplicates.to_string(),
            run.wrong.to_string(),
            run.open.to_string(),
            run.longest_gap_ms.to_string(),
            list(run.new_leader_ms.clone()),
            list(run.caught_up.iter().map(|back| back.missed as f64).collect()),
            list(run.caught_up.iter().map(|back| back.ms).collect()),
            run.verdict.orders.to_string(),
            run.verdict.hash.clone().unwrap_or_else(|| "differ".to_owned()),
            run.verdict.stock_equation.to_string(),
        ]
    };
    crashes.runs.iter().map(row).collect()
}

/// The columns of [`rows`].
pub(super) const HEAD: &[&str] = &[
    "scenario",
    "repeat",
    "seconds",
    "errors_seen",
    "errors_by_kind",
    "gave_up",
    "acknowledged",
    "missing",
    "duplicates",
    "read_wrong",
    "outcome_unknown",
    "longest_gap_ms",
    "new_leader_ms",
    "orders_missed",
    "in_sync_after_ms",
    "orders_in_log",
    "content_hash",
    "stock_equation",
];
