//! The power goes, everywhere at once: what was acknowledged is on the disks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use toystore_tests::disk_image::DiskImage;
use toystore_tests::store::{PRODUCTS, Plan, Store, order, wait_for};

/// Places orders until told to stop; the keys and numbers that were acknowledged.
fn place_orders(
    store: &Store,
    stop: &AtomicBool,
    acknowledged: &Mutex<Vec<(String, u64)>>,
    me: u8,
) {
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let key = format!("customer-{me}-{n}");
        let product = PRODUCTS[n % PRODUCTS.len()];
        if let Ok((200, body)) = store.buy(1, &key, product) {
            let number = body["data"]["order_number"].as_u64().unwrap();
            acknowledged.lock().unwrap().push((key, number));
        }
    }
}

fn cut_the_power(kill_first: &[u8]) {
    let Some(disk) = DiskImage::new(512) else {
        println!("SKIPPED: no disk image can be mounted here (it needs root and loop devices)");
        return;
    };
    let plan = |disk: &DiskImage| Plan { data: Some(disk.path().join("data")), ..Plan::default() };
    let mut store = Store::start(plan(&disk));
    for id in kill_first {
        store.kill(&order(*id));
    }
    let (stop, acknowledged) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let (copy, acknowledged) = std::thread::scope(|scope| {
        for me in 0..4 {
            let (store, stop, acknowledged) = (&store, &stop, &acknowledged);
            scope.spawn(move || place_orders(store, stop, acknowledged, me));
        }
        wait_for("orders to flow", || (acknowledged.lock().unwrap().len() > 200).then_some(()));
        // Nothing runs while the disk is copied, so that the copy is of one moment.
        let running: Vec<_> = store
            .names()
            .into_iter()
            .filter(|name| !kill_first.iter().any(|id| *name == order(*id)))
            .collect();
        running.iter().for_each(|name| store.pause(name));
        let before: Vec<_> = acknowledged.lock().unwrap().clone();
        let copy = disk.after_power_cut();
        stop.store(true, Ordering::Relaxed);
        running.iter().for_each(|name| store.resume(name));
        (copy, before)
    });
    drop(store);
    let store = Store::start(plan(&copy));
    for (key, number) in &acknowledged {
        let (status, body) = store.get(1, &format!("/orders/{number}")).unwrap();
        assert_eq!(status, 200, "order {number} is lost: {body}");
        let product = body["data"]["name"].as_str().unwrap().to_owned();
        let (status, body) = store.buy(1, key, &product).unwrap();
        assert_eq!(status, 200, "{body}");
        assert_eq!(body["data"]["order_number"].as_u64(), Some(*number), "{key}");
    }
    store.check_at_rest();
    drop(store);
    drop(copy);
}

#[test]
fn a_power_cut_loses_nothing() {
    cut_the_power(&[]);
}

#[test]
fn a_power_cut_with_one_replica_alone_loses_nothing() {
    cut_the_power(&[1, 3]);
}
