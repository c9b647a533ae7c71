//! A crash in the middle of a write: the disk has its beginning, up to any byte.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use toystore_authority::{Database, Transaction, products};
use toystore_domain::{Books, Cents, OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_replication::{ClusterId, Entry, Epoch, Position, ReplicaId, Stored, Write};
use toystore_storage::{CatalogStore, OrderStore, folder};

const ID: ReplicaId = ReplicaId(1);
/// Places at which a write is cut.
const CUTS: usize = 60;
const TOYS: [&str; 5] = ["Clue", "Lego", "Tux", "Uno", "Whale"];

/// So many orders of an epoch, and as committed as can be.
fn write(after: Position, epoch: u64, count: u64) -> Write {
    let (mut last, mut entries) = (after, Vec::new());
    for _ in 0..count {
        let key = OrderKey::new(&format!("key-{}", last.number)).unwrap();
        let (product, quantity) = (ProductName::new("Tux").unwrap(), Quantity::new(1).unwrap());
        entries.push(Entry::after(&last, Epoch(epoch), Purchase { key, product, quantity }));
        last = entries.last().unwrap().position();
    }
    let (cluster, promise, mark) = (Some(ClusterId(5)), Epoch(epoch), Epoch(epoch));
    Write { truncate_above: None, entries, cluster, promise, mark, commit: last.number }
}

/// A database of a hundred orders of epoch 1.
fn with_orders(folder: &Path) -> OrderStore {
    OrderStore::create(folder, ID).unwrap();
    let mut store = OrderStore::open(folder, ID).unwrap();
    store.apply(vec![write(store.last(), 1, 100)]).unwrap();
    store
}

fn image(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("sled/db")).unwrap()
}

/// Calls `check` with a folder for each of many beginnings of what `change` wrote, and for the
/// whole of it.
fn at_every_cut(folder: &Path, change: impl FnOnce(), mut check: impl FnMut(&Path)) {
    let before = image(folder);
    change();
    let after = image(folder);
    let old = |at: &usize| before.get(*at).copied().unwrap_or_default();
    let news: Vec<usize> = (0..after.len()).filter(|at| after[*at] != old(at)).collect();
    let (first, end) = (*news.first().unwrap(), *news.last().unwrap() + 1);
    assert!(end - first > 4 * CUTS, "too little was written to be cut");
    for cut in 0..=CUTS {
        let upto = first + (end - first) * cut / CUTS;
        let temp = tempfile::tempdir().unwrap();
        let copy = temp.path().join("copy");
        folder::copy(folder, &copy).unwrap();
        let rest = before.get(upto..).unwrap_or_default();
        fs::write(copy.join("sled/db"), [&after[..upto], rest].concat()).unwrap();
        check(&copy);
    }
}

#[test]
fn a_torn_append_is_a_shorter_one() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("order-1");
    let mut store = with_orders(&folder);
    let mut lengths = BTreeSet::new();
    let change = || store.apply(vec![write(store.last(), 1, 300)]).unwrap();
    at_every_cut(&folder, change, |copy| {
        let store = OrderStore::open(copy, ID).unwrap();
        let number = store.last().number;
        assert!(number >= OrderNumber(100) && store.state().commit <= number);
        lengths.insert(number);
    });
    println!("{lengths:?}");
    assert!(lengths.len() > 2, "no cut was in the middle: {lengths:?}");
    assert_eq!(lengths.last(), Some(&OrderNumber(400)));
}

#[test]
fn a_promise_comes_before_its_orders_and_an_agreement_after() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("order-1");
    let mut store = with_orders(&folder);
    let mut found = BTreeSet::new();
    let change = || store.apply(vec![write(store.last(), 2, 300)]).unwrap();
    at_every_cut(&folder, change, |copy| {
        let store = OrderStore::open(copy, ID).unwrap();
        let (number, state) = (store.last().number, *store.state());
        let entry = store.reader().entry(number).unwrap().unwrap();
        assert!(state.promise >= entry.epoch, "order {number} outlived its promise");
        assert!(state.mark < Epoch(2) || number == OrderNumber(400), "{number} is no agreement");
        found.insert((number, state.mark));
    });
    println!("{found:?}");
    assert!(found.len() > 3, "no cut was in the middle: {found:?}");
    assert_eq!(found.last(), Some(&(OrderNumber(400), Epoch(2))));
}

#[test]
fn a_change_of_the_catalog_is_there_as_a_whole_or_not_at_all() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("catalog");
    let books = |toy| (ProductName::new(toy).unwrap(), Books::open(Cents::new(1).unwrap(), 1));
    CatalogStore::create(&folder, ClusterId(9), &TOYS.map(books), None).unwrap();
    let store = CatalogStore::open(&folder).unwrap();
    let mut found = BTreeSet::new();
    let change = || {
        let mut tx = store.begin();
        for toy in TOYS {
            let name = ProductName::new(toy).unwrap();
            products::put(&mut tx, &name, None, Some(7), &mut BTreeSet::new()).unwrap();
        }
        tx.commit().unwrap();
    };
    at_every_cut(&folder, change, |copy| {
        let rows = CatalogStore::open(copy).unwrap().products(None, usize::MAX).unwrap();
        found.insert(rows.iter().map(|(_, books)| books.stock).collect::<Vec<_>>());
    });
    assert_eq!(found, BTreeSet::from([vec![1; 5], vec![7; 5]]));
}
