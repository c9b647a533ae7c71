//! The searches, by name: which bounds, and what must happen within them.

use super::bounds::Bounds;
use super::checker::{
    ACKNOWLEDGED, ALONE, CAME_BACK, CANCELLED, NOT_FOUND, REFUSED, REPLACED, TRUNCATED,
};

/// A search.
#[derive(Clone, Copy, Debug)]
pub struct Configuration {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// How far it goes.
    pub bounds: Bounds,
    /// What happens somewhere in it.
    pub happens: &'static [&'static str],
}

const ONE: Bounds = Bounds::SMALLEST;

/// All searches, the small ones first.
pub const ALL: &[Configuration] = &[
    Configuration {
        name: "doubled",
        about: "a leader that is cut off is replaced; a call arrives twice",
        bounds: Bounds { leaders: 1, lost: 1, doubled: 1, ..ONE },
        happens: &[ACKNOWLEDGED, REPLACED, TRUNCATED, CANCELLED],
    },
    Configuration {
        name: "first-start",
        about: "from empty disks to the second leader, with a crash",
        bounds: Bounds { leaders: 2, crashes: 1, fresh: true, ..ONE },
        happens: &[ACKNOWLEDGED, REPLACED, TRUNCATED, CANCELLED],
    },
    Configuration {
        name: "look-up",
        about: "an order is looked up at any replica while a leader is replaced",
        bounds: Bounds { leaders: 1, crashes: 1, looks: 1, ..ONE },
        happens: &[ACKNOWLEDGED, REPLACED, TRUNCATED, CANCELLED, NOT_FOUND],
    },
    Configuration {
        name: "loss",
        about: "a crash and a lost or late message",
        bounds: Bounds { leaders: 1, crashes: 1, lost: 1, ..ONE },
        happens: &[ACKNOWLEDGED, REPLACED, TRUNCATED, CANCELLED, ALONE, REFUSED],
    },
    Configuration {
        name: "removal",
        about: "a follower that seems lost leaves the set and comes back",
        bounds: Bounds { lost: 1, ticks: 1, ..ONE },
        happens: &[ACKNOWLEDGED, CAME_BACK],
    },
    Configuration {
        name: "return",
        about: "a crash, a replica that leaves the set and comes back",
        bounds: Bounds { leaders: 1, crashes: 1, ticks: 1, ..ONE },
        happens: &[ACKNOWLEDGED, REPLACED, TRUNCATED, CANCELLED, CAME_BACK],
    },
];

/// The search of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Configuration> {
    ALL.iter().find(|configuration| configuration.name == name)
}
