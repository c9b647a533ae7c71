//! From folders to files and back: `export`, `import`, `backup`, `restore`, and what they refuse.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;

use common::{Shop, content, inspect, inspect_folders, log};
use serde_json::Value;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn json(args: &[&str]) -> Value {
    let ran = inspect(args);
    assert_eq!(ran.code, 0, "{args:?} {}{}", ran.out, ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn a_replica_goes_into_a_file_and_comes_out_equal_under_a_new_store_id() {
    let (shop, orders) = (Shop::new(), log(1203));
    let replica = shop.replica("order-1", 1, &orders);
    let (dump, made) = (shop.path("a.dump"), shop.path("made"));
    let ran = inspect_folders("export", &[&replica], &["--to", text(&dump)]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let imported = json(&["import", text(&dump), "--to", text(&made), "--json"]);
    assert_eq!(imported["kind"], "order-1");
    let ran = inspect(["diff", text(&replica), text(&dump), text(&made)]);
    assert!(ran.code == 0 && ran.out.starts_with("equal: 1203 orders"), "{}", ran.out);
    assert_eq!(inspect(["verify", text(&made)]).code, 0);
    let stats = json(&["stats", text(&replica), text(&made), "--json"]);
    assert_eq!(stats[0]["cluster"], stats[1]["cluster"]);
    assert_ne!(stats[0]["store"], stats[1]["store"]);
    assert_eq!(stats[1]["incarnation"], 0);

    let before = content(&made);
    for (args, why) in [
        (["export", text(&replica), "--to", text(&dump)], "exists already"),
        (["import", text(&dump), "--to", text(&made)], "exists already"),
        (["restore", text(&dump), "--to", text(&shop.path("new"))], "`import` takes it"),
    ] {
        let ran = inspect(args);
        assert!(ran.code == 2 && ran.err.contains(why), "{}", ran.err);
    }
    assert!(before == content(&made), "it was overwritten");
}

#[test]
fn a_catalog_comes_out_with_all_its_rows_and_of_another_cluster() {
    let (shop, orders) = (Shop::new(), log(50));
    let replica = shop.replica("order-1", 1, &orders);
    let catalog = shop.catalog("catalog", &[&replica], &orders, 2);
    let (dump, made) = (shop.path("c.dump"), shop.path("made"));
    assert_eq!(inspect(["export", text(&catalog), "--to", text(&dump)]).code, 0);
    let ran = inspect(["diff", text(&catalog), text(&dump)]);
    assert!(ran.code == 0 && ran.out.contains("3 products, 2 reservations"), "{}", ran.out);
    assert_eq!(inspect(["import", text(&dump), "--to", text(&made)]).code, 0);
    let ran = inspect(["diff", text(&dump), text(&made)]);
    assert!(ran.code == 1 && ran.out.starts_with("the cluster differs"), "{}", ran.out);
    assert_eq!(inspect(["verify", text(&made)]).code, 0);
    // Dumped alone it fits no log, whatever the log says.
    let ran = inspect(["verify", text(&dump), text(&replica)]);
    assert!(ran.code == 0 && ran.out.contains("not checked: only the log"), "{}", ran.out);
}

#[test]
fn a_stopped_store_is_backed_up_and_restored_as_another() {
    let (shop, orders) = (Shop::new(), log(50));
    let replica = shop.replica("order-1", 1, &orders);
    let catalog = shop.catalog("catalog", &[&replica], &orders, 2);
    let behind = shop.replica("order-2", 2, &orders[..30]);
    let (file, new) = (shop.path("store.backup"), shop.path("new"));
    let ran = inspect(["backup", text(&catalog), text(&behind), "--to", text(&file)]);
    assert!(ran.code == 2 && ran.err.contains("in sync"), "{}", ran.err);
    let all = [&*catalog, &*behind, &*replica];
    let ran = inspect_folders("backup", &all, &["--to", text(&file)]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let ran = inspect(["verify", text(&file)]);
    assert!(ran.code == 0 && ran.out.contains("the 50 orders of order-1"), "{}", ran.out);
    let ran = inspect(["diff", text(&file), text(&replica)]);
    assert!(ran.code == 0 && ran.out.starts_with("equal: 50 orders"), "{}{}", ran.out, ran.err);
    let ran = inspect(["import", text(&file), "--to", text(&new)]);
    assert!(ran.code == 2 && ran.err.contains("`toystore-inspect restore`"), "{}", ran.err);

    let restored = json(&["restore", text(&file), "--to", text(&new), "--replicas", "2", "--json"]);
    assert_eq!((&restored["last_order"], &restored["epoch"]), (&50.into(), &3.into()));
    let folders = ["catalog", "order-1", "order-2"].map(|name| new.join(name));
    let ran = inspect(["verify", text(&folders[0]), text(&folders[1]), text(&folders[2])]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("50 orders of order-2 are") && ran.out.contains("0 still reserved"));
    let stats = json(&["stats", "--json", text(&folders[1]), text(&replica)]);
    assert_eq!(stats[0]["hash"], stats[1]["hash"]);
    assert_ne!(stats[0]["cluster"], stats[1]["cluster"]);
    assert!(!new.join(".restoring").exists());

    // A leftover of the old store is in the way even where the new one has no such replica.
    let other = shop.path("other");
    fs::create_dir(&other).unwrap();
    fs::rename(&behind, other.join("order-7")).unwrap();
    let ran = inspect(["restore", text(&file), "--to", text(&other)]);
    assert!(ran.code == 2 && ran.err.contains("order-7 exists already"), "{}", ran.err);
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
}

#[test]
fn a_harmed_backup_is_refused_and_leaves_nothing() {
    let (shop, orders) = (Shop::new(), log(700));
    let replica = shop.replica("order-1", 1, &orders);
    let catalog = shop.catalog("catalog", &[&replica], &orders, 0);
    let (file, new) = (shop.path("store.backup"), shop.path("new"));
    let ran = inspect(["backup", text(&catalog), text(&replica), "--to", text(&file)]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let sound = fs::read(&file).unwrap();
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    for (bytes, why) in [
        (sound[..sound.len() - 1].to_vec(), "it is cut off"),
        (flipped, "checksum mismatch"),
        ([&sound[..], b"more"].concat(), "more after its end"),
    ] {
        fs::write(&file, bytes).unwrap();
        for command in ["restore", "import"] {
            let ran = inspect([command, text(&file), "--to", text(&new)]);
            assert!(ran.code == 1 && ran.err.contains(why), "{command} {}", ran.err);
        }
        assert_eq!(inspect(["verify", text(&file)]).code, 1);
        assert!(!new.exists());
    }
    fs::write(&file, "name,price,stock\n").unwrap();
    let ran = inspect(["restore", text(&file), "--to", text(&new)]);
    assert!(ran.code == 2 && ran.err.contains("no dump of a toy store"), "{}", ran.err);
}

#[test]
fn rows_are_filtered() {
    let (shop, orders) = (Shop::new(), log(60));
    let replica = shop.replica("order-1", 1, &orders);
    let catalog = shop.catalog("catalog", &[&replica], &orders, 4);
    let lines = |folder: &Path, more: &[&str]| {
        let args = [&["dump", text(folder), "--format", "jsonl"], more].concat();
        let ran = inspect(args);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    assert_eq!(lines(&replica, &["--product", "Tux"]).len(), 20);
    assert_eq!(lines(&replica, &["--product", "Tux", "--from", "31", "--to", "60"]).len(), 10);
    let one = lines(&replica, &["--key", "key-17"]);
    assert_eq!((one.len(), &one[0]["number"]), (1, &17.into()));
    assert!(lines(&replica, &["--kind", "products,view"]).is_empty());
    let kinds = |more: &[&str]| {
        let rows = lines(&catalog, more);
        rows.iter().map(|row| row["row"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&["--kind", "reservations"]), ["reservation"; 4]);
    assert_eq!(kinds(&["--kind", "restocks,view"]), ["restock", "view"]);
    assert_eq!(kinds(&["--product", "Whale"])[0], "product");
    assert!(kinds(&["--product", "Tux"]).iter().all(|kind| kind != "view" && kind != "restock"));
    assert_eq!(kinds(&["--key", "key-60"]), ["reservation"]);
}

#[test]
fn what_surrounds_a_difference_of_catalogs_is_shown() {
    let (shop, orders) = (Shop::new(), log(60));
    let replica = shop.replica("order-1", 1, &orders);
    let (a, b) = (
        shop.catalog("a", &[&replica], &orders, 0),
        shop.catalog("b", &[&replica], &orders[..58], 0),
    );
    let ran = inspect(["diff", text(&a), text(&b)]);
    assert!(ran.code == 1 && ran.out.contains("differs\n"), "{}", ran.out);
    let marked = ran.out.lines().filter(|line| line.starts_with("> ")).count();
    assert!(marked >= 2 && marked % 2 == 0, "{}", ran.out);
    assert!(ran.out.contains("  both  "), "a row before or after it: {}", ran.out);
    let ran = inspect(["diff", text(&a), text(&b), "--json"]);
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["first_difference"]["around"].as_array().unwrap().len(), 3);
}

#[test]
fn every_command_teaches() {
    for command in ["dump", "verify", "diff", "stats", "export", "import", "backup", "restore"] {
        let ran = inspect([command, "--help"]);
        assert!(ran.code == 0 && ran.out.contains("EXAMPLE"), "{command}: {}", ran.out);
    }
}
