//! Cached reads stay true: two front ends, one of them stopped while stock changes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use toystore_tests::store::{Plan, Store, front_end, wait_for};

fn stock(store: &Store, number: u8) -> Option<u64> {
    let (status, body) = store.get(number, "/products/Tux").ok()?;
    (status == 200).then(|| body["data"]["quantity"].as_u64().unwrap())
}

fn bought(store: &Store, key: &str) {
    wait_for("an order", || (store.buy(1, key, "Tux").ok()?.0 == 200).then_some(()));
}

#[test]
fn a_front_end_that_wakes_does_not_answer_with_old_stock() {
    let store = Store::start(Plan { front_ends: 2, ..Plan::default() });
    for round in 0..5 {
        // Both caches hold the product.
        let before = stock(&store, 1).unwrap();
        wait_for("a cache hit", || {
            let url = format!("{}/products/Tux", store.url(2));
            let response = store.http().get(url).send().ok()?;
            let status = response.headers().get("cache-status")?.to_str().ok()?.to_owned();
            status.contains("hit").then_some(())
        });
        store.pause(&front_end(2));
        bought(&store, &format!("round-{round}"));
        assert_eq!(stock(&store, 1), Some(before - 1));
        // A request waits in the stopped front end's socket when it wakes.
        let woken = std::thread::scope(|scope| {
            let asked = scope.spawn(|| stock(&store, 2));
            std::thread::sleep(Duration::from_millis(100));
            store.resume(&front_end(2));
            asked.join().unwrap()
        });
        assert_eq!(woken, Some(before - 1), "an old stock was served");
    }
}

#[test]
fn a_front_end_that_gives_the_address_of_another_stays_true() {
    let mut store = Store::prepare(Plan { front_ends: 2, ..Plan::default() });
    for name in store.names() {
        let mut command = store.command(&name);
        if name == front_end(2) {
            // The catalog tells the first front end what the second should forget.
            command.args(["--advertise", &store.address(&front_end(1))]);
        }
        store.adopt(&name, command);
    }
    store.wait_until_ready();
    for round in 0..3 {
        let before = stock(&store, 1).unwrap();
        for number in [1, 2] {
            wait_for("a cache hit", || {
                let url = format!("{}/products/Tux", store.url(number));
                let response = store.http().get(url).send().ok()?;
                let status = response.headers().get("cache-status")?.to_str().ok()?.to_owned();
                status.contains("hit").then_some(())
            });
        }
        bought(&store, &format!("round-{round}"));
        assert_eq!(stock(&store, 2), Some(before - 1), "an old stock was served");
        assert_eq!(stock(&store, 1), Some(before - 1));
    }
    assert!(store.log("catalog").contains("the lease is not held there"));
}

#[test]
fn no_front_end_lags_behind_an_acknowledged_purchase() {
    let store = Store::start(Plan { front_ends: 2, ..Plan::default() });
    let start = stock(&store, 1).unwrap();
    let done = AtomicBool::new(false);
    let looks = std::thread::scope(|scope| {
        // Others look all the time, so that fills race with invalidations.
        let lookers: Vec<_> = [1, 2]
            .map(|number| {
                let (store, done) = (&store, &done);
                scope.spawn(move || {
                    let (mut looks, mut last) = (0_u64, u64::MAX);
                    while !done.load(Ordering::Relaxed) {
                        let now = stock(store, number).unwrap();
                        assert!(now <= last, "stock went up from {last} to {now}");
                        (looks, last) = (looks + 1, now);
                    }
                    looks
                })
            })
            .into();
        for n in 1..=300 {
            bought(&store, &format!("order-{n}"));
            for number in [1, 2] {
                let seen = stock(&store, number).unwrap();
                assert_eq!(seen, start - n, "front end {number} after order {n}");
            }
        }
        done.store(true, Ordering::Relaxed);
        lookers.into_iter().map(|looker| looker.join().unwrap()).sum::<u64>()
    });
    assert!(looks > 300, "hardly anybody looked");
}

#[test]
fn an_order_that_was_acknowledged_is_found_through_every_front_end() {
    let mut store = Store::start(Plan { front_ends: 2, ..Plan::default() });
    for n in 1..=20 {
        let (status, body) = store.buy(1, &format!("key-{n}"), "Whale").unwrap();
        assert_eq!(status, 200, "{body}");
        let number = body["data"]["order_number"].as_u64().unwrap();
        if n % 10 == 0 {
            let leader = toystore_tests::store::order(store.leader());
            store.kill(&leader);
            store.run(&leader);
        }
        for front in [1, 2] {
            let (status, body) = store.get(front, &format!("/orders/{number}")).unwrap();
            assert_eq!(status, 200, "order {number} through front end {front}: {body}");
        }
    }
    assert_eq!(store.get(2, "/orders/21").unwrap().0, 404);
}
