//! The outcome of a run as JSON, as text, and as an exit code.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use serde::Serialize;
use toystore_domain::{OrderKey, ProductName, Quantity};

use crate::Exit;
use crate::check::{Acknowledged, Findings, Mismatch};
use crate::options::{FrontEnd, Run};
use crate::stats::{Gap, Kinds, Summary};
use crate::table::table;

/// How many wrong orders are listed for people; the JSON has all.
const LISTED: usize = 10;

/// Everything about a run.
#[derive(Debug)]
pub struct Report {
    /// What was asked for.
    pub settings: Settings,
    /// When it started, by the wall clock, to set it beside other programs' logs.
    pub started_unix_ms: f64,
    /// How long the customers shopped.
    pub shopping_ms: f64,
    /// How long they checked.
    pub checking_ms: f64,
    /// Whether a signal ended the shopping.
    pub interrupted: bool,
    /// How many customers left because the store had not answered for too long.
    pub left_early: u64,
    /// The figures.
    pub requests: Requests,
    /// The longest time without an acknowledged order, between the first and the last.
    pub longest_gap: Option<Gap>,
    /// Acknowledged orders, as they came.
    pub orders: Vec<Acknowledged>,
    /// Orders that may or may not have been placed.
    pub unknown: Vec<Unknown>,
    /// What the check brought to light.
    pub findings: Findings,
}

/// What was asked for.
#[derive(Debug, Serialize)]
pub struct Settings {
    clients: u64,
    iterations: u64,
    probability: f64,
    quantity: Quantity,
    seed: u64,
    patience_s: u64,
    front_ends: Vec<FrontEnd>,
    /// What this run's keys begin with.
    run: String,
}

impl Settings {
    /// The settings of a run with this seed and nonce.
    #[must_use]
    pub fn of(options: &Run, seed: u64, nonce: u64) -> Self {
        Self {
            clients: options.clients,
            iterations: options.iterations,
            probability: options.probability,
            quantity: options.quantity,
            seed,
            patience_s: options.patience.as_secs(),
            front_ends: options.reach.front_ends().to_vec(),
            run: format!("{nonce:016x}"),
        }
    }
}

/// The figures of each kind of request.
#[derive(Debug, Serialize)]
pub struct Requests {
    /// `GET /products/NAME`.
    pub look: Summary,
    /// `POST /orders`.
    pub buy: Summary,
    /// `GET /orders/NUMBER`, of the check.
    pub order_look_up: Summary,
}

impl Requests {
    fn each(&self) -> [(&'static str, &Summary); 3] {
        [("look", &self.look), ("buy", &self.buy), ("order look-up", &self.order_look_up)]
    }

    fn sum(&self, figure: fn(&Summary) -> u64) -> u64 {
        self.each().iter().map(|(_, summary)| figure(summary)).sum()
    }

    fn errors_by_kind(&self) -> Kinds {
        let mut sum = Kinds::new();
        for (kind, count) in self.each().iter().flat_map(|(_, summary)| &summary.errors_by_kind) {
            *sum.entry(kind.clone()).or_default() += count;
        }
        sum
    }
}

/// An order that may or may not have been placed.
#[derive(Debug, Serialize)]
pub struct Unknown {
    /// Which customer.
    pub client: u64,
    /// The key it was sent under.
    pub key: OrderKey,
    /// The toy.
    pub name: ProductName,
    /// How many.
    pub quantity: Quantity,
    /// When it was first sent, since the start.
    pub sent_ms: f64,
    /// The last trouble with it.
    pub reason: String,
}

/// The JSON: the report, and what follows from it.
#[derive(Serialize)]
struct Document<'a> {
    verdict: String,
    exit_code: u8,
    settings: &'a Settings,
    started_unix_ms: f64,
    shopping_ms: f64,
    checking_ms: f64,
    interrupted: bool,
    left_early: u64,
    acknowledged: usize,
    sold_out: u64,
    gave_up: u64,
    errors_seen: u64,
    errors_by_kind: Kinds,
    longest_gap: Option<Gap>,
    requests: &'a Requests,
    #[serde(flatten)]
    findings: &'a Findings,
    unknown_outcomes: &'a [Unknown],
    orders: &'a [Acknowledged],
}

impl Report {
    /// The exit code. A run in which nothing of a kind ever succeeded proves nothing, and must
    /// not look like one in which all matched.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let barren = |summary: &Summary| summary.failures > 0 && summary.mean_ms.is_none();
        if self.findings.any_wrong() {
            Exit::Wrong
        } else if !self.findings.unchecked.is_empty()
            || barren(&self.requests.look)
            || barren(&self.requests.buy)
        {
            Exit::Unreachable
        } else {
            Exit::Fine
        }
    }

    /// The outcome in a sentence.
    #[must_use]
    pub fn verdict(&self) -> String {
        let (orders, found) = (self.orders.len(), &self.findings);
        match self.exit() {
            Exit::Fine => format!("All {orders} acknowledged orders match."),
            Exit::Wrong => format!(
                "WRONG: of {orders} acknowledged orders {} lost, {} changed; {} numbers shared.",
                found.lost.len(),
                found.mismatches.len(),
                found.duplicates.len()
            ),
            _ if found.unchecked.is_empty() => "UNPROVEN: no answer to look at.".into(),
            _ => format!(
                "UNPROVEN: {} of {orders} acknowledged orders could not be looked up.",
                found.unchecked.len()
            ),
        }
    }

    /// Writes the JSON.
    pub fn write(&self, file: File) -> io::Result<()> {
        let mut writer = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut writer, &self.as_document())?;
        writer.write_all(b"\n")?;
        writer.flush()
    }

    /// The JSON in a line.
    pub fn document(&self) -> serde_json::Result<String> {
        serde_json::to_string(&self.as_document())
    }

    fn as_document(&self) -> Document<'_> {
        Document {
            verdict: self.verdict(),
            exit_code: self.exit() as u8,
            settings: &self.settings,
            started_unix_ms: self.started_unix_ms,
            shopping_ms: self.shopping_ms,
            checking_ms: self.checking_ms,
            interrupted: self.interrupted,
            left_early: self.left_early,
            acknowledged: self.orders.len(),
            sold_out: self.requests.sum(|summary| summary.sold_out),
            gave_up: self.requests.sum(|summary| summary.gave_up),
            errors_seen: self.requests.sum(|summary| summary.errors_seen),
            errors_by_kind: self.requests.errors_by_kind(),
            longest_gap: self.longest_gap,
            requests: &self.requests,
            findings: &self.findings,
            unknown_outcomes: &self.unknown,
            orders: &self.orders,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { clients, iterations, probability, seed, .. } = &self.settings;
        writeln!(f, "{clients} clients, {iterations} looks each, p {probability}, seed {seed}\n")?;
        let head =
            ["", "requests", "repeats", "failures", "mean ms", "p50 ms", "p99 ms", "requests/s"];
        let rows = self.requests.each().map(|(kind, summary)| row(kind, summary));
        writeln!(f, "{}", table(&head, &rows))?;

        let sum = |figure| self.requests.sum(figure);
        writeln!(
            f,
            "Sold out: {}. Errors seen: {}. Gave up: {}. Outcome unknown: {}.",
            sum(|s| s.sold_out),
            sum(|s| s.errors_seen),
            sum(|s| s.gave_up),
            self.unknown.len()
        )?;
        for (kind, count) in self.requests.errors_by_kind() {
            writeln!(f, "  {kind}: {count}")?;
        }
        if self.left_early > 0 {
            writeln!(f, "{} clients left early, without an answer for too long.", self.left_early)?;
        }
        if let Some(gap) = self.longest_gap {
            writeln!(
                f,
                "Longest gap between two acknowledged orders: {:.1} ms, {:.1} s after the start.",
                gap.ms,
                gap.from_ms / 1000.0
            )?;
        }
        self.list_wrong(f)?;
        write!(f, "{}", self.verdict())
    }
}

impl Report {
    fn list_wrong(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = &self.findings;
        for order in found.lost.iter().take(LISTED) {
            writeln!(
                f,
                "Lost: order {}, {} of {}.",
                order.number,
                order.quantity.get(),
                order.name
            )?;
        }
        for Mismatch { order, found } in found.mismatches.iter().take(LISTED) {
            writeln!(
                f,
                "Changed: order {}, {} of {}, now reads as order {}, {} of {}.",
                order.number,
                order.quantity.get(),
                order.name,
                found.number,
                found.quantity,
                found.name
            )?;
        }
        for duplicate in found.duplicates.iter().take(LISTED) {
            writeln!(f, "Given {} times: order {}.", duplicate.keys.len(), duplicate.number)?;
        }
        for unknown in self.unknown.iter().take(LISTED) {
            writeln!(
                f,
                "Outcome unknown: {} of {}, key {}: {}.",
                unknown.quantity.get(),
                unknown.name,
                unknown.key,
                unknown.reason
            )?;
        }
        Ok(())
    }
}

fn row(kind: &str, summary: &Summary) -> Vec<String> {
    let time = |ms: Option<f64>| ms.map_or_else(|| "-".into(), |ms| format!("{ms:.2}"));
    vec![
        kind.to_owned(),
        summary.requests.to_string(),
        summary.repeats.to_string(),
        summary.failures.to_string(),
        time(summary.mean_ms),
        time(summary.p50_ms),
        time(summary.p99_ms),
        format!("{:.1}", summary.per_second),
    ]
}
