//! Sound folders: what each command says of them, and that it leaves them alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::process::{Command, Stdio};

use common::{Shop, inspect, inspect_folders, log, name, released};
use serde_json::Value;
use toystore_replication::ReplicaId;
use toystore_storage::OrderStore;

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn equal_replicas_are_equal() {
    let shop = Shop::new();
    let log = log(118);
    let (a, b) = (shop.replica("order-1", 1, &log), shop.replica("order-2", 2, &log));
    let ran = inspect_folders("diff", &[&a, &b], &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(ran.out, format!("equal: 118 orders, hash {}\n", log[117].chain));
    let ran = inspect_folders("diff", &[&a, &b], &["--json"]);
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap()["equal"], true);
}

#[test]
fn a_prefix_is_told_as_one() {
    let shop = Shop::new();
    let log = log(118);
    let (a, b) = (shop.replica("order-1", 1, &log[..100]), shop.replica("order-2", 2, &log));
    let ran = inspect_folders("diff", &[&a, &b], &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.starts_with("order-1 ends at 100, order-2 ends at 118; equal up to 100"));
    assert_eq!(inspect_folders("verify", &[&a, &b], &[]).code, 0);
}

#[test]
fn the_first_difference_is_shown_with_what_surrounds_it() {
    let shop = Shop::new();
    let ours = log(50);
    let other = (41..=50).map(|n| (2, common::purchase(n + 1000)));
    let theirs = common::continued(&ours[..40], other);
    let (a, b) = (shop.replica("a", 1, &ours), shop.replica("b", 2, &theirs));
    let ran = inspect_folders("diff", &[&a, &b], &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.starts_with("order 41 differs\n"), "{}", ran.out);
    for line in ["    38 ", "    40 ", "  > 41 ", "  > 44 "].map(str::trim_start) {
        assert!(ran.out.contains(line), "{line}: {}", ran.out);
    }
    assert!(ran.out.contains("key key-41,") && ran.out.contains("key key-1041,"));
    let ran = inspect_folders("diff", &[&a, &b], &["--json"]);
    let difference = &serde_json::from_str::<Value>(&ran.out).unwrap()["first_difference"];
    assert_eq!(difference["number"], 41);
    assert_eq!(difference["from_there"][1]["orders"][0]["key"], "key-1041");
    let ran = inspect_folders("verify", &[&a, &b], &[]);
    assert!(ran.code == 1 && ran.out.contains("order 41 differs"), "{}", ran.out);
}

#[test]
fn a_dump_has_every_order_in_every_format() {
    let shop = Shop::new();
    let log = log(2500);
    let path = shop.replica("order-1", 1, &log);
    let rows = json_lines(&inspect_folders("dump", &[&path], &["--format", "jsonl"]).out);
    assert_eq!(rows.len(), 2500);
    assert_eq!(rows[1999]["number"], 2000);
    assert_eq!(rows[1999]["key"], "key-2000");
    assert_eq!(rows[1999]["chain"], log[1999].chain.to_string());
    let range = ["--from", "1001", "--to", "1003", "--format", "csv"];
    let csv = inspect_folders("dump", &[&path], &range).out;
    let numbers: Vec<_> = csv.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(numbers, ["number", "1001", "1002", "1003"]);
    let table = inspect_folders("dump", &[&path], &["--from", "2499"]).out;
    assert_eq!(table.lines().count(), 3);
    assert!(inspect_folders("dump", &[&path], &["--from", "2501"]).out.lines().count() == 1);
}

#[test]
fn a_reader_that_hangs_up_is_no_failure() {
    let shop = Shop::new();
    let path = shop.replica("order-1", 1, &log(5000));
    let mut child = Command::new(env!("CARGO_BIN_EXE_toystore-inspect"))
        .arg("dump")
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn catalog_and_replicas_agree_on_what_was_sold() {
    let shop = Shop::new();
    let log = log(60);
    let a = shop.replica("order-1", 1, &log);
    let b = shop.replica("order-2", 2, &log);
    let catalog = shop.catalog("catalog", &[&a, &b], &log, 2);
    let ran = inspect_folders("verify", &[&catalog, &a, &b], &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains("DAMAGED") && !ran.out.contains("UNREAD"), "{}", ran.out);
    for check in ["stock equation  the 60 orders of order-", "1 restocks", "key key-60,"] {
        assert!(ran.out.contains(check), "{check}: {}", ran.out);
    }
    let rows = json_lines(&inspect_folders("dump", &[&catalog], &["--format", "jsonl"]).out);
    let count = |kind: &str| rows.iter().filter(|row| row["row"] == kind).count();
    assert_eq!(
        [count("product"), count("reservation"), count("restock"), count("view")],
        [3, 2, 1, 1]
    );
    let csv = inspect_folders("dump", &[&catalog], &["--format", "csv"]).out;
    let widths: Vec<_> = csv.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(widths, [17; 8]);
    assert_eq!(inspect_folders("dump", &[&catalog], &[]).code, 0);
}

#[test]
fn a_catalog_that_sold_something_else_is_seen() {
    let shop = Shop::new();
    let log = log(60);
    let replica = shop.replica("order-1", 1, &log);
    let short = shop.catalog("catalog", &[&replica], &log[..59], 0);
    let ran = inspect_folders("verify", &[&short, &replica], &[]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    let toy = &log[59].purchase.product;
    assert!(ran.out.contains(&format!("stock equation  {toy}: the log of order-1")), "{}", ran.out);
    // Alone both are sound.
    assert_eq!(inspect_folders("verify", &[&short], &[]).code, 0);
    assert_eq!(inspect_folders("verify", &[&replica], &[]).code, 0);
}

#[test]
fn a_replica_that_is_out_of_sync_proves_nothing() {
    let shop = Shop::new();
    let log = log(60);
    let behind = shop.replica("order-1", 1, &log[..50]);
    let complete = shop.replica("order-2", 2, &log);
    let catalog = shop.catalog("catalog", &[&complete], &log, 0);
    let ran = inspect_folders("verify", &[&catalog, &behind], &[]);
    assert!(ran.code == 2 && ran.out.contains("no replica given is in sync"), "{}", ran.out);
    assert_eq!(inspect_folders("verify", &[&catalog, &behind, &complete], &[]).code, 0);
}

#[test]
fn catalogs_are_compared_product_by_product() {
    let shop = Shop::new();
    let log = log(60);
    let replica = shop.replica("order-1", 1, &log);
    let a = shop.catalog("a", &[&replica], &log, 0);
    let b = shop.catalog("b", &[&replica], &log[..59], 0);
    assert_eq!(inspect_folders("diff", &[&a, &a], &[]).code, 0);
    let ran = inspect_folders("diff", &[&a, &b], &[]);
    let toy = &log[59].purchase.product;
    assert_eq!(ran.code, 1);
    assert!(ran.out.starts_with(&format!("product {toy} differs\n")), "{}", ran.out);
    let mixed = inspect_folders("diff", &[&a, &replica], &[]);
    assert!(mixed.code == 2 && mixed.err.contains("verify"), "{}", mixed.err);
    assert_eq!(inspect_folders("diff", &[&a], &[]).code, 2);
}

#[test]
fn stats_add_up() {
    let shop = Shop::new();
    let log = log(60);
    let replica = shop.replica("order-1", 1, &log);
    let catalog = shop.catalog("catalog", &[&replica], &log, 2);
    let ran = inspect_folders("stats", &[&replica, &catalog], &["--json"]);
    assert_eq!(ran.code, 0);
    let [orders, books] = serde_json::from_str::<[Value; 2]>(&ran.out).unwrap();
    assert_eq!(orders["orders"], 60);
    assert_eq!(orders["epochs"], serde_json::json!([[1, 1, 30], [2, 31, 60]]));
    let tux = log.iter().filter(|entry| entry.purchase.product == name("Tux"));
    let tux: u64 = tux.map(|entry| entry.purchase.quantity.get()).sum();
    assert_eq!(
        orders["products"][1],
        serde_json::json!({"name": "Tux", "orders": 20, "quantity": tux})
    );
    assert_eq!(orders["commit"], 60);
    assert_eq!(orders["synced"], 60);
    assert_eq!(orders["incarnation"], 1);
    let total: u64 = log.iter().map(|entry| entry.purchase.quantity.get()).sum();
    let sum = |key: &str| books[key].as_u64().unwrap();
    assert_eq!(sum("sold") + sum("reserved"), total);
    assert_eq!(books["reservations"], 2);
    assert_eq!(books["cluster"], orders["cluster"]);
    let text = inspect_folders("stats", &[&replica, &catalog], &[]).out;
    assert!(text.contains("epoch 2: orders 31 to 60"), "{text}");
}

#[test]
fn what_cannot_be_read_is_not_called_damaged() {
    let shop = Shop::new();
    let missing = shop.path("missing");
    let empty = shop.path("empty");
    std::fs::create_dir(&empty).unwrap();
    for command in ["dump", "verify", "stats"] {
        let ran = inspect([command.as_ref(), missing.as_os_str()]);
        assert!(ran.code == 2 && ran.err.contains("does not exist"), "{}", ran.err);
        assert_eq!(inspect([command.as_ref(), empty.as_os_str()]).code, 2);
    }
    for usage in [vec!["verify"], vec!["dump", "x", "--format", "xml"], vec!["what"], vec![]] {
        assert_eq!(inspect(usage).code, 2);
    }
    assert_eq!(inspect(["--help"]).code, 0);
}

#[test]
fn a_folder_in_use_is_refused_and_its_process_not_disturbed() {
    let shop = Shop::new();
    let path = shop.replica("order-1", 1, &log(5));
    let store = OrderStore::open(&path, ReplicaId(1)).unwrap();
    for command in ["dump", "verify", "stats"] {
        // sled itself goes on writing for a moment, so the files are not compared.
        let ran = inspect([command, path.to_str().unwrap()]);
        assert!(
            ran.code == 2 && ran.err.contains("name that process by its address"),
            "{}",
            ran.err
        );
    }
    assert_eq!(store.last().number.0, 5);
    drop(store);
    released(&path);
    assert_eq!(inspect_folders("verify", &[&path], &[]).code, 0);
}

#[test]
fn no_secret_is_repeated() {
    let token = "secret0123456789abcdef";
    for args in [
        &["verify", "http://user:secret@host:1"][..],
        &["stats", "https://user:secret@host:1/?key=secret"],
        &["verify", "user:secret@host:1"],
        &["export", "http://secret@host:1", "--to", "x"],
        &["--cluster-token", token, "verify", "http://127.0.0.1:1"],
        &["--cluster-token", token, "--print-config", "verify", "x"],
        &["--check-config", "verify", "http://user:secret@host:1"],
        &["http://user:secret@host:1"],
    ] {
        let ran = inspect(args);
        let told = format!("{}{}", ran.out, ran.err);
        assert!(!told.is_empty() && !told.contains("secret"), "{args:?} {told}");
    }
}
