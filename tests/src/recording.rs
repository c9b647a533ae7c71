//! Clients that shop at real front ends and write down all they ask and are told, so that
//! [`checks`](crate::checks) can judge it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::checks::{self, Counts, Violation};
use crate::history::{Call, Moment, Placing, Rest, What};
use crate::store::{Store, wait_for};

mod exchange;
mod rest;
mod shopper;

use exchange::Exchange;
use shopper::Shopper;

/// How clients shop.
#[derive(Clone, Debug)]
pub struct Shopping {
    /// How many at once.
    pub clients: u32,
    /// The front ends they go to.
    pub front_ends: Vec<u8>,
    /// Each order is for one up to so many.
    pub most: u64,
    /// Decides what they do, and is part of their keys: no two loads on one store share it.
    pub seed: u64,
}

impl Shopping {
    /// Four clients who buy one piece at a time, at these front ends.
    #[must_use]
    pub fn at(front_ends: &[u8], seed: u64) -> Self {
        Self { clients: 4, front_ends: front_ends.to_vec(), most: 1, seed }
    }
}

/// What the clients share.
#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    start: Instant,
    last_moment: AtomicU64,
    /// Orders acknowledged so far, by front end.
    acknowledged: BTreeMap<u8, AtomicU64>,
    /// The highest number that anybody was told of.
    highest: AtomicU64,
    /// Answers that the contract does not allow.
    strange: Mutex<Vec<String>>,
}

impl Shared {
    /// A moment later than all before: nanoseconds, or one more than the last.
    fn moment(&self) -> Moment {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let next = |last: u64| Some(now.max(last + 1));
        let last = self.last_moment.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
        Moment(now.max(last.unwrap_or(now) + 1))
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Clients at work.
pub struct Recorder {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Vec<Call>>>,
    before: usize,
}

/// What clients saw of a store, and what was left.
#[derive(Clone, Debug)]
pub struct History {
    /// What they saw.
    pub calls: Vec<Call>,
    /// What was left.
    pub rest: Rest,
}

impl Recorder {
    /// Sends clients to a store that is at rest and holds so many orders.
    #[must_use]
    pub fn start(store: &Store, shopping: &Shopping, before: usize) -> Self {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            start: Instant::now(),
            last_moment: AtomicU64::new(0),
            acknowledged: shopping.front_ends.iter().map(|at| (*at, AtomicU64::new(0))).collect(),
            highest: AtomicU64::new(before as u64),
            strange: Mutex::new(Vec::new()),
        });
        let urls: Vec<_> =
            shopping.front_ends.iter().map(|number| (*number, store.url(*number))).collect();
        let exchange = Exchange::new(Arc::clone(&shared), urls);
        let client = |client| {
            let shopper = Shopper::new(exchange.clone(), shopping, client);
            std::thread::spawn(move || shopper.shop())
        };
        Self { clients: (0..shopping.clients).map(client).collect(), shared, before }
    }

    /// Orders acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.values().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Waits until so many more orders are acknowledged.
    pub fn wait_for_orders(&self, more: u64) {
        let enough = self.acknowledged() + more;
        wait_for("orders to flow", || (self.acknowledged() >= enough).then_some(()));
    }

    /// Waits until so many more orders are acknowledged by one front end.
    pub fn wait_for_orders_at(&self, front_end: u8, more: u64) {
        let acknowledged = || self.shared.acknowledged[&front_end].load(Ordering::Relaxed);
        let enough = acknowledged() + more;
        wait_for("orders to flow", || (acknowledged() >= enough).then_some(()));
    }

    /// Sends the clients home.
    #[must_use]
    pub fn stop(self) -> (Vec<Call>, usize) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let clients = self.clients.into_iter();
        let mut calls: Vec<_> =
            clients.flat_map(|client| client.join().expect("a client goes home")).collect();
        let strange = self.shared.strange.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(strange.is_empty(), "answers that the contract does not allow: {strange:?}");
        calls.sort_by_key(|call| call.begun);
        (calls, self.before)
    }

    /// Sends the clients home, waits until the store is at rest, and reads out what is left.
    #[must_use]
    pub fn finish(self, store: &mut Store) -> History {
        let (calls, before) = self.stop();
        store.check_at_rest();
        History { calls, rest: rest::read(store, before) }
    }
}

impl History {
    /// Every check.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn check(&self) -> Result<Counts, Violation> {
        checks::all(&self.calls, &self.rest)
    }

    /// The longest time without an acknowledgement.
    #[must_use]
    pub fn longest_gap(&self) -> Duration {
        let placed = self.calls.iter().filter_map(|call| match call.what {
            What::Place { outcome: Placing::Placed(_), .. } => Some(call.end().0),
            _ => None,
        });
        let mut ends: Vec<_> = placed.collect();
        ends.sort_unstable();
        let gaps = ends.windows(2).map(|pair| pair[1] - pair[0]);
        Duration::from_nanos(gaps.max().unwrap_or(0))
    }

    /// Attempts of which nobody knows what became.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        let unknown =
            |call: &&Call| matches!(call.what, What::Place { outcome: Placing::Unknown, .. });
        self.calls.iter().filter(unknown).count() as u64
    }
}
