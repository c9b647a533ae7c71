//! What all rounds came to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Wrong;
use crate::checks::Counts;
use crate::recording::History;

/// What all rounds came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Rounds.
    pub rounds: u64,
    /// How long they took.
    pub elapsed: Duration,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Damaged databases that were refused.
    pub refused_damage: u64,
    /// Orders acknowledged.
    pub acknowledged: u64,
    /// Acknowledged again under the same key.
    pub repeated: u64,
    /// Attempts refused.
    pub refused: u64,
    /// Attempts with unknown outcome.
    pub unknown: u64,
    /// Orders of which no client was told.
    pub decided_by_log: u64,
    /// Orders found, one by one and on pages.
    pub found: u64,
    /// Orders that were not there yet.
    pub not_yet: u64,
    /// Looks at products.
    pub product_reads: u64,
    /// Products whose versions were matched with their orders.
    pub matched: u64,
    /// The longest time without an acknowledgement.
    pub longest_gap: Duration,
    /// The faults of the last round, in their order.
    pub story: Vec<String>,
    /// What went wrong.
    pub wrong: Vec<Wrong>,
}

impl Tally {
    pub(super) fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    pub(super) fn round(&mut self, counts: &Counts, history: &History) {
        self.acknowledged += counts.once.acknowledged;
        self.repeated += counts.once.repeated;
        self.decided_by_log += counts.once.decided_by_log;
        self.refused += counts.refusals.refused;
        self.unknown += history.unknown();
        self.found += counts.orders.found + counts.orders.listed;
        self.not_yet += counts.orders.not_yet;
        self.product_reads += counts.products.reads;
        self.matched += counts.products.matched;
        self.longest_gap = self.longest_gap.max(history.longest_gap());
    }

    /// Faults of all kinds.
    #[must_use]
    pub fn all_faults(&self) -> u64 {
        self.faults.values().sum()
    }
}

/// The summary, as a table.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |what: &str, value: String| writeln!(f, "{what:<36}{value:>12}");
        let per_round = self.elapsed.as_secs_f64() / (self.rounds.max(1) as f64);
        row("rounds", self.rounds.to_string())?;
        row("seconds per round", format!("{per_round:.2}"))?;
        for (kind, count) in &self.faults {
            row(&format!("  fault: {kind}"), count.to_string())?;
        }
        row("damaged databases refused", self.refused_damage.to_string())?;
        row("orders acknowledged", self.acknowledged.to_string())?;
        row("acknowledged again, same number", self.repeated.to_string())?;
        row("attempts refused", self.refused.to_string())?;
        row("attempts with unknown outcome", self.unknown.to_string())?;
        row("orders no client was told of", self.decided_by_log.to_string())?;
        row("orders found or listed", self.found.to_string())?;
        row("orders proven not to be there yet", self.not_yet.to_string())?;
        row("product reads", self.product_reads.to_string())?;
        row("product histories checked exactly", self.matched.to_string())?;
        row("longest gap between orders, s", format!("{:.2}", self.longest_gap.as_secs_f64()))?;
        row("violations", self.wrong.len().to_string())
    }
}
