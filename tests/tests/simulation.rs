//! The protocol under faults, by seed. `TOYSTORE_SEED=N` runs one, `TOYSTORE_SEEDS=N` so many.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use toystore_tests::simulation::world::World;
use toystore_tests::simulation::{Seen, run};

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect(name))
}

#[test]
fn no_seed_breaks_an_invariant() {
    let first = variable("TOYSTORE_SEED");
    let count = if first.is_some() { 1 } else { variable("TOYSTORE_SEEDS").unwrap_or(200) };
    let first = first.unwrap_or(1);
    let mut seen = Seen::default();
    for seed in first..first + count {
        seen += run(seed);
    }
    println!("{count} seeds: {seen:?}");
    if count >= 100 {
        let Seen { acknowledged, crashes, wipes, lost, doubled, leaders, .. } = seen;
        for happened in [acknowledged, crashes, wipes, lost, doubled, leaders] {
            assert!(happened > 0, "nothing happened: {seen:?}");
        }
        let Seen { truncated, cancelled, membership, alone, catalog_crashes, .. } = seen;
        for happened in [truncated, cancelled, membership, alone, catalog_crashes] {
            assert!(happened > 0, "nothing happened: {seen:?}");
        }
        let Seen { refused, found, not_found, listed, pauses, stuck_disks, .. } = seen;
        for happened in [refused, found, not_found, listed, pauses, stuck_disks] {
            assert!(happened > 0, "nothing happened: {seen:?}");
        }
    }
}

#[test]
fn a_slow_follower_joins_while_orders_keep_coming() {
    let waits = |seed: &u64| World::new(*seed).joins_under_load() == Some(false);
    assert_eq!((1..=30).filter(waits).collect::<Vec<_>>(), Vec::<u64>::new());
}
