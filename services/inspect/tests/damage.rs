//! Damaged folders: what is wrong is said, as far as it can be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;

use common::{Ran, Shop, inspect_folders, log, tamper};
use toystore_replication::Entry;
use toystore_storage::folder;
use toystore_storage::schema::{read_row, rows_of};

fn says(ran: &Ran, wanted: &[&str]) {
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("DAMAGED"), "{}", ran.out);
    for text in wanted {
        assert!(ran.out.contains(text), "{text}: {}", ran.out);
    }
}

/// Where records are in sled's file, found by the key that each of them holds.
fn records_in(bytes: &[u8]) -> Vec<usize> {
    let keys = bytes.windows(4).enumerate().filter(|(_, text)| text == b"key-");
    keys.map(|(at, _)| at).collect()
}

#[test]
fn flipped_bytes_are_seen_or_harmless() {
    let shop = Shop::new();
    let log = log(400);
    let sound = shop.replica("order-1", 1, &log);
    let bytes = fs::read(sound.join("sled/db")).unwrap();
    let records = records_in(&bytes);
    let mut seen = 0;
    for step in 0..16 {
        let copy = shop.path(&format!("copy-{step}"));
        folder::copy(&sound, &copy).unwrap();
        let mut bytes = bytes.clone();
        bytes[records[records.len() * step / 16] + 1] ^= 0x55;
        fs::write(copy.join("sled/db"), bytes).unwrap();
        let verified = inspect_folders("verify", &[&copy], &[]);
        let compared = inspect_folders("diff", &[&sound, &copy], &[]);
        match verified.code {
            0 => assert_eq!(compared.code, 0, "{}", compared.out),
            _ => {
                says(&verified, &["order-1"]);
                assert_eq!(compared.code, 1, "{}{}", compared.out, compared.err);
                assert_eq!(inspect_folders("dump", &[&copy], &[]).code, 1);
                assert_eq!(inspect_folders("stats", &[&copy], &[]).code, 1);
                seen += 1;
            }
        }
    }
    assert!(seen > 0, "no flipped byte met a record that counts");
}

#[test]
fn a_damaged_record_is_named_and_the_rest_is_gone_through() {
    let shop = Shop::new();
    let path = shop.replica("order-1", 1, &log(100));
    tamper(&path, "orders", |orders| {
        let mut record = orders.get(60_u64.to_be_bytes()).unwrap().unwrap().to_vec();
        record[12] ^= 1;
        orders.insert(60_u64.to_be_bytes(), record).unwrap();
        orders.remove(80_u64.to_be_bytes()).unwrap().unwrap();
    });
    let ran = inspect_folders("verify", &[&path], &[]);
    let damaged = "the row up to order 60: checksum mismatch";
    says(&ran, &[damaged, "orders 71 to 80 are missing"]);
    let dump = inspect_folders("dump", &[&path], &["--format", "jsonl"]);
    assert_eq!((dump.code, dump.out.lines().count()), (1, 50));
    assert!(dump.err.contains(damaged), "{}", dump.err);
    let rest = inspect_folders("dump", &[&path], &["--format", "jsonl", "--from", "65"]);
    assert_eq!((rest.code, rest.out.lines().count()), (1, 6));
}

#[test]
fn a_record_that_is_another_orders_is_seen() {
    let shop = Shop::new();
    let path = shop.replica("order-1", 1, &log(20));
    tamper(&path, "orders", |orders| {
        let record = orders.get(10_u64.to_be_bytes()).unwrap().unwrap();
        orders.insert(20_u64.to_be_bytes(), record).unwrap();
    });
    let ran = inspect_folders("verify", &[&path], &[]);
    says(&ran, &["the row up to order 20 holds other orders"]);
}

#[test]
fn keys_that_several_orders_have_are_told() {
    let shop = Shop::new();
    let mut log = log(20);
    for number in [7, 9] {
        let (again, last) = (log[number].purchase.clone(), log[log.len() - 1].position());
        log.push(Entry::after(&last, last.epoch, again));
    }
    let path = shop.replica("order-1", 1, &log);
    says(
        &inspect_folders("verify", &[&path], &[]),
        &[
            "orders 8 and 21 have key key-8",
            "orders 10 and 22 have key key-10",
            "22 orders without a gap",
        ],
    );
}

#[test]
fn an_order_that_is_there_twice_is_not_said_to_share_its_key() {
    let shop = Shop::new();
    let path = shop.replica("order-1", 1, &log(40));
    tamper(&path, "orders", |orders| {
        // The row of orders 11 to 20, and once more with those from 15 on.
        let record = orders.get(20_u64.to_be_bytes()).unwrap().unwrap();
        let row = read_row(&20_u64.to_be_bytes(), &record).unwrap();
        let rows = rows_of(&row[..6]).unwrap();
        orders.insert(rows[0].0, rows[0].1.as_slice()).unwrap();
    });
    let ran = inspect_folders("verify", &[&path], &[]);
    says(&ran, &["order 11 does not follow the one before it", "40 keys, each its order's"]);
}

#[test]
fn a_rolled_back_folder_is_seen() {
    let shop = Shop::new();
    let path = shop.replica("order-1", 1, &log(20));
    let earlier = shop.replica("earlier", 1, &log(20)[..12]);
    fs::remove_dir_all(path.join("sled")).unwrap();
    folder::copy(&earlier.join("sled"), &path.join("sled")).unwrap();
    says(
        &inspect_folders("verify", &[&path], &[]),
        &["orders 13 to 20 are gone, and had been synced", "12 orders without a gap"],
    );
}

#[test]
fn a_truncated_or_missing_file_is_damage() {
    let shop = Shop::new();
    let log = log(400);
    for (case, harm) in ["cut", "empty", "gone", "format", "mark"].iter().enumerate() {
        let path = shop.replica(&format!("case-{case}"), 1, &log);
        let db = path.join("sled/db");
        let bytes = fs::read(&db).unwrap();
        match *harm {
            "cut" => fs::write(&db, &bytes[..records_in(&bytes)[200]]).unwrap(),
            "empty" => fs::write(&db, b"").unwrap(),
            "gone" => fs::remove_file(&db).unwrap(),
            "format" => fs::write(path.join("FORMAT"), "toystore order-1 0 0\n").unwrap(),
            _ => fs::write(path.join("MARK"), [0; 256]).unwrap(),
        }
        for command in ["verify", "dump", "stats"] {
            let ran = inspect_folders(command, &[&path], &[]);
            assert_eq!(ran.code, 1, "{harm}, {command}: {}{}", ran.out, ran.err);
        }
    }
}

#[test]
fn damage_of_the_catalog_is_gone_through() {
    let shop = Shop::new();
    let log = log(60);
    let replica = shop.replica("order-1", 1, &log);
    let path = shop.catalog("catalog", &[&replica], &log, 2);
    tamper(&path, "reservations", |rows| {
        rows.remove("key-60").unwrap();
    });
    tamper(&path, "products", |rows| {
        let mut row = rows.get("Tux").unwrap().unwrap().to_vec();
        row[10] ^= 1;
        rows.insert("Tux", row).unwrap();
    });
    tamper(&path, "sold_out", |rows| {
        rows.insert("Whale", b"".as_slice()).unwrap();
    });
    let ran = inspect_folders("verify", &[&path, &replica], &[]);
    says(
        &ran,
        &[
            "products \"Tux\": checksum mismatch",
            "Elephant: 0 are reserved, the books say",
            "Whale is listed and has stock",
        ],
    );
    let dump = inspect_folders("dump", &[&path], &["--format", "jsonl"]);
    assert!(dump.code == 1 && dump.out.contains("Elephant"), "{}", dump.out);
    let all = inspect_folders("verify", &[&path], &["--json"]);
    let report: serde_json::Value = serde_json::from_str(&all.out).unwrap();
    assert_eq!(report["sound"], false);
    assert_eq!(inspect_folders("stats", &[&path], &[]).code, 1);
}
