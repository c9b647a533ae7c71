//! A process dies at each dangerous moment of the protocol, and nothing is lost.
//!
//! Each test starts a store, lets customers order, has one process die at one moment, sees from
//! its log that it died there, and lets the orders flow on; then all come back and are checked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::thread::JoinHandle;

use reqwest::blocking::Response;
use toystore_host::fail_point::FailPoint;
use toystore_tests::load::Load;
use toystore_tests::store::{Plan, Store, front_end, wait_for};

/// Starts a process that shall die at its `time`th such moment.
fn doom(store: &mut Store, name: &str, point: FailPoint, time: u32) {
    let mut command = store.command(name);
    command.arg(format!("--fail-point={}:{time}", point.name()));
    store.adopt(name, command);
}

/// Waits until the process died at that very moment.
fn await_death(store: &mut Store, name: &str, point: FailPoint) {
    wait_for("a process to end", || (!store.runs(name)).then_some(()));
    store.reap(name);
    let log = store.log(name);
    let last = log.lines().last().unwrap_or_default();
    let reached = format!("fail point {} reached", point.name());
    assert!(last.contains(&reached), "{name} died otherwise: {last}");
}

/// A new store with some processes doomed from the start.
fn store_with(plan: Plan, doomed: &[(&str, FailPoint, u32)]) -> Store {
    let mut store = Store::prepare(plan);
    for name in store.names() {
        match doomed.iter().find(|(doomed, ..)| *doomed == name) {
            Some((_, point, time)) => doom(&mut store, &name, *point, *time),
            None => store.run(&name),
        }
    }
    store.wait_until_ready();
    store
}

fn last_order(store: &Store) -> Option<u64> {
    let cluster = store.cluster(1)?;
    cluster["replicas"].as_array()?.iter().filter_map(|r| r["last_order"].as_u64()).max()
}

/// Waits until so many more orders were placed.
fn orders_flow(store: &Store, more: u64) {
    let before = wait_for("a replica that answers", || last_order(store));
    wait_for("orders to flow", || (last_order(store)? >= before + more).then_some(()));
}

fn await_leader(store: &Store, id: u8) {
    wait_for("another leader", || (store.leader() == id).then_some(()));
}

/// Brings a process back and checks everything. No customer saw an error: only replicas died.
fn come_back(mut store: Store, load: Load, dead: &[&str]) {
    orders_flow(&store, 50);
    for name in dead {
        store.run(name);
        store.wait_until_follows(name);
    }
    orders_flow(&store, 50);
    let report = load.finish();
    assert_eq!(report.errors(), 0, "{}", report.summary());
    store.check_at_rest();
}

fn stock(store: &Store, number: u8) -> Option<u64> {
    let (status, body) = store.get(number, "/products/Tux").ok()?;
    (status == 200).then(|| body["data"]["quantity"].as_u64().unwrap())
}

/// Somebody buys one Tux through the first front end, and waits for the answer elsewhere.
fn purchase(store: &Store, key: &str) -> JoinHandle<reqwest::Result<Response>> {
    let purchase = store.http().post(format!("{}/orders", store.url(1)));
    let body = serde_json::json!({"name": "Tux", "quantity": 1});
    let purchase = purchase.header("Idempotency-Key", key).json(&body);
    std::thread::spawn(move || purchase.send())
}

/// The first leader, replica 3, dies; another goes on.
fn the_leader_dies(point: FailPoint, seed: u64) {
    let mut store = store_with(Plan::default(), &[("order-3", point, 20)]);
    let load = Load::start(&store, &[1], 5, seed);
    await_death(&mut store, "order-3", point);
    come_back(store, load, &["order-3"]);
}

#[test]
fn the_leader_dies_with_orders_reserved_and_not_written() {
    the_leader_dies(FailPoint::Reserved, 1);
}

#[test]
fn what_a_dead_leader_reserved_is_given_back_when_nobody_asks_again() {
    let point = FailPoint::Reserved;
    let mut store = store_with(Plan::default(), &[("order-3", point, 1)]);
    let before = wait_for("a stock", || stock(&store, 1));
    // Nobody is left to take the order over while its front end lives.
    store.kill("order-1");
    store.kill("order-2");
    let attempt = purchase(&store, "never-again");
    await_death(&mut store, "order-3", point);
    store.kill(&front_end(1));
    let _ = attempt.join().unwrap();
    for name in ["order-1", "order-2", "order-3", "front-end-1"] {
        store.run(name);
    }
    store.check_at_rest();
    assert_eq!(wait_for("a stock", || stock(&store, 1)), before);
    assert_eq!(last_order(&store), Some(0), "an order that nobody knows of");
}

#[test]
fn the_leader_dies_with_orders_on_its_own_disk_alone() {
    the_leader_dies(FailPoint::SavedNotSent, 2);
}

#[test]
fn the_leader_dies_with_orders_on_other_disks_alone() {
    the_leader_dies(FailPoint::SentNotSaved, 3);
}

#[test]
fn the_leader_dies_with_an_order_committed_and_not_answered() {
    the_leader_dies(FailPoint::Committed, 4);
}

#[test]
fn the_last_replica_dies_with_an_order_committed_and_not_answered() {
    let mut store = store_with(Plan::default(), &[("order-3", FailPoint::Committed, 60)]);
    store.kill("order-1");
    store.kill("order-2");
    let load = Load::start(&store, &[1], 5, 5);
    await_death(&mut store, "order-3", FailPoint::Committed);
    // The catalog was its second disk. Only it may lead.
    store.run("order-1");
    store.run("order-2");
    store.run("order-3");
    store.wait_until_follows("order-1");
    store.wait_until_follows("order-2");
    orders_flow(&store, 50);
    let _ = load.finish();
    store.check_at_rest();
}

#[test]
fn a_follower_dies_with_orders_saved_and_not_acknowledged() {
    let point = FailPoint::EntrySaved;
    let mut store = store_with(Plan::default(), &[("order-2", point, 20)]);
    let load = Load::start(&store, &[1], 5, 6);
    await_death(&mut store, "order-2", point);
    come_back(store, load, &["order-2"]);
}

/// The first leader is gone; replica 2 dies while it takes over from it.
fn the_new_leader_dies(store: &mut Store, point: FailPoint) {
    await_death(store, "order-2", point);
    await_leader(store, 1);
}

#[test]
fn a_new_leader_dies_with_its_promise_synced() {
    let point = FailPoint::Promised;
    let mut store = store_with(Plan::default(), &[("order-2", point, 1)]);
    let load = Load::start(&store, &[1], 5, 7);
    orders_flow(&store, 50);
    store.kill("order-3");
    the_new_leader_dies(&mut store, point);
    come_back(store, load, &["order-2", "order-3"]);
}

#[test]
fn a_new_leader_dies_with_reservations_listed() {
    let point = FailPoint::Listed;
    // The first leader leaves a reservation behind for sure.
    let doomed = [("order-3", FailPoint::Reserved, 20), ("order-2", point, 1)];
    let mut store = store_with(Plan::default(), &doomed);
    let load = Load::start(&store, &[1], 5, 8);
    await_death(&mut store, "order-3", FailPoint::Reserved);
    the_new_leader_dies(&mut store, point);
    come_back(store, load, &["order-2", "order-3"]);
}

#[test]
fn a_new_leader_dies_with_reservations_cancelled() {
    let point = FailPoint::Cancelled;
    let doomed = [("order-3", FailPoint::Reserved, 20), ("order-2", point, 1)];
    let mut store = store_with(Plan::default(), &doomed);
    let load = Load::start(&store, &[1], 5, 9);
    await_death(&mut store, "order-3", FailPoint::Reserved);
    the_new_leader_dies(&mut store, point);
    come_back(store, load, &["order-2", "order-3"]);
}

/// More than one page of orders that replica 1 misses.
fn missed_pages(store: &mut Store, pages: u64) {
    store.kill("order-1");
    let load = Load::start(store, &[1], 60, 10);
    orders_flow(store, pages * 1000 + 200);
    let report = load.finish();
    assert_eq!(report.errors(), 0, "{}", report.summary());
}

#[test]
fn a_replica_dies_in_the_middle_of_catching_up() {
    let point = FailPoint::PageSaved;
    let mut store = Store::start(Plan::default());
    missed_pages(&mut store, 2);
    doom(&mut store, "order-1", point, 2);
    let load = Load::start(&store, &[1], 5, 11);
    await_death(&mut store, "order-1", point);
    come_back(store, load, &["order-1"]);
}

#[test]
fn the_leader_dies_while_another_catches_up_from_it() {
    let point = FailPoint::PageServed;
    let mut store = store_with(Plan::default(), &[("order-3", point, 1)]);
    missed_pages(&mut store, 1);
    let load = Load::start(&store, &[1], 5, 12);
    store.run("order-1");
    await_death(&mut store, "order-3", point);
    await_leader(&store, 2);
    store.wait_until_follows("order-1");
    come_back(store, load, &["order-3"]);
}

#[test]
fn the_leader_dies_when_a_follower_was_removed() {
    let point = FailPoint::MembersChanged;
    let mut store = store_with(Plan::default(), &[("order-3", point, 1)]);
    let load = Load::start(&store, &[1], 5, 13);
    orders_flow(&store, 50);
    store.kill("order-1");
    await_death(&mut store, "order-3", point);
    await_leader(&store, 2);
    come_back(store, load, &["order-1", "order-3"]);
}

#[test]
fn the_leader_dies_when_a_follower_was_admitted() {
    let point = FailPoint::MembersChanged;
    let mut store = store_with(Plan::default(), &[("order-3", point, 2)]);
    let load = Load::start(&store, &[1], 5, 14);
    store.kill("order-1");
    orders_flow(&store, 50);
    store.run("order-1");
    await_death(&mut store, "order-3", point);
    // What it cannot know: the others must go on without it, both.
    orders_flow(&store, 50);
    store.wait_until_follows("order-1");
    come_back(store, load, &["order-3"]);
}

/// A catalog that comes back lets the orders flow again, and nothing is lost.
fn the_catalog_comes_back(mut store: Store, load: Load, dead: &[&str], point: FailPoint) {
    await_death(&mut store, "catalog", point);
    store.run("catalog");
    orders_flow(&store, 50);
    for name in dead {
        store.run(name);
        store.wait_until_follows(name);
    }
    let _ = load.finish();
    store.check_at_rest();
}

#[test]
fn the_catalog_dies_with_the_very_first_leader_saved() {
    let point = FailPoint::LeaderSaved;
    let mut store = Store::prepare(Plan::default());
    for name in store.names() {
        if name == "catalog" { doom(&mut store, &name, point, 1) } else { store.run(&name) }
    }
    await_death(&mut store, "catalog", point);
    store.run("catalog");
    store.wait_until_ready();
    let load = Load::start(&store, &[1], 5, 15);
    orders_flow(&store, 50);
    let _ = load.finish();
    store.check_at_rest();
}

#[test]
fn the_catalog_dies_with_a_new_leader_saved() {
    let point = FailPoint::LeaderSaved;
    let mut store = store_with(Plan::default(), &[("catalog", point, 2)]);
    let load = Load::start(&store, &[1], 5, 16);
    orders_flow(&store, 50);
    store.kill("order-3");
    the_catalog_comes_back(store, load, &["order-3"], point);
}

#[test]
fn the_catalog_dies_with_another_in_sync_set_saved() {
    let point = FailPoint::MembersSaved;
    let mut store = store_with(Plan::default(), &[("catalog", point, 1)]);
    let load = Load::start(&store, &[1], 5, 17);
    orders_flow(&store, 50);
    store.kill("order-1");
    the_catalog_comes_back(store, load, &["order-1"], point);
}

/// The catalog dies in the middle of a change that the caches must hear of. After each purchase
/// every front end knows the stock, to the last toy.
fn the_catalog_dies_around_an_invalidation(point: FailPoint) {
    // Long leases, so that a cache that was told nothing is still allowed to answer.
    let lease = vec!["--lease-ms=1500".to_owned()];
    let plan = Plan { front_ends: 2, catalog: lease, ..Plan::default() };
    let mut store = store_with(plan, &[("catalog", point, 6)]);
    let start = wait_for("a stock", || stock(&store, 1));
    let mut deaths = 0;
    for n in 1..=10 {
        let key = format!("order-{n}");
        let attempt = purchase(&store, &key);
        wait_for("an answer, or the end of the catalog", || {
            (attempt.is_finished() || !store.runs("catalog")).then_some(())
        });
        if !store.runs("catalog") {
            await_death(&mut store, "catalog", point);
            store.run("catalog");
            deaths += 1;
        }
        wait_for("an order", || (store.buy(1, &key, "Tux").ok()?.0 == 200).then_some(()));
        for number in [1, 2] {
            let seen = wait_for("a stock", || stock(&store, number));
            assert_eq!(seen, start - n, "front end {number} after order {n}");
        }
        let _ = attempt.join().unwrap();
    }
    assert_eq!(deaths, 1);
    store.check_at_rest();
}

#[test]
fn the_catalog_dies_with_a_change_saved_and_not_told() {
    the_catalog_dies_around_an_invalidation(FailPoint::SavedNotTold);
}

#[test]
fn the_catalog_dies_with_a_change_told_and_not_saved() {
    the_catalog_dies_around_an_invalidation(FailPoint::ToldNotSaved);
}

#[test]
fn a_front_end_dies_with_a_leader_accepted_and_not_told() {
    let point = FailPoint::LeaderAccepted;
    let mut store = Store::start(Plan { front_ends: 2, ..Plan::default() });
    for name in [front_end(1), front_end(2)] {
        store.kill(&name);
        doom(&mut store, &name, point, 1);
    }
    store.wait_until_ready();
    let load = Load::start(&store, &[1, 2], 5, 18);
    orders_flow(&store, 50);
    store.kill("order-3");
    // Whichever front end proposes first; the other finds a leader that does not know.
    let dead = wait_for("a front end to die", || {
        [1, 2].into_iter().find(|number| !store.runs(&front_end(*number)))
    });
    await_death(&mut store, &front_end(dead), point);
    store.run(&front_end(dead));
    await_leader(&store, 2);
    orders_flow(&store, 50);
    assert!(store.runs(&front_end(3 - dead)), "one proposal was accepted");
    store.run("order-3");
    store.wait_until_follows("order-3");
    let _ = load.finish();
    store.check_at_rest();
}

#[test]
fn every_moment_has_its_test() {
    let tests = include_str!("fail_points.rs");
    for point in FailPoint::ALL {
        assert!(tests.contains(&format!("FailPoint::{point:?}")), "{point:?}");
    }
}

#[test]
fn a_moment_of_another_process_is_refused() {
    let store = Store::prepare(Plan::default());
    for (name, point) in [
        ("catalog", FailPoint::Reserved),
        ("order-1", FailPoint::LeaderAccepted),
        ("front-end-1", FailPoint::LeaderSaved),
    ] {
        let mut command = store.command(name);
        let output = command.args(["--fail-point", point.name()]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("no such moment"), "{said}");
    }
}
