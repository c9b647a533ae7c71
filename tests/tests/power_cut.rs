//! The power goes, everywhere at once: what was acknowledged is on the disks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
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
        // Long keys, so that sled's file grows: what a missing sync loses is its new segments.
        let key = format!("{:x<250}", format!("customer-{me}-{n}-"));
        let product = PRODUCTS[n % PRODUCTS.len()];
        if let Ok((200, body)) = store.buy(1, &key, product) {
            let number = body["data"]["order_number"].as_u64().unwrap();
            acknowledged.lock().unwrap().push((key, number));
        }
    }
}

type Disks = BTreeMap<String, DiskImage>;

/// Each process has a disk of its own: a sync of one must not save another's data.
fn disks() -> Option<Disks> {
    let names = ["catalog".to_owned(), order(1), order(2), order(3)];
    names.into_iter().map(|name| Some((name, DiskImage::new(64)?))).collect()
}

fn plan(disks: &Disks) -> Plan {
    let paths = disks.iter().map(|(name, disk)| (name.clone(), disk.path())).collect();
    Plan { disks: paths, ..Plan::default() }
}

/// The disks as they would be if the power went now, and what was acknowledged before.
fn cut(
    store: &Store,
    disks: &Disks,
    acknowledged: &Mutex<Vec<(String, u64)>>,
    dead: &[u8],
) -> (Disks, Vec<(String, u64)>) {
    let dead: Vec<_> = dead.iter().map(|id| order(*id)).collect();
    let running: Vec<_> = store.names().into_iter().filter(|name| !dead.contains(name)).collect();
    // Nothing runs while the disks are copied, so that the copies are of one moment.
    running.iter().for_each(|name| store.pause(name));
    let before = acknowledged.lock().unwrap().clone();
    let copies = disks.iter().map(|(name, disk)| (name.clone(), disk.after_power_cut())).collect();
    running.iter().for_each(|name| store.resume(name));
    (copies, before)
}

fn cut_the_power(dead: &[u8]) {
    const CUTS: usize = 3;
    let Some(disks) = disks() else {
        println!("SKIPPED: no disk image can be mounted here (it needs root and loop devices)");
        return;
    };
    let mut store = Store::start(plan(&disks));
    for id in dead {
        store.kill(&order(*id));
    }
    let (stop, acknowledged) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let cuts: Vec<_> = std::thread::scope(|scope| {
        for me in 0..12 {
            let (store, stop, acknowledged) = (&store, &stop, &acknowledged);
            scope.spawn(move || place_orders(store, stop, acknowledged, me));
        }
        let cuts = (1..=CUTS).map(|turn| {
            let enough = || (acknowledged.lock().unwrap().len() > 1500 * turn).then_some(());
            wait_for("orders to flow", enough);
            cut(&store, &disks, &acknowledged, dead)
        });
        let cuts = cuts.collect();
        stop.store(true, Ordering::Relaxed);
        cuts
    });
    drop(store);
    drop(disks);
    for (disks, acknowledged) in cuts {
        let store = Store::start(plan(&disks));
        // The latest first: they are the ones that a missing sync would lose.
        for (key, number) in acknowledged.iter().rev().take(150) {
            let (status, body) = store.get(1, &format!("/orders/{number}")).unwrap();
            assert_eq!(status, 200, "order {number} ({key}) is lost: {body}");
            let product = body["data"]["name"].as_str().unwrap().to_owned();
            let (status, body) = store.buy(1, key, &product).unwrap();
            assert_eq!(status, 200, "{body}");
            assert_eq!(body["data"]["order_number"].as_u64(), Some(*number), "{key}");
        }
        store.check_at_rest();
        drop(store);
    }
}

#[test]
fn a_power_cut_loses_nothing() {
    cut_the_power(&[]);
}

#[test]
fn a_power_cut_with_one_replica_alone_loses_nothing() {
    cut_the_power(&[1, 3]);
}
