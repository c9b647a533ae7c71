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
        name: "settled",
        about: "an order is settled; a call arrives twice",
        bounds: Bounds { doubled: 1, ticks: 1, ..ONE },
        happens: &[ACKNOWLEDGED],
    },
    Configuration {
        name: "repeated",
        about: "two orders for the last piece, sent again; the product is restocked",
        bounds: Bounds { orders: 2, stock: 1, copies: 2, lost: 1, restocks: 1, ..ONE },
        happens: &[ACKNOWLEDGED, REFUSED],
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
    Configuration {
        name: "two-crashes",
        about: "two crashes, three leaders",
        bounds: Bounds { leaders: 2, crashes: 2, ..ONE },
        happens: &[ACKNOWLEDGED, REPLACED, TRUNCATED, CANCELLED, ALONE],
    },
    Configuration {
        name: "shared",
        about: "two front ends place the same order under one key, with a crash",
        bounds: Bounds { front_ends: 2, shared: true, leaders: 1, crashes: 1, ..ONE },
        happens: &[ACKNOWLEDGED, REPLACED, TRUNCATED, CANCELLED],
    },
    Configuration {
        name: "demanded",
        about: "two replicas must be in sync; a follower leaves and comes back under two leaders",
        bounds: Bounds { leaders: 1, lost: 1, ticks: 1, min_in_sync: 2, ..ONE },
        happens: &[ACKNOWLEDGED, REPLACED, TRUNCATED, CANCELLED, CAME_BACK],
    },
    Configuration {
        name: "scarce",
        about: "two orders for the last piece, with a crash and a lost or late message",
        bounds: Bounds { orders: 2, stock: 1, leaders: 1, crashes: 1, lost: 1, ..ONE },
        happens: &[ACKNOWLEDGED, REPLACED, TRUNCATED, CANCELLED, ALONE, REFUSED],
    },
    Configuration {
        name: "everything",
        about: "a crash, a lost or late message and a tick, under two leaders",
        bounds: Bounds { leaders: 1, crashes: 1, lost: 1, ticks: 1, ..ONE },
        happens: &[ACKNOWLEDGED, REPLACED, TRUNCATED, CANCELLED, CAME_BACK, ALONE, REFUSED],
    },
];

/// The search of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Configuration> {
    ALL.iter().find(|configuration| configuration.name == name)
}
