//! A few rounds of what `scripts/soak.sh` does for hours.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::AtomicBool;

use toystore_tests::soak::{Soak, Tally};

fn few(partitions: bool) -> Soak {
    let (rounds, replicas) = (4, Some(3));
    Soak { rounds, time: None, seed: 1, keep_going: false, partitions, replicas }
}

fn sound(tally: &Tally) {
    assert!(tally.wrong.is_empty(), "{:?}", tally.wrong);
    assert_eq!(tally.rounds, 4);
    assert!(tally.all_faults() >= 4 && tally.acknowledged > 80, "{tally}");
    assert!(tally.found > 10 && tally.product_reads > 20, "{tally}");
}

#[test]
fn some_rounds_of_faults_are_sound() {
    sound(&few(false).run(&AtomicBool::new(false), |_| ()).unwrap());
}

#[test]
fn a_store_of_one_replica_comes_through_as_well() {
    sound(&Soak { replicas: Some(1), ..few(false) }.run(&AtomicBool::new(false), |_| ()).unwrap());
}

#[test]
fn some_rounds_with_cuts_are_sound() {
    match few(true).run(&AtomicBool::new(false), |_| ()) {
        Ok(tally) => sound(&tally),
        Err(why) => println!("SKIPPED: {why}"),
    }
}
