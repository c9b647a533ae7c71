//! A power cut: of what was written since the last sync, any part may be on the disk and any part
//! missing, a later one without an earlier one too.

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_replication::{ClusterId, Entry, Epoch, Position, ReplicaId, Stored, Write};

use crate::{OrderStore, folder};

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
fn without_each_piece(epoch: u64, count: u64) {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("order-1");
    OrderStore::create(&folder, ID).unwrap();
    let mut store = OrderStore::open(&folder, ID).unwrap();
    for _ in 0..40 {
        store.apply(vec![write(store.last(), 1, 50)]).unwrap();
    }
    let synced = store.last().number;
    let watch = watched(&folder, || {
        store.apply(vec![write(store.last(), epoch, count)]).unwrap();
    });
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
            failures.extend(wrong(&copy, synced).map(|what| format!("{at}, {from}: {what}")));
        }
    }
    println!("{tried} pieces between {} syncs", watch.count);
    assert!(tried > 10, "too little was written");
    assert!(failures.is_empty(), "{} of {tried}: {failures:#?}", failures.len());
}

#[test]
fn a_power_cut_in_a_large_append_loses_nothing_synced() {
    without_each_piece(1, 1000);
}

#[test]
fn a_power_cut_in_a_large_append_of_a_new_epoch_loses_nothing_synced() {
    without_each_piece(2, 1000);
}
