//! Faults in the middle of the shopping, timed by how many orders were placed.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use toystore_tests::store::{Store, order};

use crate::crashes::scenario::{Harm, Scenario, Whom};
use crate::customers::Progress;

/// Between two looks at how far the customers have come.
const LOOK: Duration = Duration::from_millis(2);
/// When the first fault befalls them: this part of the orders is placed.
const FIRST: f64 = 0.2;
/// In this part of the orders all faults befall them; the rest is for coming back.
const SPAN: f64 = 0.6;

/// A fault.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Fault {
    /// The processes.
    pub who: Vec<String>,
    /// Whether one of them led.
    pub hit_the_leader: bool,
    /// When they were killed or stopped, since the start.
    pub at_ms: f64,
    /// When they were started again, or went on.
    pub healed_ms: f64,
    /// Whether customers still shopped then.
    pub in_the_middle: bool,
}

/// What faults need.
pub struct Scene<'a> {
    /// The customers' progress.
    pub progress: &'a Progress,
    /// Orders that will be placed about.
    pub expected: u64,
    /// How long a process stays away at most.
    pub away: Duration,
    /// When the shopping began.
    pub begun: Instant,
}

impl Scene<'_> {
    fn ms(&self) -> f64 {
        self.begun.elapsed().as_secs_f64() * 1000.0
    }

    fn is_over(&self) -> bool {
        self.progress.over.load(Ordering::Relaxed)
    }

    /// Waits until this part of the orders is placed, the shopping is over, or the time is.
    fn wait_for(&self, part: f64, most: Option<Duration>) {
        let (from, wanted) = (Instant::now(), (part * self.expected as f64) as u64);
        let placed = || self.progress.acknowledged.load(Ordering::Relaxed) >= wanted;
        while !placed() && !self.is_over() && most.is_none_or(|most| from.elapsed() < most) {
            thread::sleep(LOOK);
        }
    }

    /// Does to the store what the scenario says.
    pub fn befall(&self, store: &mut Store, what: &Scenario, random: &mut StdRng) -> Vec<Fault> {
        let each = SPAN / what.times.max(1) as f64;
        let mut faults = Vec::new();
        for number in 0..what.times {
            let begin = FIRST + each * number as f64;
            self.wait_for(begin, None);
            if self.is_over() {
                break;
            }
            let leader = order(store.leader());
            let who = chosen(what.whom, &leader, store.plan().replicas, random);
            let at_ms = self.ms();
            who.iter().for_each(|name| match what.harm {
                Harm::Kill => store.kill(name),
                Harm::Pause => store.pause(name),
            });
            self.wait_for(begin + each / 2.0, Some(self.away));
            let (healed_ms, in_the_middle) = (self.ms(), !self.is_over());
            who.iter().for_each(|name| match what.harm {
                Harm::Kill => store.run(name),
                Harm::Pause => store.resume(name),
            });
            let hit_the_leader = who.contains(&leader);
            faults.push(Fault { who, hit_the_leader, at_ms, healed_ms, in_the_middle });
        }
        faults
    }
}

fn chosen(whom: Whom, leader: &str, replicas: u8, random: &mut StdRng) -> Vec<String> {
    let followers: Vec<_> = (1..=replicas).map(order).filter(|name| name != leader).collect();
    let follower = || followers.first().cloned();
    match whom {
        Whom::Leader => vec![leader.to_owned()],
        Whom::Follower => follower().into_iter().collect(),
        Whom::AnyReplica => vec![order(random.random_range(1..=replicas))],
        Whom::LeaderAndFollower => [leader.to_owned()].into_iter().chain(follower()).collect(),
        Whom::Named(name) => vec![name.to_owned()],
    }
}
