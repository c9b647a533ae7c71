//! What is repeated, for how long, and through which front end. Every request may be repeated:
//! reads change nothing, and an order carries its key.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::de::DeserializeOwned;

use crate::api::{Request, Store, Trouble};
use crate::stats::Tally;

/// Pause before a repeat, in milliseconds; drawn at random so that customers do not come in step.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 50..=150;
/// The same when the store asked for time. It asks in whole seconds, which would hide how soon
/// it is back; a few hundred milliseconds spare it nearly as well.
const LATER_MS: std::ops::RangeInclusive<u64> = 100..=300;
/// A customer without any answer for twice its patience, and at least this long, leaves.
const LEAVES_AFTER: Duration = Duration::from_secs(10);

/// The end of one request, with all its repeats.
#[derive(Debug)]
pub struct Outcome<T> {
    /// The answer, or the last trouble.
    pub answer: Result<T, Trouble>,
    /// Whether some attempt may have placed an order that nobody heard of.
    pub open: bool,
    /// When it was first sent.
    pub sent: Instant,
    /// When it ended.
    pub ended: Instant,
}

/// Someone who asks again.
#[derive(Debug)]
pub struct Customer {
    store: Store,
    patience: Duration,
    // Apart from the generator of the choices, which must not depend on what fails when.
    jitter: StdRng,
    silent_since: Option<Instant>,
}

impl Customer {
    /// A customer of the store who repeats failing requests for this long.
    #[must_use]
    pub fn new(store: Store, patience: Duration, seed: u64) -> Self {
        let jitter = StdRng::seed_from_u64(!seed);
        Self { store, patience, jitter, silent_since: None }
    }

    /// Asks until there is an answer, a refusal that will not change, or no patience left.
    pub async fn ask<T: DeserializeOwned>(
        &mut self,
        request: &Request,
        tally: &mut Tally,
    ) -> Outcome<T> {
        let sent = Instant::now();
        let (mut open, mut attempts, mut unheard) = (false, 0, 0);
        let answer = loop {
            attempts += 1;
            let trouble = match self.store.send(request).await.and_then(|reply| reply.read()) {
                Ok(answer) => break Ok(answer),
                Err(trouble) => trouble,
            };
            open |= trouble.leaves_order_open();
            if !trouble.is_transient() {
                break Err(trouble);
            }
            tally.saw_error(&trouble);
            unheard += usize::from(trouble.is_transport());
            if trouble.is_transport() && unheard < self.store.front_ends() {
                // A front end not heard from in this round is tried at once, patience or not.
                continue;
            }
            unheard = 0;
            self.pause(&trouble).await;
            if sent.elapsed() >= self.patience {
                break Err(trouble);
            }
        };
        let ended = Instant::now();
        let heard = answer.as_ref().err().is_none_or(|trouble| !trouble.is_transient());
        self.silent_since = if heard { None } else { self.silent_since.or(Some(sent)) };
        tally.count(attempts, answer.as_ref().err(), ended - sent);
        Outcome { answer, open, sent, ended }
    }

    /// Whether the store has been silent or refusing for so long that asking on is pointless.
    #[must_use]
    pub fn has_lost_hope(&self) -> bool {
        self.silent_since
            .is_some_and(|since| since.elapsed() >= LEAVES_AFTER.max(self.patience * 2))
    }

    async fn pause(&mut self, trouble: &Trouble) {
        let later = matches!(trouble, Trouble::Refused { later: true, .. });
        let pause = self.jitter.random_range(if later { LATER_MS } else { PAUSE_MS });
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}
