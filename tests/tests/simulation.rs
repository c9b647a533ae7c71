//! The whole store under faults, by seed. `TOYSTORE_SEED=N` runs one, `TOYSTORE_SEEDS=N` so many;
//! `scripts/simulate.sh` runs many more, faster.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use toystore_mutants::Mutant;
use toystore_tests::simulation::campaign::{Campaign, campaign};
use toystore_tests::simulation::{run, seeds};

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect(name))
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[test]
fn no_seed_breaks_an_invariant() {
    let one = variable("TOYSTORE_SEED");
    let count = if one.is_some() { 1 } else { variable("TOYSTORE_SEEDS").unwrap_or(2_000) };
    let first = one.unwrap_or(1);
    let found = campaign(Campaign { first, seeds: count, threads: threads(), mutant: None }, || ());
    assert_eq!(found.failed, None, "scripts/simulate.sh --seed shows what happens");
    println!("{count} seeds: {:?}", found.seen);
    if count >= 1_000 {
        for (what, count) in found.seen.all() {
            assert!(count > 0, "never: {what}");
        }
    }
}

#[test]
fn seeds_that_broke_an_invariant_once_do_not_any_more() {
    for seed in seeds::all().unwrap() {
        run(seed).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
}

#[test]
fn a_seed_decides_everything() {
    for seed in 1..=20 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

/// From here these are seen soon; from the first seed on it takes hundreds.
const RARE: [(Mutant, u64); 3] = [
    (Mutant::SkipNotFoundProof, 1_071),
    (Mutant::ForgetPromise, 229),
    (Mutant::LeaseFromAnswer, 808),
];

#[test]
fn every_broken_rule_is_seen() {
    for mutant in Mutant::ALL {
        let rare = RARE.iter().find(|(rare, _)| rare == mutant);
        let first = rare.map_or(1, |(_, first)| *first);
        let Some(seeds) = mutant.within() else { continue };
        let threads = threads();
        let found = campaign(Campaign { first, seeds, threads, mutant: Some(*mutant) }, || ());
        let name = mutant.name();
        assert!(found.failed.is_some(), "{name} is not seen in {seeds} seeds from {first} on");
        println!("{name}: after {} seeds", found.ran);
    }
}
