//! Many seeds, on all cores.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use toystore_mutants::Mutant;

use super::{Seen, run};

/// Which seeds to run.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first.
    pub first: u64,
    /// How many at most; it ends with the first that fails.
    pub seeds: u64,
    /// On how many threads.
    pub threads: usize,
    /// A deliberate fault in the store.
    pub mutant: Option<Mutant>,
}

/// What a campaign found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// How many seeds ran to their end.
    pub ran: u64,
    /// What happened in them.
    pub seen: Seen,
    /// The lowest seed that failed, and what did not hold.
    pub failed: Option<(u64, String)>,
}

impl Found {
    fn add(&mut self, seed: u64, outcome: Result<Seen, String>) {
        self.ran += 1;
        match outcome {
            Ok(seen) => self.seen += seen,
            Err(what) if self.failed.as_ref().is_none_or(|(lowest, _)| seed < *lowest) => {
                self.failed = Some((seed, what));
            }
            Err(_) => {}
        }
    }
}

/// Runs a campaign; `progress` is called after each seed.
pub fn campaign(campaign: Campaign, progress: impl Fn() + Sync) -> Found {
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let found = Mutex::new(Found::default());
    let work = || {
        toystore_mutants::activate(campaign.mutant);
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= campaign.seeds {
                break;
            }
            let seed = campaign.first + index;
            let outcome = run(seed);
            failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
            found.lock().unwrap_or_else(PoisonError::into_inner).add(seed, outcome);
            progress();
        }
        toystore_mutants::activate(None);
    };
    thread::scope(|scope| {
        for _ in 0..campaign.threads {
            scope.spawn(work);
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}
