//! An order replica's database: what survives, and what damage is seen.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;

use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_replication::{ClusterId, Entry, Epoch, Position, ReplicaId, Stored, Write, WriteId};
use toystore_storage::schema::{OrderState, rows_of};
use toystore_storage::{OrderStore, OrderWriter, StorageError, folder};

mod common;

const ID: ReplicaId = ReplicaId(1);

fn purchase(n: u64) -> Purchase {
    Purchase {
        key: OrderKey::new(&format!("key-{n}")).unwrap(),
        product: ProductName::new("Tux").unwrap(),
        quantity: Quantity::new(1 + n % 7).unwrap(),
    }
}

fn entries(after: Position, epoch: u64, count: u64) -> Vec<Entry> {
    let mut last = after;
    let next = |n| {
        let entry = Entry::after(&last, Epoch(epoch), purchase(n + epoch * 1_000_000));
        last = entry.position();
        entry
    };
    (after.number.0 + 1..=after.number.0 + count).map(next).collect()
}

fn write(truncate_above: Option<u64>, entries: Vec<Entry>, commit: u64) -> Write {
    Write {
        truncate_above: truncate_above.map(OrderNumber),
        entries,
        cluster: Some(ClusterId(5)),
        promise: Epoch(1),
        mark: Epoch(1),
        commit: OrderNumber(commit),
    }
}

fn open(dir: &Path) -> Result<OrderStore, StorageError> {
    OrderStore::open(dir, ID)
}

/// sled itself, of a database that opens.
fn raw(dir: &Path) -> sled::Db {
    drop(open(dir).unwrap());
    common::raw(dir)
}

fn fresh(dir: &Path) -> OrderStore {
    OrderStore::create(dir, ID).unwrap();
    open(dir).unwrap()
}

fn damage(dir: &Path) -> String {
    match open(dir) {
        Err(error @ StorageError::Damaged { .. }) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the damage was not seen"),
    }
}

#[test]
fn what_was_saved_is_there_again() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("order-1");
    let mut store = fresh(&dir);
    store.start().unwrap();
    let log = entries(Position::ORIGIN, 1, 50);
    store
        .apply(vec![write(None, log[..20].to_vec(), 10), write(None, log[20..].to_vec(), 30)])
        .unwrap();
    store.raise_mark().unwrap();
    let saved = store.saved();
    drop(store);
    let mut store = open(&dir).unwrap();
    assert_eq!(store.saved().last, log[49].position());
    assert_eq!(store.saved().commit, OrderNumber(30));
    assert_eq!(store.saved().me, saved.me);
    store.start().unwrap();
    assert_eq!(store.saved().me.incarnation, saved.me.incarnation.next());
    let reader = store.reader();
    assert_eq!(reader.entry(OrderNumber(7)), Ok(Some(log[6].clone())));
    assert_eq!(reader.number_of(&log[6].purchase.key), Ok(Some(OrderNumber(7))));
    assert_eq!(reader.page(OrderNumber(45), 10).unwrap(), log[45..].to_vec());
}

#[test]
fn a_cut_tail_takes_its_keys_along() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("order-1");
    let mut store = fresh(&dir);
    let old = entries(Position::ORIGIN, 1, 3000);
    store.apply(vec![write(None, old.clone(), 0)]).unwrap();
    store.raise_mark().unwrap();
    let mut new = entries(old[99].position(), 2, 5);
    // What was cut off under number 2000 is placed again.
    new.push(Entry::after(&new[4].position(), Epoch(2), old[1999].purchase.clone()));
    store.apply(vec![write(Some(100), new.clone(), 100)]).unwrap();
    let found = |store: &OrderStore| {
        let number = |entry: &Entry| store.reader().number_of(&entry.purchase.key).unwrap();
        [&old[99], &old[100], &old[1999], &new[4]].map(number)
    };
    let expected = [Some(100), None, Some(106), Some(105)].map(|number| number.map(OrderNumber));
    assert_eq!(found(&store), expected);
    drop(store);
    let store = open(&dir).unwrap();
    assert_eq!(store.last(), new[5].position());
    assert_eq!(found(&store), expected);
}

#[test]
fn a_missing_record_is_seen() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("order-1");
    let mut store = fresh(&dir);
    for three in entries(Position::ORIGIN, 1, 9).chunks(3) {
        store.apply(vec![write(None, three.to_vec(), 0)]).unwrap();
    }
    drop(store);
    let db = raw(&dir);
    db.open_tree("orders").unwrap().remove(6_u64.to_be_bytes()).unwrap().unwrap();
    db.flush().unwrap();
    drop(db);
    assert!(damage(&dir).contains("order 4 is missing: 7 follows 3"));
}

#[test]
fn a_key_that_two_orders_have_is_seen() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("order-1");
    let mut store = fresh(&dir);
    let log = entries(Position::ORIGIN, 1, 9);
    store.apply(vec![write(None, log.clone(), 0)]).unwrap();
    drop(store);
    let db = raw(&dir);
    let twice = Entry::after(&log[8].position(), Epoch(1), log[3].purchase.clone());
    for (key, record) in rows_of(&[twice]).unwrap() {
        db.open_tree("orders").unwrap().insert(key, record).unwrap();
    }
    db.flush().unwrap();
    drop(db);
    assert!(damage(&dir).contains("order 10 has the key of an earlier one, key-1000004"));
}

#[test]
fn a_rolled_back_database_is_seen() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("order-1");
    let earlier = temp.path().join("earlier");
    let mut store = fresh(&dir);
    let log = entries(Position::ORIGIN, 1, 9);
    store.apply(vec![write(None, log[..5].to_vec(), 0)]).unwrap();
    drop(store);
    folder::copy(&dir.join("sled"), &earlier).unwrap();
    let mut store = open(&dir).unwrap();
    store.apply(vec![write(None, log[5..].to_vec(), 0)]).unwrap();
    store.raise_mark().unwrap();
    drop(store);
    fs::remove_dir_all(dir.join("sled")).unwrap();
    fs::rename(&earlier, dir.join("sled")).unwrap();
    assert!(damage(&dir).contains("rolled back"));
}

#[test]
fn no_flipped_byte_goes_unseen_or_loses_orders() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("order-1");
    let mut store = fresh(&dir);
    let log = entries(Position::ORIGIN, 1, 400);
    store.apply(vec![write(None, log.clone(), 400)]).unwrap();
    store.raise_mark().unwrap();
    drop(store);
    let size = fs::metadata(dir.join("sled/db")).unwrap().len();
    let mut seen = 0;
    for step in 0..24_u64 {
        let copy = temp.path().join(format!("copy-{step}"));
        folder::copy(&dir, &copy).unwrap();
        let mut bytes = fs::read(copy.join("sled/db")).unwrap();
        let at = (size * step / 24 + step) as usize;
        bytes[at] ^= 0x55;
        fs::write(copy.join("sled/db"), bytes).unwrap();
        match open(&copy) {
            Err(_) => seen += 1,
            Ok(store) => assert_eq!(store.last(), log[399].position(), "byte {at}"),
        }
    }
    assert!(seen > 0, "no flipped byte met a record");
}

#[test]
fn a_foreign_a_missing_and_a_stripped_folder_are_told_apart() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("order-1");
    assert!(matches!(OrderStore::open(&dir, ID), Err(StorageError::NotFound(_))));
    OrderStore::create(&dir, ID).unwrap();
    assert!(matches!(OrderStore::create(&dir, ID), Err(StorageError::Exists(_))));
    assert!(matches!(OrderStore::open(&dir, ReplicaId(2)), Err(StorageError::Foreign { .. })));
    fs::remove_file(dir.join("sled/db")).unwrap();
    assert!(damage(&dir).contains("missing"));
    fs::remove_file(dir.join("FORMAT")).unwrap();
    assert!(damage(&dir).contains("FORMAT"));
}

#[test]
fn a_folder_of_another_layout_is_not_called_damaged() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("order-1");
    OrderStore::create(&dir, ID).unwrap();
    for content in ["toystore 1 order-1 4ef9caad88af466c4c9b5347b430f05e", "toystore 99 one more"] {
        let sum = toystore_codec::checksum(content.as_bytes());
        fs::write(dir.join("FORMAT"), format!("{content} {sum:08x}\n")).unwrap();
        let error = OrderStore::open(&dir, ID).err().unwrap();
        let layout = content.split(' ').nth(1).unwrap();
        let (told, ours) = (error.to_string(), toystore_storage::format::LAYOUT);
        assert!(!error.is_damage() && told.contains(&format!("has layout {layout}")), "{told}");
        assert!(told.contains(&format!("reads layout {ours}")), "{told}");
    }
}

#[test]
fn a_second_process_is_kept_out() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("order-1");
    let _store = fresh(&dir);
    assert!(matches!(OrderStore::open(&dir, ID), Err(StorageError::InUse(_))));
}

#[test]
fn the_writer_tells_in_order_and_finishes_before_it_goes() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("order-1");
    let store = fresh(&dir);
    let (tell, told) = channel();
    let writer =
        OrderWriter::spawn(store, move |id, _| tell.send(id).unwrap(), |error| panic!("{error}"))
            .unwrap();
    let log = entries(Position::ORIGIN, 1, 100);
    for (index, entry) in log.iter().enumerate() {
        writer.write(WriteId(index as u64 + 1), write(None, vec![entry.clone()], 0));
    }
    drop(writer);
    let told: Vec<_> = told.iter().collect();
    assert!(told.is_sorted() && told.last() == Some(&WriteId(100)));
    assert_eq!(open(&dir).unwrap().last(), log[99].position());
}

/// Orders as large as orders can be.
fn large_entries(count: u64) -> Vec<Entry> {
    let mut last = Position::ORIGIN;
    let next = |n| {
        let purchase = Purchase {
            key: OrderKey::new(&format!("{n:0255}")).unwrap(),
            product: ProductName::new(&"x".repeat(200)).unwrap(),
            quantity: Quantity::new(1_000_000).unwrap(),
        };
        let entry = Entry::after(&last, Epoch(u64::MAX), purchase);
        last = entry.position();
        entry
    };
    (1..=count).map(next).collect()
}

#[test]
fn nothing_lies_in_files_that_are_not_synced() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("order-1");
    let mut store = fresh(&dir);
    let log = large_entries(3000);
    // What is too large for sled's log goes into files of its own, which sled never syncs.
    let mut apply = |cut: Option<u64>, orders: &[Entry]| {
        store.apply(vec![write(cut, orders.to_vec(), 0)]).unwrap();
        assert_eq!(fs::read_dir(dir.join("sled/blobs")).unwrap().count(), 0);
    };
    log.chunks(64).for_each(|orders| apply(None, orders));
    // A cut merges leaves.
    for cut in [2900, 2890, 2000, 100] {
        apply(Some(cut), &[]);
        log[cut as usize..].chunks(7).for_each(|orders| apply(None, orders));
    }
    assert_eq!(store.last(), log[2999].position());
}

#[test]
fn a_database_is_made_of_a_log() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("order-1");
    let log = entries(Position::ORIGIN, 1, 50);
    let state = OrderState {
        cluster: Some(ClusterId(5)),
        promise: Epoch(3),
        mark: Epoch(3),
        commit: OrderNumber(40),
        ..OrderState::default()
    };
    let make = |pages: Vec<Vec<Entry>>| {
        let pages = pages.into_iter().map(Ok::<_, StorageError>);
        OrderStore::create_with(&dir, ID, &state, pages)
    };
    let twice = Entry::after(&log[49].position(), Epoch(1), log[0].purchase.clone());
    for (broken, why) in [
        (vec![log[..20].to_vec(), log[21..].to_vec()], "order 22 does not follow order 20"),
        (vec![log.clone(), vec![twice]], "order 51 has the key of an earlier one"),
    ] {
        let error = make(broken).unwrap_err().to_string();
        assert!(error.contains(why) && !dir.exists(), "{error}");
    }
    make(vec![log[..20].to_vec(), Vec::new(), log[20..].to_vec()]).unwrap();
    let store = open(&dir).unwrap();
    assert_eq!((store.state(), store.last()), (&state, log[49].position()));
    assert_eq!(store.reader().number_of(&log[30].purchase.key).unwrap(), Some(OrderNumber(31)));
    assert!(matches!(make(Vec::new()), Err(StorageError::Exists(_))));
}
