//! Real processes die under load and come back: no acknowledged order is lost or changed, no
//! number is given twice, all replicas end with the same log, and the stock equation holds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use toystore_tests::load::Load;
use toystore_tests::store::{Plan, Store, front_end, order, wait_for};

/// Waits until so many more orders were placed.
fn orders_flow(store: &Store, more: u64) {
    let last = || {
        let cluster = store.cluster(1)?;
        cluster["replicas"].as_array()?.iter().filter_map(|r| r["last_order"].as_u64()).max()
    };
    let before = wait_for("a replica that answers", last);
    wait_for("orders to flow", || (last()? >= before + more).then_some(()));
}

#[test]
fn a_follower_dies_and_comes_back() {
    let mut store = Store::start(Plan::default());
    let load = Load::start(&store, &[1], 5, 1);
    orders_flow(&store, 50);
    let follower = order(if store.leader() == 1 { 2 } else { 1 });
    store.kill(&follower);
    orders_flow(&store, 50);
    store.run(&follower);
    store.wait_until_follows(&follower);
    orders_flow(&store, 50);
    let report = load.finish();
    assert_eq!(report.errors(), 0, "{}", report.summary());
    store.check_at_rest();
}

#[test]
fn the_leader_dies_and_comes_back_and_no_client_sees_an_error() {
    let mut store = Store::start(Plan::default());
    let load = Load::start(&store, &[1], 5, 2);
    for _ in 0..3 {
        orders_flow(&store, 50);
        let leader = store.leader();
        store.kill(&order(leader));
        orders_flow(&store, 50);
        assert_ne!(store.leader(), leader, "another replica leads");
        store.run(&order(leader));
        store.wait_until_follows(&order(leader));
    }
    let report = load.finish();
    assert_eq!(report.errors(), 0, "{}", report.summary());
    store.check_at_rest();
}

#[test]
fn one_of_three_replicas_is_enough() {
    let mut store = Store::start(Plan::default());
    let load = Load::start(&store, &[1], 5, 3);
    orders_flow(&store, 50);
    store.kill(&order(3));
    store.kill(&order(2));
    orders_flow(&store, 100);
    assert_eq!(store.leader(), 1);
    store.run(&order(2));
    store.run(&order(3));
    store.wait_until_follows(&order(2));
    store.wait_until_follows(&order(3));
    orders_flow(&store, 50);
    let _ = load.finish();
    store.check_at_rest();
}

#[test]
fn all_replicas_die_and_the_last_in_sync_one_brings_the_store_back() {
    let mut store = Store::start(Plan::default());
    let load = Load::start(&store, &[1], 5, 4);
    orders_flow(&store, 50);
    store.kill(&order(3));
    orders_flow(&store, 50);
    store.kill(&order(1));
    orders_flow(&store, 50);
    store.kill(&order(2));
    // Only replica 2 holds everything: the others must wait for it.
    store.run(&order(3));
    store.run(&order(1));
    wait_for("the store to say whom it waits for", || {
        let (status, body) = store.get(1, "/readyz").ok()?;
        let message = body["error"]["message"].as_str()?.to_owned();
        (status == 503 && message.contains('2')).then_some(())
    });
    store.run(&order(2));
    store.wait_until_ready();
    orders_flow(&store, 50);
    let _ = load.finish();
    store.check_at_rest();
}

#[test]
fn the_catalog_dies_and_comes_back() {
    let mut store = Store::start(Plan::default());
    let load = Load::start(&store, &[1], 5, 5);
    orders_flow(&store, 50);
    store.kill("catalog");
    store.run("catalog");
    orders_flow(&store, 50);
    store.kill("catalog");
    store.kill(&order(3));
    store.run("catalog");
    orders_flow(&store, 50);
    store.run(&order(3));
    let _ = load.finish();
    store.check_at_rest();
}

#[test]
fn a_front_end_dies_and_another_serves() {
    let mut store = Store::start(Plan { front_ends: 2, ..Plan::default() });
    let load = Load::start(&store, &[1, 2], 4, 6);
    orders_flow(&store, 50);
    store.kill(&front_end(2));
    orders_flow(&store, 50);
    store.run(&front_end(2));
    orders_flow(&store, 50);
    let _ = load.finish();
    store.check_at_rest();
}

#[test]
fn everything_dies_at_once() {
    let mut store = Store::start(Plan::default());
    let load = Load::start(&store, &[1], 5, 7);
    orders_flow(&store, 100);
    let names = store.names();
    for name in &names {
        store.kill(name);
    }
    for name in names.iter().rev() {
        store.run(name);
    }
    store.wait_until_ready();
    orders_flow(&store, 50);
    let _ = load.finish();
    store.check_at_rest();
}

#[test]
fn a_paused_leader_is_replaced_and_does_no_harm_when_it_wakes() {
    let store = Store::start(Plan::default());
    let load = Load::start(&store, &[1], 5, 8);
    orders_flow(&store, 50);
    let leader = store.leader();
    store.pause(&order(leader));
    orders_flow(&store, 50);
    assert_ne!(store.leader(), leader, "another replica leads");
    store.resume(&order(leader));
    store.wait_until_follows(&order(leader));
    let report = load.finish();
    assert_eq!(report.errors(), 0, "{}", report.summary());
    store.check_at_rest();
}

#[test]
fn a_wiped_disk_catches_up_under_a_new_identity() {
    let mut store = Store::start(Plan::default());
    let load = Load::start(&store, &[1], 5, 9);
    orders_flow(&store, 50);
    let leader = order(store.leader());
    store.kill(&leader);
    std::fs::remove_dir_all(store.data(&leader)).unwrap();
    store.run(&leader);
    store.wait_until_follows(&leader);
    orders_flow(&store, 50);
    let _ = load.finish();
    store.check_at_rest();
}
