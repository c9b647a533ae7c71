//! The protocol in every order of events, within bounds small enough for every change.
//! The larger searches: `cargo run --release -p toystore-tests --bin model -- --list`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use toystore_mutants::Mutant;
use toystore_tests::model::configurations::find;
use toystore_tests::model::search::search;

/// Far above what it takes: a search that was cut off fails.
const LIMIT: Duration = Duration::from_secs(600);

fn holds(name: &str) {
    let configuration = find(name).unwrap();
    let found = search(configuration.bounds, None, 2, LIMIT);
    println!("{name}: {found}");
    assert!(found.broken.is_empty(), "{name}: {found}");
    assert!(found.exhausted, "{name}: {found}");
    for event in configuration.happens {
        assert!(found.happened.contains_key(event), "{name}: never: {event}");
    }
}

#[test]
fn a_broken_rule_that_chance_hardly_reaches_is_seen() {
    let rare: Vec<_> = Mutant::ALL.iter().filter(|mutant| mutant.within().is_none()).collect();
    assert_eq!(rare, [&Mutant::LeadBeforePromise]);
    let found = search(find("loss").unwrap().bounds, Some(*rare[0]), 2, LIMIT);
    assert!(found.broken.contains_key("I1: what is acknowledged is durable"), "{found}");
}

#[test]
fn the_first_leaders_begin_in_every_order_of_events() {
    holds("first-start");
}

#[test]
fn a_call_that_arrives_twice_changes_nothing() {
    holds("doubled");
}

#[test]
fn a_settled_order_is_not_sold_again() {
    holds("settled");
}

#[test]
fn who_is_refused_is_not_served_by_a_late_copy() {
    holds("repeated");
}

#[test]
fn what_a_look_up_finds_is_true() {
    holds("look-up");
}

#[test]
fn a_follower_that_leaves_the_set_misses_nothing() {
    holds("removal");
}

#[test]
fn no_crash_and_no_lost_message_break_an_invariant() {
    holds("loss");
}
