//! The catalog's database.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use toystore_authority::{Command, Database, Transaction, execute};
use toystore_coherence::messages::PutProduct;
use toystore_domain::{Books, Cents, OrderKey, ProductName, Purchase, Quantity};
use toystore_replication::messages::Transact;
use toystore_replication::{
    ClusterId, Epoch, Incarnation, Member, ReplicaId, Revision, Sequence, StoreId, View,
};
use toystore_storage::salvage::{Salvage, Tree};
use toystore_storage::{CatalogStore, Kind, StorageError};

use crate::harm::{copy_of, harm_rows, harms, scratch, scratches, when_free};
use crate::{cases, harm};

const TREES: [&str; 5] = ["products", "sold_out", "reservations", "restocks", "meta"];

fn name(text: &str) -> ProductName {
    ProductName::new(text).unwrap()
}

fn leader() -> Member {
    Member { id: ReplicaId(1), store: StoreId(1), incarnation: Incarnation(1) }
}

fn view() -> View {
    let (epoch, revision) = (Epoch(1), Revision(1));
    View { cluster: ClusterId(9), epoch, revision, leader: leader(), in_sync: vec![leader()] }
}

fn transact(sequence: u64, key: &str, product: &str) -> Command {
    let (key, quantity) = (OrderKey::new(key).unwrap(), Quantity::new(1).unwrap());
    Command::Transact(Transact {
        epoch: Epoch(1),
        leader: leader(),
        sequence: Sequence(sequence),
        reserve: vec![Purchase { key, product: name(product), quantity }],
        record: vec![],
        settle: vec![],
        cancel: vec![],
    })
}

fn put(product: &str) -> Command {
    let (price, stock) = (Cents::new(7), Some(5));
    Command::Put(PutProduct { name: name(product), price, stock })
}

/// A sound database, made once; each case works on a copy.
pub fn template() -> &'static Path {
    static MADE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = MADE.get_or_init(|| {
        let temp = harm::folder();
        let path = temp.path().join("catalog");
        let books = |(text, stock)| (name(text), Books::open(Cents::new(999).unwrap(), stock));
        let products = [("Clue", 3), ("Tux", 2), ("Uno", 1)].map(books);
        CatalogStore::create(&path, ClusterId(9), &products, Some(&view())).unwrap();
        let store = CatalogStore::open(&path).unwrap();
        store.put_lease_millis(1000).unwrap();
        let commands = [
            transact(1, "a", "Uno"),
            Command::Restock(9),
            transact(2, "b", "Tux"),
            transact(3, "c", "Tux"),
        ];
        for command in commands {
            let mut tx = store.begin();
            execute(&mut tx, &command, &mut BTreeSet::new()).unwrap();
            tx.commit().unwrap();
        }
        store.raise_mark().unwrap();
        drop(store);
        when_free(|| sled::open(path.join("sled")).ok());
        (temp, path)
    });
    path
}

/// Opens it as a service does, and reads everything; what it does then ends in an answer or in an
/// error, and leaves the books balanced.
fn use_it(path: &Path) -> Result<(), TestCaseError> {
    let store = match CatalogStore::open(path) {
        Ok(store) => store,
        Err(StorageError::InUse(_)) => return Err(TestCaseError::fail("still in use")),
        Err(_) => return Ok(()),
    };
    let _ = (store.lease_millis(), store.restocks());
    let sold_out = store.begin().sold_out(100).unwrap();
    let without = store.products(None, 100).unwrap().into_iter();
    let without: Vec<_> = without.filter(|(_, b)| b.stock == 0).map(|(name, _)| name).collect();
    prop_assert_eq!(sold_out, without);
    for (product, books) in store.products(None, 100).unwrap() {
        prop_assert!(books.balanced());
        prop_assert!(store.product(&product).is_ok());
    }
    let export = Command::Export(toystore_authority::messages::ExportCatalog {
        after_product: None,
        after_key: None,
    });
    for command in [transact(4, "d", "Clue"), put("Tux"), put("More"), Command::Restock(9), export]
    {
        let mut tx = store.begin();
        if execute(&mut tx, &command, &mut BTreeSet::new()).is_ok() {
            tx.commit().unwrap();
        }
    }
    prop_assert!(store.products(None, 100).unwrap().iter().all(|(_, books)| books.balanced()));
    let _ = (store.begin().fence(), store.begin().view(), store.begin().reservations(None, 9));
    Ok(())
}

fn salvage(path: &Path) {
    let Ok(salvage) = Salvage::open(path, Kind::Catalog) else { return };
    for tree in [Tree::Products, Tree::SoldOut, Tree::Reservations, Tree::Restocks, Tree::Meta] {
        let (rows, _) = salvage.rows(tree, None, 100);
        for (key, _) in rows.iter().take(20) {
            let _ = salvage.row(tree, key);
        }
    }
}

/// As many as there are sold-out toys, but not these: such a toy would never be restocked.
#[test]
fn an_index_of_other_toys_than_the_sold_out_ones_is_seen() {
    let (_temp, path) = copy_of(template());
    let db = when_free(|| sled::open(path.join("sled")).ok());
    let index = db.open_tree("sold_out").unwrap();
    let row = index.remove("Tux").unwrap().unwrap();
    index.insert("Clue", row).unwrap();
    db.flush().unwrap();
    drop((index, db));
    assert!(CatalogStore::open(&path).is_err_and(|error| error.is_damage()));
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn random_rows_of_the_catalog_are_seen(harms in harms()) {
        let (_temp, path) = copy_of(template());
        harm_rows(&path, &TREES, &harms);
        use_it(&path)?;
        salvage(&path);
    }

    #[test]
    fn random_bytes_in_the_catalogs_files_are_seen(harm in scratches()) {
        let (_temp, path) = copy_of(template());
        scratch(&path, &harm);
        salvage(&path);
        use_it(&path)?;
    }
}
