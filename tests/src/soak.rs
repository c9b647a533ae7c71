//! Rounds of faults on a running store, each with clients who write down what they see, and every
//! check at its end. One store serves many rounds; now and then there is a new one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::network::NotAllowed;
use scene::Scene;
pub use tally::Tally;

mod faults;
mod scene;
mod tally;

/// A store serves so many rounds: its log is read out after each.
const ROUNDS_OF_A_STORE: u64 = 25;

/// What to do.
#[derive(Clone, Debug)]
pub struct Soak {
    /// So many rounds.
    pub rounds: u64,
    /// Not longer than this.
    pub time: Option<Duration>,
    /// Decides everything that is not up to the machine: the first round has this seed, the
    /// second the next, and so on.
    pub seed: u64,
    /// Goes on after a violation, with a new store.
    pub keep_going: bool,
    /// The network is cut as well: each process has a namespace to itself.
    pub partitions: bool,
    /// So many order replicas; left out: mostly three, sometimes one, two or five.
    pub replicas: Option<u8>,
}

/// A round that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The seed of the round.
    pub seed: u64,
    /// The faults of the round, in their order.
    pub story: Vec<String>,
    /// What was wrong.
    pub what: String,
    /// How to repeat it, as far as that can be.
    pub repeat: String,
}

impl Soak {
    /// Runs the rounds until it is told to stop, and shows what it has so far after each.
    ///
    /// # Errors
    /// The network cannot be made.
    pub fn run(
        &self,
        stop: &AtomicBool,
        mut show: impl FnMut(&Tally),
    ) -> Result<Tally, NotAllowed> {
        let mut tally = Tally::default();
        let begun = Instant::now();
        let mut scene: Option<Scene> = None;
        for round in 0..self.rounds {
            let late = self.time.is_some_and(|time| begun.elapsed() >= time);
            if late || stop.load(Ordering::Relaxed) {
                break;
            }
            let seed = self.seed + round;
            let mut random = StdRng::seed_from_u64(seed);
            if round % ROUNDS_OF_A_STORE == 0 {
                scene = None;
            }
            let replicas = self.replicas.unwrap_or_else(|| any_replicas(&mut random));
            let ready = match scene.take() {
                Some(ready) => ready,
                None => Scene::new(&mut random, replicas, self.partitions)?,
            };
            scene = self.round(ready, seed, &mut random, &mut tally);
            tally.rounds += 1;
            tally.elapsed = begun.elapsed();
            show(&tally);
            if scene.is_none() && !self.keep_going {
                break;
            }
        }
        Ok(tally)
    }

    /// One round; the store is gone when it went wrong.
    fn round(
        &self,
        scene: Scene,
        seed: u64,
        random: &mut StdRng,
        tally: &mut Tally,
    ) -> Option<Scene> {
        let replicas = scene.replicas();
        let played = catch_unwind(AssertUnwindSafe(|| {
            let mut scene = scene;
            scene.round(seed, random, tally);
            scene
        }));
        played
            .map_err(|cause| {
                let text = cause.downcast_ref::<String>().cloned();
                let text = text.or_else(|| cause.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                let partitions = if self.partitions { " --partitions" } else { "" };
                tally.wrong.push(Wrong {
                    seed,
                    story: tally.story.clone(),
                    what: text.unwrap_or_else(|| "a panic without words".to_owned()),
                    repeat: format!(
                        "scripts/soak.sh --rounds 1 --seed {seed} --replicas {replicas}{partitions}"
                    ),
                });
            })
            .ok()
    }
}

fn any_replicas(random: &mut StdRng) -> u8 {
    match random.random_range(0..10) {
        0 => 1,
        1 => 2,
        2 => 5,
        _ => 3,
    }
}
