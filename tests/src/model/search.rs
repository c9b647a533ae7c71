//! A search, and what it found.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};
use toystore_mutants::Mutant;

use super::bounds::Bounds;
use super::checker::Store;

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Different states.
    pub states: usize,
    /// Steps taken between them.
    pub steps: usize,
    /// The longest way from the beginning, in states.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// No state within the bounds was left out.
    pub exhausted: bool,
    /// Broken invariants, each with the steps that lead there.
    pub broken: BTreeMap<&'static str, Vec<String>>,
    /// What happened somewhere, after how many steps.
    pub happened: BTreeMap<&'static str, usize>,
}

/// Searches within bounds, with a rule broken or none, for so long at most, on so many threads.
#[must_use]
pub fn search(bounds: Bounds, mutant: Option<Mutant>, threads: usize, limit: Duration) -> Found {
    let begun = Instant::now();
    let checker = Store::new(bounds, mutant).checker().threads(threads).timeout(limit);
    let checker = checker.finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let took = begun.elapsed();
    let (mut broken, mut happened) = (BTreeMap::new(), BTreeMap::new());
    for (name, path) in checker.discoveries() {
        let steps: Vec<_> = path.into_actions().iter().map(ToString::to_string).collect();
        if checker.model().property(name).expectation.discovery_is_failure() {
            broken.insert(name, steps);
        } else {
            happened.insert(name, steps.len());
        }
    }
    // What leads to a discovery was found again in this thread.
    toystore_mutants::activate(None);
    Found {
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        took,
        exhausted: broken.is_empty() && took < limit,
        broken,
        happened,
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, steps, depth, took, .. } = self;
        let covered = if self.exhausted { "exhausted" } else { "NOT exhausted" };
        let took = took.as_secs_f64();
        writeln!(f, "{states} states, {steps} steps, depth {depth}, {took:.1} s: {covered}")?;
        for (name, steps) in &self.happened {
            writeln!(f, "  sometimes after {steps:>2} steps: {name}")?;
        }
        for (name, steps) in &self.broken {
            writeln!(f, "  BROKEN after {} steps: {name}", steps.len())?;
            steps.iter().try_for_each(|step| writeln!(f, "      {step}"))?;
        }
        Ok(())
    }
}
