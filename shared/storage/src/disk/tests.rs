//! A power cut: of what was written since the last sync, any part may be on the disk and any part
//! missing, a later one without an earlier one too.

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toystore_authority::{Database, Transaction};
use toystore_domain::{
    Books, Cents, OrderKey, OrderNumber, ProductName, Purchase, Quantity, stock,
};
use toystore_replication::messages::Reservation;
use toystore_replication::{ClusterId, Entry, Epoch, Position, ReplicaId, Stored, Write};

use crate::catalog::CatalogTransaction;
use crate::{CatalogStore, OrderStore, folder};

const ID: ReplicaId = ReplicaId(1);
/// What is lost at once.
const PIECE: usize = 64 << 10;

/// Images of a database's folder, one at each sync.
struct Watch {
    folder: PathBuf,
    images: tempfile::TempDir,
    count: usize,
}

thread_local! {
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// Called after each sync.
pub(super) fn synced() {
    WATCH.with_borrow_mut(|watch| {
        if let Some(Watch { folder, images, count }) = watch {
            folder::copy(folder, &images.path().join(count.to_string())).unwrap();
            *count += 1;
        }
    });
}

/// The images of all syncs during `work`.
fn watched(folder: &Path, work: impl FnOnce()) -> Watch {
    let images = tempfile::tempdir().unwrap();
    WATCH.set(Some(Watch { folder: folder.to_path_buf(), images, count: 0 }));
    synced();
    work();
    WATCH.take().unwrap()
}

/// So many orders of an epoch with keys in no order, as committed as can be.
fn write(after: Position, epoch: u64, count: u64) -> Write {
    let (mut last, mut entries) = (after, Vec::new());
    for _ in 0..count {
        let random = (last.number.0 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let key = OrderKey::new(&format!("{random:016x}-{}", "k".repeat(200))).unwrap();
        let (product, quantity) = (ProductName::new("Tux").unwrap(), Quantity::new(1).unwrap());
        entries.push(Entry::after(&last, Epoch(epoch), Purchase { key, product, quantity }));
        last = entries.last().unwrap().position();
    }
    let (cluster, promise, mark) = (Some(ClusterId(5)), Epoch(epoch), Epoch(epoch));
    Write { truncate_above: None, entries, cluster, promise, mark, commit: last.number }
}

/// What is wrong with a database that was synced with so many orders.
fn wrong(copy: &Path, synced: OrderNumber) -> Option<String> {
    let store = match OrderStore::open(copy, ID) {
        Ok(store) => store,
        Err(error) => return Some(error.to_string()),
    };
    let number = store.last().number;
    let entries = store.reader().entries(OrderNumber::ZERO, usize::try_from(number.0).unwrap());
    (number < synced || entries.is_err()).then(|| format!("it ends at {number}"))
}

/// Between each two syncs of `change`, leaves out each piece of what was written, alone.
fn without_each_piece(
    folder: &Path,
    change: impl FnOnce(),
    wrong: impl Fn(&Path) -> Option<String>,
) {
    let watch = watched(folder, change);
    let image = |at: usize| watch.images.path().join(at.to_string());
    let bytes = |at| fs::read(image(at).join("sled/db")).unwrap();
    let (mut tried, mut failures) = (0, Vec::new());
    for at in 1..watch.count {
        let (before, after) = (bytes(at - 1), bytes(at));
        for from in (0..after.len()).step_by(PIECE) {
            let to = after.len().min(from + PIECE);
            let mut old = before.get(from..to.min(before.len())).unwrap_or_default().to_vec();
            old.resize(to - from, 0);
            if old == after[from..to] {
                continue;
            }
            let temp = tempfile::tempdir().unwrap();
            let copy = temp.path().join("copy");
            folder::copy(&image(at), &copy).unwrap();
            fs::write(copy.join("sled/db"), [&after[..from], &old, &after[to..]].concat()).unwrap();
            tried += 1;
            failures.extend(wrong(&copy).map(|what| format!("{at}, {from}: {what}")));
        }
    }
    println!("{tried} pieces between {} syncs", watch.count);
    assert!(tried > 1, "too little was written");
    assert!(failures.is_empty(), "{} of {tried}: {failures:#?}", failures.len());
}

fn append_without_each_piece(epoch: u64, count: u64) {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("order-1");
    OrderStore::create(&folder, ID).unwrap();
    let mut store = OrderStore::open(&folder, ID).unwrap();
    for _ in 0..40 {
        store.apply(vec![write(store.last(), 1, 50)]).unwrap();
    }
    let synced = store.last().number;
    let append = || store.apply(vec![write(store.last(), epoch, count)]).unwrap();
    without_each_piece(&folder, append, |copy| wrong(copy, synced));
}

#[test]
fn a_power_cut_in_a_large_append_loses_nothing_synced() {
    append_without_each_piece(1, 1000);
}

#[test]
fn a_power_cut_in_a_large_append_of_a_new_epoch_loses_nothing_synced() {
    append_without_each_piece(2, 1000);
}

const TOYS: u64 = 50;
const ROUNDS: u64 = 3;

fn toy(number: u64) -> ProductName {
    ProductName::new(&format!("Toy {:02}", number % TOYS)).unwrap()
}

fn purchase(number: u64, key_bytes: usize) -> Purchase {
    let random = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let key = OrderKey::new(&format!("{random:016x}{}", "k".repeat(key_bytes - 16))).unwrap();
    Purchase { key, product: toy(number), quantity: Quantity::new(1).unwrap() }
}

/// Settles some reservations and takes others, in one transaction.
fn settle_and_reserve(store: &CatalogStore, settle: Range<u64>, take: Range<u64>, bytes: usize) {
    let mut tx = store.begin();
    let books = |tx: &mut CatalogTransaction<'_>, of: &ProductName, step: &dyn Fn(&mut Books)| {
        let mut books = tx.books(of).unwrap().unwrap();
        step(&mut books);
        tx.put_books(of, &books).unwrap();
    };
    for purchase in settle.map(|number| purchase(number, bytes)) {
        tx.remove_reservation(&purchase.key).unwrap();
        books(&mut tx, &purchase.product, &|books| {
            stock::settle(books, purchase.quantity).unwrap()
        });
    }
    for purchase in take.map(|number| purchase(number, bytes)) {
        books(&mut tx, &purchase.product, &|books| {
            stock::reserve(books, purchase.quantity).unwrap();
        });
        tx.put_reservation(&Reservation { purchase, epoch: Epoch(1), recorded: None }).unwrap();
    }
    tx.commit().unwrap();
}

fn change_without_each_piece(held: u64, settled: u64, taken: u64, bytes: usize) {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("catalog");
    let products: Vec<_> =
        (0..TOYS).map(|n| (toy(n), Books::open(Cents::new(1).unwrap(), 1_000_000))).collect();
    CatalogStore::create(&folder, ClusterId(9), &products, None).unwrap();
    let store = CatalogStore::open(&folder).unwrap();
    for from in (0..held).step_by(100) {
        settle_and_reserve(&store, 0..0, from..from + 100, bytes);
    }
    store.raise_mark().unwrap();
    for round in 0..ROUNDS {
        let (out, in_) = (round * settled, held + round * taken);
        let change = || settle_and_reserve(&store, out..out + settled, in_..in_ + taken, bytes);
        without_each_piece(&folder, change, |copy| {
            let store = match CatalogStore::open(copy) {
                Ok(store) => store,
                Err(error) => return Some(error.to_string()),
            };
            let tx = store.begin();
            let count = tx.reservations(None, usize::MAX).unwrap().len() as u64;
            let held_after = |rounds: u64| held + rounds * taken - rounds * settled;
            let whole = [held_after(round), held_after(round + 1)].contains(&count);
            let toys = tx.products(None, usize::MAX).unwrap().len() as u64;
            (!whole || toys != TOYS).then(|| format!("{count} reservations, {toys} toys"))
        });
    }
}
#[test]
fn a_power_cut_in_a_change_of_the_catalog_leaves_all_or_nothing() {
    change_without_each_piece(3000, 100, 80, 255);
    change_without_each_piece(3000, 500, 400, 16);
}

#[test]
fn a_power_cut_in_a_change_too_large_for_a_row_leaves_all_or_nothing() {
    change_without_each_piece(6000, 300, 500, 255);
}
