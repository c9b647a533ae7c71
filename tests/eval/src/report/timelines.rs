//! What happened when, of the first run of each scenario.

use toystore_figures::plot::{Curve, Curves, Point};

use crate::crashes::scenario::{Harm, Scenario};
use crate::crashes::{PIECE_MS, Run};

fn seconds(piece: usize) -> f64 {
    piece as f64 * PIECE_MS / 1000.0
}

fn marks(scenario: &Scenario, run: &Run) -> Vec<(f64, String)> {
    let (harm, heal) = match scenario.harm {
        Harm::Kill => ("kill", "start"),
        Harm::Pause => ("stop", "go on"),
    };
    let both = run.faults.iter().flat_map(|fault| {
        let who = fault.who.join(" ").replace("order-", "").replace("front-end-1", "front end");
        [(fault.at_ms, format!("{harm} {who}")), (fault.healed_ms, format!("{heal} {who}"))]
    });
    both.map(|(ms, what)| (ms / 1000.0, what)).collect()
}

/// Requests answered.
pub(super) fn completions(scenario: &Scenario, run: &Run) -> Curves {
    let points = run.completions.iter().enumerate().map(|(piece, count)| Point {
        x: seconds(piece) + seconds(1) / 2.0,
        y: *count as f64,
        interval: None,
    });
    Curves {
        title: format!("Requests answered: {}", scenario.title),
        x: "time, s",
        y: "answered in 100 ms",
        curves: vec![Curve {
            name: "all kinds".to_owned(),
            pieces: vec![points.collect()],
            dots: false,
        }],
        marks: marks(scenario, run),
    }
}

/// The last order of each replica; a line breaks off while its replica says nothing.
pub(super) fn lasts(scenario: &Scenario, run: &Run) -> Curves {
    let replicas = run.lasts.first().map_or(0, Vec::len);
    let line = |replica: usize| {
        let said = run.lasts.iter().map(|lasts| lasts.get(replica).copied().flatten());
        let point = |(piece, last): (usize, Option<u64>)| {
            last.map(|last| Point { x: seconds(piece + 1), y: last as f64, interval: None })
        };
        let points: Vec<_> = said.enumerate().map(point).collect();
        let pieces = points.split(Option::is_none).filter(|piece| !piece.is_empty());
        Curve {
            name: format!("order-{}", replica + 1),
            pieces: pieces.map(|piece| piece.iter().flatten().copied().collect()).collect(),
            dots: false,
        }
    };
    Curves {
        title: format!("Last order of each replica: {}", scenario.title),
        x: "time, s",
        y: "last order in the log",
        curves: (0..replicas).map(line).collect(),
        marks: marks(scenario, run),
    }
}

/// Both, as rows: when, how many were answered, the last order of each replica.
pub(super) fn rows(run: &Run) -> Vec<Vec<String>> {
    let pieces = run.completions.len().max(run.lasts.len());
    let row = |piece: usize| {
        let count = run.completions.get(piece).copied().unwrap_or_default();
        let lasts = run.lasts.get(piece).into_iter().flatten();
        let lasts = lasts.map(|last| last.map(|last| last.to_string()).unwrap_or_default());
        let when = (piece as f64 * PIECE_MS).to_string();
        [run.scenario.clone(), when, count.to_string()].into_iter().chain(lasts).collect()
    };
    (0..pieces).map(row).collect()
}
