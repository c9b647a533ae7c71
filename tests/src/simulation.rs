//! The replication core and the catalog's rules on one thread: only time, network, disks and the
//! other process are simulated. One seed decides everything.
//!
//! A run has a time of faults, then a time of healing. The checks of `checks` run after every
//! step; at the end everything must have come to rest.

pub mod checks;
pub mod disk;
pub mod front_ends;
pub mod world;

use toystore_replication::Replica;

use disk::Disk;
use world::World;

/// A pseudo-random generator: SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit.max(1)
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }
}

/// What happened in a run: a run in which nothing happened proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Orders acknowledged.
    pub acknowledged: u64,
    /// Crashes of replicas.
    pub crashes: u64,
    /// Crashes of the catalog.
    pub catalog_crashes: u64,
    /// Disks lost.
    pub wipes: u64,
    /// Messages lost.
    pub lost: u64,
    /// Messages delivered twice.
    pub doubled: u64,
    /// Leaders chosen.
    pub leaders: u64,
    /// Tails cut off.
    pub truncated: u64,
    /// Reservations cancelled by a leader that took over.
    pub cancelled: u64,
    /// Changes of the in-sync set within an epoch.
    pub membership: u64,
    /// Orders acknowledged while one replica was alone.
    pub alone: u64,
    /// Attempts that were told that nothing was and will be done.
    pub refused: u64,
    /// Orders found.
    pub found: u64,
    /// Orders proven not to exist.
    pub not_found: u64,
    /// Pages of orders.
    pub listed: u64,
    /// Processes stopped for a while.
    pub pauses: u64,
    /// Disks stuck for a while.
    pub stuck_disks: u64,
}

impl std::ops::AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.crashes += other.crashes;
        self.catalog_crashes += other.catalog_crashes;
        self.wipes += other.wipes;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.leaders += other.leaders;
        self.truncated += other.truncated;
        self.cancelled += other.cancelled;
        self.membership += other.membership;
        self.alone += other.alone;
        self.refused += other.refused;
        self.found += other.found;
        self.not_found += other.not_found;
        self.listed += other.listed;
        self.pauses += other.pauses;
        self.stuck_disks += other.stuck_disks;
    }
}

/// Runs one seed.
///
/// # Panics
/// When an invariant does not hold; the message names the seed.
#[must_use]
pub fn run(seed: u64) -> Seen {
    let result = std::panic::catch_unwind(|| {
        let mut world = World::new(seed);
        world.faults(6_000);
        world.heal();
        world.seen
    });
    result.unwrap_or_else(|cause| {
        eprintln!("seed {seed}");
        std::panic::resume_unwind(cause)
    })
}

/// A running replica's core, for the checks.
pub type Core = Replica<Disk>;
