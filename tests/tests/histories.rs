//! Clients write down all they are told while processes fail; every answer must fit into one
//! history, together with what the store holds in the end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use toystore_tests::checks::Counts;
use toystore_tests::recording::{Recorder, Shopping};
use toystore_tests::store::{Plan, Store, front_end, order};

/// Two front ends, so that one can lag behind the other.
fn plan() -> Plan {
    Plan { front_ends: 2, ..Plan::default() }
}

/// So many orders before a fault, and so many after it, make a run that proves something.
const ENOUGH: u64 = 30;

fn finish(recorder: Recorder, store: &mut Store) -> Counts {
    let history = recorder.finish(store);
    let counts = history.check().unwrap_or_else(|violation| panic!("{violation}"));
    println!("{counts:?}; longest gap {:?}", history.longest_gap());
    assert!(counts.once.acknowledged > 2 * ENOUGH, "{counts:?}");
    assert!(counts.orders.found > 10 && counts.orders.not_yet > 3, "{counts:?}");
    assert!(counts.orders.pages > 5 && counts.products.versions > 20, "{counts:?}");
    counts
}

#[test]
fn a_killed_leader_leaves_one_history() {
    let mut store = Store::start(plan());
    let recorder = Recorder::start(&store, &Shopping::at(&[1, 2], 1), 0);
    for _ in 0..2 {
        recorder.wait_for_orders(ENOUGH);
        let leader = order(store.leader());
        store.kill(&leader);
        recorder.wait_for_orders(ENOUGH);
        store.run(&leader);
        store.wait_until_follows(&leader);
    }
    finish(recorder, &mut store);
}

#[test]
fn a_leader_that_stands_still_and_wakes_leaves_one_history() {
    let mut store = Store::start(plan());
    let recorder = Recorder::start(&store, &Shopping::at(&[1, 2], 2), 0);
    for _ in 0..2 {
        recorder.wait_for_orders(ENOUGH);
        let leader = order(store.leader());
        store.pause(&leader);
        recorder.wait_for_orders(ENOUGH);
        store.resume(&leader);
        store.wait_until_follows(&leader);
    }
    finish(recorder, &mut store);
}

#[test]
fn a_front_end_that_stands_still_while_stock_changes_leaves_one_history() {
    let mut store = Store::start(plan());
    // The others shop at the first front end; a few come to the second one, which sleeps.
    let recorder =
        Recorder::start(&store, &Shopping { clients: 6, ..Shopping::at(&[1, 1, 1, 2], 3) }, 0);
    for _ in 0..3 {
        recorder.wait_for_orders(ENOUGH);
        store.pause(&front_end(2));
        // One purchase waits for the lease to end; whoever asked the second front end waits too.
        recorder.wait_for_orders(2);
        store.resume(&front_end(2));
    }
    recorder.wait_for_orders(ENOUGH);
    let counts = finish(recorder, &mut store);
    assert!(counts.products.matched > 0, "{counts:?}");
}

#[test]
fn a_killed_catalog_leaves_one_history() {
    let mut store = Store::start(plan());
    let recorder = Recorder::start(&store, &Shopping::at(&[1, 2], 4), 0);
    for _ in 0..2 {
        recorder.wait_for_orders(ENOUGH);
        store.kill("catalog");
        store.run("catalog");
        recorder.wait_for_orders(ENOUGH);
    }
    finish(recorder, &mut store);
}

#[test]
fn everything_fails_in_turn_and_leaves_one_history() {
    // Little stock: refusals and restocks are part of the history.
    let restock = vec!["--restock-ms".to_owned(), "100".to_owned()];
    let mut store = Store::start(Plan { stock: 60, catalog: restock, ..plan() });
    let shopping = Shopping { most: 4, ..Shopping::at(&[1, 1, 1, 2], 5) };
    let recorder = Recorder::start(&store, &shopping, 0);
    recorder.wait_for_orders(ENOUGH);
    let leader = order(store.leader());
    store.pause(&leader);
    recorder.wait_for_orders(ENOUGH);
    store.kill("catalog");
    store.resume(&leader);
    store.run("catalog");
    recorder.wait_for_orders(ENOUGH);
    let leader = order(store.leader());
    store.kill(&leader);
    store.pause(&front_end(2));
    recorder.wait_for_orders(2);
    store.run(&leader);
    store.resume(&front_end(2));
    recorder.wait_for_orders(ENOUGH);
    let counts = finish(recorder, &mut store);
    assert!(counts.products.out_of_stock > 0 && counts.stock.restocked > 0, "{counts:?}");
}
