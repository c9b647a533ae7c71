//! What an operator does: demand copies, choose uncleanly, stop cleanly.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use toystore_tests::store::{Plan, Store, order, program, wait_for};

#[test]
fn orders_are_refused_while_too_few_replicas_are_in_sync() {
    let options = vec!["--min-in-sync".to_owned(), "2".to_owned()];
    let mut store = Store::start(Plan { order: options, ..Plan::default() });
    assert_eq!(store.buy(1, "a", "Tux").unwrap().0, 200);
    store.kill(&order(1));
    wait_for("an order on two replicas", || {
        (store.buy(1, "b", "Tux").ok()?.0 == 200).then_some(())
    });
    store.kill(&order(2));
    let mut tries = 0;
    wait_for("a refusal", || {
        tries += 1;
        let (status, body) = store.buy(1, &format!("c-{tries}"), "Tux").ok()?;
        assert_ne!(status, 200, "acknowledged on one replica: {body}");
        (status == 503).then_some(())
    });
    store.run(&order(2));
    wait_for("an order on two replicas", || {
        (store.buy(1, "d", "Tux").ok()?.0 == 200).then_some(())
    });
    store.run(&order(1));
    store.check_at_rest();
}

#[test]
fn a_clean_stop_ends_well_and_loses_nothing() {
    let mut store = Store::start(Plan::default());
    assert_eq!(store.buy(1, "a", "Tux").unwrap().0, 200);
    for name in store.names() {
        assert!(store.terminate(&name).success(), "{name}: {}", store.log(&name));
    }
    store.start_all();
    store.wait_until_ready();
    assert_eq!(store.buy(1, "a", "Tux").unwrap().1["data"]["order_number"], 1);
    store.check_at_rest();
}

#[test]
fn orders_of_a_lost_single_survivor_come_back_from_the_catalog() {
    let mut store = Store::start(Plan::default());
    assert_eq!(store.buy(1, "together", "Tux").unwrap().0, 200);
    store.kill(&order(1));
    store.kill(&order(2));
    // Only replica 3 and the catalog hold these.
    for n in 0..5 {
        wait_for("an order on one replica", || {
            (store.buy(1, &format!("alone-{n}"), "Tux").ok()?.0 == 200).then_some(())
        });
    }
    store.kill(&order(3));
    std::fs::remove_dir_all(store.data(&order(3))).unwrap();
    store.run(&order(1));
    store.run(&order(2));
    store.run(&order(3));
    wait_for("the store to wait", || (store.get(1, "/readyz").ok()?.0 == 503).then_some(()));
    let force = |accept: bool| {
        let mut command = Command::new(program("toystore-catalog"));
        command.args(["force-leader", "--replica", "2", "--catalog", &store.address("catalog")]);
        command.arg("--cluster-token").arg(store.token("cluster.token"));
        command.args(accept.then_some("--accept-lost-orders"));
        command.output().unwrap()
    };
    assert!(!force(false).status.success(), "an unclean choice must be accepted");
    let forced = force(true);
    assert!(forced.status.success(), "{}", String::from_utf8_lossy(&forced.stderr));
    store.wait_until_ready();
    for n in 0..5_u64 {
        let (status, body) = store.buy(1, &format!("alone-{n}"), "Tux").unwrap();
        assert_eq!((status, body["data"]["order_number"].as_u64()), (200, Some(n + 2)), "{body}");
    }
    store.check_at_rest();
}

#[test]
fn a_store_of_one_replica_works() {
    let mut store = Store::start(Plan { replicas: 1, ..Plan::default() });
    for n in 0..20 {
        assert_eq!(store.buy(1, &format!("k{n}"), "Tux").unwrap().0, 200);
    }
    store.kill(&order(1));
    store.run(&order(1));
    wait_for("the order again", || {
        let (status, body) = store.buy(1, "k7", "Tux").ok()?;
        (status == 200).then(|| assert_eq!(body["data"]["order_number"], 8))
    });
}
