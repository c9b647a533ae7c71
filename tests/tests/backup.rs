//! A whole store, backed up while customers buy, lost, and restored; and what is left of the old one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use toystore_tests::store::{PRODUCTS, Plan, Store, order, wait_for};

/// An order that a customer was told: key, product, number.
type Told = (String, &'static str, u64);

/// Little stock and quick restocks, so that the ledger has rows too.
fn plan() -> Plan {
    let catalog = vec!["--restock-ms".to_owned(), "200".to_owned()];
    Plan { stock: 30, catalog, ..Plan::default() }
}

/// Buys with keys of its own until it is told to stop; what it was told is in `told` at once.
fn shop(store: &Store, customer: usize, stop: &AtomicBool, told: &Mutex<Vec<Told>>) {
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let (key, product) = (format!("{customer}-{n}"), PRODUCTS[(customer + n) % PRODUCTS.len()]);
        let Ok((200, body)) = store.buy(1, &key, product) else { continue };
        let number = body["data"]["order_number"].as_u64().unwrap();
        told.lock().unwrap().push((key, product, number));
    }
}

fn succeeded(output: &Output) -> Value {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn sources(store: &Store, folders: bool) -> Vec<String> {
    let names = ["catalog".to_owned(), order(1), order(2), order(3)];
    let place = |name: &String| match folders {
        true => store.data(name).to_str().unwrap().to_owned(),
        false => format!("http://{}", store.address(name)),
    };
    names.iter().map(place).collect()
}

/// Backs up while four customers buy. What was told before it began, and before it all ended.
fn back_up_under_load(store: &Store, file: &Path) -> (Vec<Told>, Vec<Told>, u64) {
    let (stop, told) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let counted = |least: usize| (told.lock().unwrap().len() >= least).then_some(());
    let (before, backup) = std::thread::scope(|scope| {
        for customer in 0..4 {
            let (stop, told) = (&stop, &told);
            scope.spawn(move || shop(store, customer, stop, told));
        }
        wait_for("orders before the backup", || counted(200));
        let before = told.lock().unwrap().clone();
        let to = file.to_str().unwrap();
        let backup =
            store.inspect_sources(&["backup", "--json", "--to", to], sources(store, false));
        let least = told.lock().unwrap().len() + 50;
        wait_for("orders after the backup", || counted(least));
        stop.store(true, Ordering::Relaxed);
        (before, backup)
    });
    let last = succeeded(&backup)["last_order"].as_u64().unwrap();
    (before, told.into_inner().unwrap(), last)
}

/// Every order that customers were told is there, and its key gives its number again.
fn check_told(store: &Store, told: &[Told]) {
    for (key, product, number) in told {
        let (status, body) = store.get(1, &format!("/orders/{number}")).unwrap();
        let expected = json!({"number": number, "name": product, "quantity": 1});
        assert_eq!((status, &body["data"]), (200, &expected), "{key}");
        let (status, body) = store.buy(1, key, product).unwrap();
        assert_eq!((status, body["data"]["order_number"].as_u64()), (200, Some(*number)), "{key}");
    }
}

fn kill_all(store: &mut Store) {
    for name in store.names() {
        store.kill(&name);
    }
}

fn restore(store: &Store, file: &Path) {
    let to = store.data("catalog");
    let to = to.parent().unwrap().to_str().unwrap();
    let command = ["restore", "--json", file.to_str().unwrap(), "--to", to];
    succeeded(&store.inspect_sources(&command, [""; 0]));
}

#[test]
fn a_store_lives_on_from_a_backup_taken_under_load() {
    let mut store = Store::start(plan());
    let folder = tempfile::tempdir().unwrap();
    let (file, stopped) =
        (folder.path().join("store.backup"), folder.path().join("stopped.backup"));
    let (before, all, last) = back_up_under_load(&store, &file);
    let highest = |told: &[Told]| told.iter().map(|(.., number)| *number).max().unwrap();
    assert!(highest(&before) <= last && last < highest(&all), "{last}: nothing came meanwhile");

    kill_all(&mut store);
    let to = stopped.to_str().unwrap();
    let whole = store.inspect_sources(&["backup", "--json", "--to", to], sources(&store, true));
    assert!(succeeded(&whole)["last_order"].as_u64().unwrap() >= highest(&all));
    for name in ["catalog".to_owned(), order(1), order(2), order(3)] {
        fs::rename(store.data(&name), folder.path().join(&name)).unwrap();
    }
    restore(&store, &file);
    succeeded(&store.inspect_sources(&["verify", "--json"], sources(&store, true)));

    store.start_all();
    store.wait_until_ready();
    check_told(&store, &before);
    let bought = wait_for("a toy in stock", || {
        let (status, body) = store.buy(1, "after-the-restore", "Tux").ok()?;
        (status == 200).then(|| body["data"]["order_number"].as_u64().unwrap())
    });
    assert_eq!(bought, last + 1);
    store.check_at_rest();

    leftovers_are_refused(&mut store, folder.path(), last + 1);
    check_told(&store, &before);
    store.check_at_rest();
}

/// A replica's folder and the catalog's of the old store, put among the new one's.
fn leftovers_are_refused(store: &mut Store, old: &Path, last: u64) {
    let name = order(1);
    store.kill(&name);
    let aside = old.join("new-order-1");
    fs::rename(store.data(&name), &aside).unwrap();
    fs::rename(old.join(&name), store.data(&name)).unwrap();
    store.run(&name);
    wait_for("the old replica to refuse the new store", || {
        store.log(&name).contains("another cluster").then_some(())
    });
    wait_for("an order without it", || {
        (store.buy(1, "beside-a-leftover", "Whale").ok()?.0 == 200).then_some(())
    });
    let (_, body) = store.buy(1, "beside-a-leftover", "Whale").unwrap();
    assert_eq!(body["data"]["order_number"].as_u64(), Some(last + 1));
    let in_sync = store.cluster(1).unwrap()["in_sync"].clone();
    assert!(!in_sync.as_array().unwrap().contains(&json!(1)), "{in_sync}");
    store.kill(&name);
    fs::remove_dir_all(store.data(&name)).unwrap();
    fs::rename(&aside, store.data(&name)).unwrap();
    store.run(&name);
    store.wait_until_in_sync();

    store.kill("catalog");
    let aside = old.join("new-catalog");
    fs::rename(store.data("catalog"), &aside).unwrap();
    fs::rename(old.join("catalog"), store.data("catalog")).unwrap();
    store.run("catalog");
    wait_for("the store to wait", || (store.get(1, "/readyz").ok()?.0 == 503).then_some(()));
    assert_ne!(store.buy(1, "with-the-old-catalog", "Whale").unwrap().0, 200);
    store.kill("catalog");
    fs::remove_dir_all(store.data("catalog")).unwrap();
    fs::rename(&aside, store.data("catalog")).unwrap();
    store.run("catalog");
    store.wait_until_ready();
}

#[test]
fn a_replica_made_of_a_dump_catches_up_from_there() {
    let mut store = Store::start(plan());
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("order-2.dump");
    let dump = dump.to_str().unwrap();
    let buy = |store: &Store, key: &str| {
        let number = wait_for("an order", || {
            let (status, body) = store.buy(1, key, "Tux").ok()?;
            (status == 200).then(|| body["data"]["order_number"].as_u64().unwrap())
        });
        assert!(number > 0);
    };
    (0..20).for_each(|n| buy(&store, &format!("early-{n}")));
    store.wait_until_in_sync();
    let running = format!("http://{}", store.address(&order(2)));
    succeeded(&store.inspect_sources(&["export", "--json", "--to", dump], [running]));
    store.kill(&order(1));
    fs::remove_dir_all(store.data(&order(1))).unwrap();
    (0..20).for_each(|n| buy(&store, &format!("late-{n}")));

    let to = store.data(&order(1));
    let to = to.to_str().unwrap();
    let import = ["import", "--json", dump, "--replica", "1", "--to", to];
    let made = succeeded(&store.inspect_sources(&import, [""; 0]));
    assert_eq!((&made["kind"], &made["last_order"]), (&json!("order-1"), &json!(20)));
    let again = store.inspect_sources(&import, [""; 0]);
    assert_eq!(again.status.code(), Some(2), "it was overwritten");
    store.run(&order(1));
    store.wait_until_follows(&order(1));
    store.check_at_rest();
}
