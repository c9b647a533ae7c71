//! A disk fills up: orders are refused while there is still room to keep what was promised, and a
//! process that cannot save ends and says so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::thread;

use toystore_tests::small_disk::SmallDisk;
use toystore_tests::store::{Plan, Store, order, wait_for};

/// Who buy side by side.
const CUSTOMERS: u32 = 16;
/// How often each does, one after the other.
const PURCHASES: u32 = 8;

fn store_with_small_disk(name: &str) -> Option<(SmallDisk, Store)> {
    let Some(disk) = SmallDisk::new(64) else {
        println!("SKIPPED: no tmpfs can be mounted here (it needs root)");
        return None;
    };
    let disks = BTreeMap::from([(name.to_owned(), disk.path().to_owned())]);
    let store = Store::start(Plan { disks, ..Plan::default() });
    Some((disk, store))
}

fn order_until(store: &Store, what: &str, mut enough: impl FnMut(u16) -> bool) {
    let mut tries = 0;
    wait_for(what, || {
        tries += 1;
        let (status, body) =
            store.buy(1, &format!("{what}-{tries}").replace(' ', "-"), "Tux").ok()?;
        // 504 is what remains to be said if patience ends while a copy is on its way to the catalog.
        assert!([200, 503, 504].contains(&status), "{status}: {body}");
        enough(status).then_some(())
    });
}

/// Fills databases: they take disk in pieces that hold hundreds of orders, and one customer who waits
/// for each would take longer to fill one than tests wait.
fn buy_much(store: &Store, round: u32) {
    thread::scope(|scope| {
        for customer in 0..CUSTOMERS {
            scope.spawn(move || {
                for purchase in 0..PURCHASES {
                    let key = format!("{round}-{customer}-{purchase}-{}", "filling".repeat(8));
                    let _ = store.buy(1, &key, "Tux");
                }
            });
        }
    });
}

#[test]
fn a_nearly_full_disk_of_the_leader_refuses_orders_until_there_is_room() {
    let Some((disk, store)) = store_with_small_disk("order-3") else { return };
    assert_eq!(store.leader(), 3);
    order_until(&store, "an order", |status| status == 200);
    disk.fill_but(8);
    order_until(&store, "a refusal", |status| status == 503);
    assert!(store.log("order-3").contains("are needed"), "it says what is missing");
    disk.make_room();
    order_until(&store, "an order again", |status| status == 200);
    store.check_at_rest();
}

#[test]
fn a_nearly_full_disk_of_the_catalog_refuses_orders_until_there_is_room() {
    let Some((disk, store)) = store_with_small_disk("catalog") else { return };
    order_until(&store, "an order", |status| status == 200);
    disk.fill_but(8);
    order_until(&store, "a refusal", |status| status == 503);
    let url = format!("http://{}/readyz", store.address("catalog"));
    let ready = || store.http().get(&url).send().unwrap();
    wait_for("a catalog that says why it is not ready", || {
        let answer = ready();
        let status = answer.status();
        let why = answer.text().unwrap();
        (status == 503 && why.contains("disk: it has no room for changes")).then_some(())
    });
    assert_eq!(store.get(1, "/products/Tux").unwrap().0, 200, "looking is still possible");
    assert_eq!(store.cluster(1).unwrap()["epoch"], 1, "another leader would fare no better");
    disk.make_room();
    order_until(&store, "an order again", |status| status == 200);
    wait_for("a catalog that is ready again", || (ready().status() == 200).then_some(()));
    store.check_at_rest();
}

#[test]
fn a_follower_that_cannot_save_ends_says_so_and_comes_back() {
    let Some((disk, mut store)) = store_with_small_disk("order-1") else { return };
    order_until(&store, "an order", |status| status == 200);
    disk.fill_but(0);
    let mut rounds = 0;
    wait_for("the end of the follower", || {
        rounds += 1;
        buy_much(&store, rounds);
        (!store.runs(&order(1))).then_some(())
    });
    let log = store.log("order-1");
    let last = log.lines().last().unwrap_or_default();
    assert!(last.starts_with("toystore-order:") && last.contains("No space"), "{log}");
    order_until(&store, "an order without it", |status| status == 200);
    disk.make_room();
    store.reap(&order(1));
    store.run(&order(1));
    store.wait_until_follows(&order(1));
    store.check_at_rest();
}
