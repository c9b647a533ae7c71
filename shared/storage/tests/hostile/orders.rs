//! An order replica's database.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_replication::{ClusterId, Entry, Epoch, Position, ReplicaId, Stored, Write};
use toystore_storage::salvage::{Salvage, Tree};
use toystore_storage::{Kind, OrderStore, StorageError};

use crate::harm::{copy_of, harm_rows, harms, scratch, scratches, when_free};
use crate::{cases, harm};

const ID: ReplicaId = ReplicaId(1);
const TREES: [&str; 2] = ["orders", "meta"];
const ORDERS: u64 = 12;

fn log() -> Vec<Entry> {
    let mut last = Position::ORIGIN;
    let next = |n| {
        let purchase = Purchase {
            key: OrderKey::new(&format!("key-{n}")).unwrap(),
            product: ProductName::new("Tux").unwrap(),
            quantity: Quantity::new(1 + n % 7).unwrap(),
        };
        let entry = Entry::after(&last, Epoch(1 + n / 5), purchase);
        last = entry.position();
        entry
    };
    (1..=ORDERS).map(next).collect()
}

fn write(entries: Vec<Entry>) -> Write {
    Write {
        truncate_above: None,
        entries,
        cluster: Some(ClusterId(5)),
        promise: Epoch(3),
        mark: Epoch(3),
        commit: OrderNumber(10),
    }
}

/// A sound database, made once; each case works on a copy.
pub fn template() -> &'static Path {
    static MADE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = MADE.get_or_init(|| {
        let temp = harm::folder();
        let path = temp.path().join("order-1");
        OrderStore::create(&path, ID).unwrap();
        let mut store = OrderStore::open(&path, ID).unwrap();
        store.start().unwrap();
        store.apply(vec![write(log())]).unwrap();
        store.raise_mark().unwrap();
        drop(store);
        when_free(|| sled::open(path.join("sled")).ok());
        (temp, path)
    });
    path
}

/// Opens it as a service does; whatever opens holds the whole log, and takes more.
fn use_it(path: &Path) -> Result<(), TestCaseError> {
    let mut store = match OrderStore::open(path, ID) {
        Ok(store) => store,
        Err(StorageError::InUse(_)) => return Err(TestCaseError::fail("still in use")),
        Err(_) => return Ok(()),
    };
    let reader = store.reader();
    prop_assert_eq!(&reader.page(OrderNumber::ZERO, 100).unwrap(), &log());
    for number in (0..15).chain([u64::MAX]).map(OrderNumber) {
        let entry = log().into_iter().find(|entry| entry.number == number);
        prop_assert_eq!(reader.entry(number), Ok(entry));
        prop_assert!(reader.page(number, 3).is_ok());
    }
    for entry in log() {
        prop_assert_eq!(reader.number_of(&entry.purchase.key), Ok(Some(entry.number)));
    }
    let saved = store.saved();
    prop_assert_eq!(saved.last, log()[ORDERS as usize - 1].position());
    prop_assert!(saved.commit <= saved.last.number);
    store.start().unwrap();
    let more = Entry::after(&saved.last, Epoch(9), log()[0].purchase.clone());
    let more = Entry::after(
        &saved.last,
        more.epoch,
        Purchase { key: OrderKey::new("more").unwrap(), ..more.purchase },
    );
    store.apply(vec![write(vec![more.clone()])]).unwrap();
    store.raise_mark().unwrap();
    prop_assert_eq!(reader.entry(more.number), Ok(Some(more)));
    Ok(())
}

/// Reads row by row what is left, as the inspector does.
fn salvage(path: &Path) {
    let Ok(salvage) = Salvage::open(path, Kind::Order(1)) else { return };
    for tree in [Tree::Orders, Tree::Meta, Tree::Products] {
        let (rows, _) = salvage.rows(tree, None, 100);
        for (key, _) in rows.iter().take(20) {
            let _ = salvage.row(tree, key);
            let _ = salvage.rows(tree, Some(key), 2);
        }
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn random_rows_of_a_replica_are_seen(harms in harms()) {
        let (_temp, path) = copy_of(template());
        harm_rows(&path, &TREES, &harms);
        use_it(&path)?;
        salvage(&path);
    }

    #[test]
    fn random_bytes_in_a_replicas_files_are_seen(harm in scratches()) {
        let (_temp, path) = copy_of(template());
        scratch(&path, &harm);
        salvage(&path);
        use_it(&path)?;
    }
}
