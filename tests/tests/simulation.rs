//! The protocol under faults, by seed. `TOYSTORE_SEED=N` runs one, `TOYSTORE_SEEDS=N` so many.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

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
        match run(seed) {
            Ok(more) => seen += more,
            Err(what) => panic!("seed {seed}: {what}"),
        }
    }
    println!("{count} seeds: {seen:?}");
    if count >= 100 {
        for (what, count) in seen.all() {
            assert!(count > 0, "never seen: {what}");
        }
    }
}
