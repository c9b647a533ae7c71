//! What kind of store a seed makes, and what befalls it. Each seed has its own mixture: where
//! everything goes wrong all the time, nothing gets far enough to be wrong (swarm testing, Groce
//! et al., 2012).

use super::control::Control;
use super::network::Weather;

/// The kind of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Order replicas.
    pub replicas: u8,
    /// Front ends.
    pub front_ends: u8,
    /// Customers.
    pub customers: u64,
    /// Orders are refused while fewer replicas are in sync.
    pub min_in_sync: usize,
    /// Orders that may wait for their turn.
    pub queue: usize,
    /// Whether front ends cache products.
    pub cache: bool,
    /// How long leases run, in milliseconds.
    pub lease_ms: u64,
    /// Stock of each product at the start.
    pub stock: u64,
    /// How long things go wrong, in milliseconds.
    pub faults_ms: u64,
    /// What the network does.
    pub weather: Weather,
    /// What goes wrong, in millionths: of acts, or of every tick of [`TICK_MS`].
    pub rates: Rates,
}

/// Between two looks at what could go wrong, in milliseconds.
pub const TICK_MS: u64 = 10;

/// How likely each fault is, in millionths.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// Of acts: the process dies at it.
    pub deadly: u64,
    /// Of commits and syncs: the disk is stuck.
    pub stuck: u64,
    /// Of a tick: a replica dies.
    pub crash: u64,
    /// Of a tick: the catalog dies.
    pub catalog_crash: u64,
    /// Of a tick: a front end dies.
    pub front_end_crash: u64,
    /// Of a tick: everything dies.
    pub blackout: u64,
    /// Of a tick: a process is stopped for a while.
    pub pause: u64,
    /// Of a tick: a line is cut.
    pub cut: u64,
    /// Of a tick: the network falls into two parts.
    pub partition: u64,
    /// Of calls in the middle of a change of leaders or members: the caller or the called dies.
    pub strike: u64,
    /// Of a tick: a process is cut off.
    pub isolation: u64,
    /// Of a tick: a disk is lost.
    pub wipe: u64,
    /// Of a tick: a disk is full for a while.
    pub full: u64,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn of(control: &Control) -> Self {
        let replicas = [3, 3, 3, 3, 3, 1, 2, 5][control.below(8) as usize];
        let sometimes = |per_million: u64, least: u64, most: u64| {
            if control.chance(per_million) { least + control.below(most - least) } else { 0 }
        };
        let rates = Rates {
            deadly: sometimes(600_000, 200, 4_000),
            stuck: sometimes(300_000, 500, 10_000),
            crash: sometimes(700_000, 1_000, 15_000),
            catalog_crash: sometimes(300_000, 500, 4_000),
            front_end_crash: sometimes(300_000, 500, 4_000),
            blackout: sometimes(100_000, 500, 2_000),
            pause: sometimes(400_000, 1_000, 8_000),
            cut: sometimes(500_000, 1_000, 15_000),
            partition: sometimes(400_000, 500, 6_000),
            strike: sometimes(400_000, 2_000, 60_000),
            isolation: sometimes(300_000, 500, 4_000),
            wipe: sometimes(300_000, 1_000, 10_000),
            full: sometimes(100_000, 500, 3_000),
        };
        let weather = Weather {
            lost: sometimes(400_000, 1_000, 30_000),
            doubled: sometimes(400_000, 1_000, 40_000),
            broken: sometimes(400_000, 1_000, 40_000),
            slow: sometimes(700_000, 5_000, [40_000, 400_000][control.below(2) as usize]),
        };
        Self {
            replicas,
            front_ends: 1 + control.below(3) as u8,
            customers: 2 + control.below(5),
            min_in_sync: if control.chance(200_000) { 2.min(usize::from(replicas)) } else { 1 },
            queue: if control.chance(100_000) { 2 } else { 100 },
            cache: control.chance(800_000),
            lease_ms: [150, 400, 1_000][control.below(3) as usize],
            stock: 3 + control.below(30),
            faults_ms: 2_000 + control.below(5_000),
            weather,
            rates,
        }
    }
}
