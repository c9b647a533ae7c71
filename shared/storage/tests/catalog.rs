//! The catalog's database: what survives, and what damage is seen.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use toystore_authority::{Database, Restocked, Transaction, products};
use toystore_domain::{Books, Cents, OrderKey, ProductName, Purchase, Quantity, stock};
use toystore_replication::messages::Reservation;
use toystore_replication::{ClusterId, Epoch};
use toystore_storage::catalog::Content;
use toystore_storage::{CatalogStore, StorageError, folder};

mod common;

use common::raw;

fn name(text: &str) -> ProductName {
    ProductName::new(text).unwrap()
}

fn create(dir: &Path) {
    let products =
        ["Tux", "Uno", "Clue"].map(|text| (name(text), Books::open(Cents::new(999).unwrap(), 3)));
    CatalogStore::create(dir, ClusterId(9), &products, None).unwrap();
}

fn open(dir: &Path) -> Result<CatalogStore, StorageError> {
    CatalogStore::open(dir)
}

fn set_stock(store: &CatalogStore, product: &str, stock: u64) {
    let mut tx = store.begin();
    products::put(&mut tx, &name(product), None, Some(stock), &mut BTreeSet::new()).unwrap();
    tx.commit().unwrap();
}

#[test]
fn a_transaction_reads_its_own_writes_and_leaves_no_trace_when_dropped() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("catalog");
    create(&dir);
    let store = open(&dir).unwrap();
    let mut tx = store.begin();
    products::put(&mut tx, &name("Uno"), None, Some(0), &mut BTreeSet::new()).unwrap();
    products::put(&mut tx, &name("Lego"), Cents::new(1), Some(7), &mut BTreeSet::new()).unwrap();
    assert_eq!(tx.sold_out(9).unwrap(), [name("Uno")]);
    let names: Vec<_> = tx.products(None, 9).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Clue", "Lego", "Tux", "Uno"].map(name));
    let after: Vec<_> = tx.products(Some(&name("Clue")), 2).unwrap();
    assert_eq!(after.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Lego", "Tux"]);
    drop(tx);
    assert_eq!(store.product(&name("Lego")).unwrap(), None);
    assert!(store.begin().sold_out(9).unwrap().is_empty());
}

#[test]
fn what_was_committed_is_there_again() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("catalog");
    create(&dir);
    let store = open(&dir).unwrap();
    set_stock(&store, "Tux", 0);
    drop(store);
    let store = open(&dir).unwrap();
    assert_eq!(store.product(&name("Tux")).unwrap().map(|product| product.stock), Some(0));
    assert_eq!(store.begin().sold_out(9).unwrap(), [name("Tux")]);
    assert_eq!(store.begin().cluster().unwrap(), ClusterId(9));
}

#[test]
fn a_change_that_a_crash_cut_short_is_done_again() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("catalog");
    create(&dir);
    let db = raw(&dir);
    let before = db.open_tree("products").unwrap().get("Tux").unwrap().unwrap();
    drop(db);
    let store = open(&dir).unwrap();
    set_stock(&store, "Tux", 0);
    drop(store);
    let db = raw(&dir);
    db.open_tree("products").unwrap().insert("Tux", before).unwrap().unwrap();
    db.open_tree("sold_out").unwrap().remove("Tux").unwrap().unwrap();
    db.flush().unwrap();
    drop(db);
    let store = open(&dir).unwrap();
    assert_eq!(store.product(&name("Tux")).unwrap().map(|product| product.stock), Some(0));
    assert_eq!(store.begin().sold_out(9).unwrap(), [name("Tux")]);
}

#[test]
fn a_change_too_large_for_a_row_outlives_the_one_before() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("catalog");
    create(&dir);
    let store = open(&dir).unwrap();
    set_stock(&store, "Tux", 5);
    let mut tx = store.begin();
    let mut changed = BTreeSet::new();
    for n in 0..2000 {
        let (name, price) = (name(&format!("{n:-<100}")), Cents::new(1));
        products::put(&mut tx, &name, price, Some(1), &mut changed).unwrap();
    }
    products::put(&mut tx, &name("Tux"), None, Some(7), &mut changed).unwrap();
    tx.commit().unwrap();
    store.raise_mark().unwrap();
    drop(store);
    let store = open(&dir).unwrap();
    assert_eq!(store.product(&name("Tux")).unwrap().map(|product| product.stock), Some(7));
    assert_eq!(store.products(None, usize::MAX).unwrap().len(), 2003);
    assert_eq!(fs::read_dir(dir.join("sled/blobs")).unwrap().count(), 0, "nobody syncs these");
}

#[test]
fn a_rolled_back_catalog_is_seen() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("catalog");
    create(&dir);
    let earlier = temp.path().join("earlier");
    folder::copy(&dir.join("sled"), &earlier).unwrap();
    let store = open(&dir).unwrap();
    set_stock(&store, "Tux", 1);
    store.raise_mark().unwrap();
    drop(store);
    drop(open(&dir).unwrap());
    fs::remove_dir_all(dir.join("sled")).unwrap();
    fs::rename(&earlier, dir.join("sled")).unwrap();
    match open(&dir) {
        Err(error) => assert!(error.to_string().contains("rolled back"), "{error}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[test]
fn a_database_is_made_of_rows_and_pages_its_ledger() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("catalog");
    let mut books = Books::open(Cents::new(999).unwrap(), 0);
    let mut restocks = Vec::new();
    for _ in 0..3 {
        assert!(stock::restock(&mut books).unwrap());
        let (product, version) = (name("Tux"), books.version);
        restocks.push(Restocked { product, version, amount: stock::RESTOCK_TO });
        let all = Quantity::new(stock::RESTOCK_TO).unwrap();
        assert!(stock::reserve(&mut books, all).unwrap());
        stock::settle(&mut books, all).unwrap();
    }
    let one = Quantity::new(1).unwrap();
    stock::restock(&mut books).unwrap();
    let (product, version) = (name("Tux"), books.version);
    restocks.push(Restocked { product, version, amount: stock::RESTOCK_TO });
    assert!(stock::reserve(&mut books, one).unwrap());
    let key = OrderKey::new("held").unwrap();
    let purchase = Purchase { key: key.clone(), product: name("Tux"), quantity: one };
    let held = Reservation { purchase, epoch: Epoch(2), recorded: None };
    let content = Content {
        cluster: ClusterId(9),
        view: None,
        products: &[(name("Tux"), books.clone())],
        reservations: std::slice::from_ref(&held),
        restocks: &restocks,
        lease_millis: 1500,
    };
    CatalogStore::create_with(&dir, &content).unwrap();
    let store = open(&dir).unwrap();
    assert_eq!(store.lease_millis().unwrap(), 1500);
    let tx = store.begin();
    assert_eq!(tx.books(&name("Tux")).unwrap(), Some(books));
    assert_eq!(tx.reservation(&key).unwrap(), Some(held));
    let mut paged = Vec::new();
    loop {
        let after = paged.last().map(|row: &Restocked| (&row.product, row.version));
        let page = tx.restocks(after, 3).unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, restocks);
}
