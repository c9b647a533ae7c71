//! What can go wrong in a round.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// A fault. It lasts until the round heals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// SIGKILL of these at once.
    Kill(Vec<String>),
    /// SIGKILL of all.
    KillAll,
    /// SIGSTOP of these at once.
    Pause(Vec<String>),
    /// SIGTERM.
    Stop(String),
    /// A replica's folder is removed while it is down.
    Wipe(String),
    /// Bits of a replica's database are flipped while it is down.
    Flip(String),
    /// A replica's database is cut short while it is down, to so many thousandths.
    Truncate(String, u64),
    /// A process is taken off the network.
    Unplug(String),
    /// Two processes do not reach each other.
    Separate(String, String),
    /// One process does not reach another.
    Silence(String, String),
}

impl Fault {
    /// What it is called in the table.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Kill(names) if names.len() > 1 => "several killed",
            Self::Kill(_) => "killed",
            Self::KillAll => "all killed",
            Self::Pause(names) if names.len() > 1 => "several paused",
            Self::Pause(_) => "paused",
            Self::Stop(_) => "stopped cleanly",
            Self::Wipe(_) => "disk wiped",
            Self::Flip(_) => "bits flipped",
            Self::Truncate(..) => "file cut short",
            Self::Unplug(_) => "off the network",
            Self::Separate(..) => "two cut apart",
            Self::Silence(..) => "cut one way",
        }
    }

    /// One to three faults. One that takes a replica's data comes first if at all: then all others
    /// are known to hold everything, so that nothing is lost that was promised.
    pub fn some(random: &mut StdRng, names: &[String], partitions: bool) -> Vec<Self> {
        let replicas: Vec<_> = names.iter().filter(|name| name.starts_with("order-")).collect();
        let mut faults = Vec::new();
        if replicas.len() > 1 && random.random_bool(0.2) {
            let name = replicas[random.random_range(0..replicas.len())].clone();
            faults.push(match random.random_range(0..3) {
                0 => Self::Wipe(name),
                1 => Self::Flip(name),
                _ => Self::Truncate(name, random.random_range(0..1000)),
            });
        }
        let least = usize::from(faults.is_empty());
        for _ in 0..random.random_range(least..=2) {
            faults.push(Self::one(random, names, partitions));
        }
        faults
    }

    fn one(random: &mut StdRng, names: &[String], partitions: bool) -> Self {
        let mut names = names.to_vec();
        names.shuffle(random);
        let (one, other) = (names[0].clone(), names[1].clone());
        match random.random_range(0..if partitions { 16 } else { 10 }) {
            0..3 => Self::Kill(vec![one]),
            3 => Self::Kill(vec![one, other]),
            4 => Self::KillAll,
            5..7 => Self::Pause(vec![one]),
            7 => Self::Pause(vec![one, other]),
            8 => Self::Stop(one),
            9 => {
                names.truncate(random.random_range(2..names.len()));
                Self::Kill(names)
            }
            10..12 => Self::Unplug(one),
            12..14 => Self::Separate(one, other),
            _ => Self::Silence(one, other),
        }
    }
}
