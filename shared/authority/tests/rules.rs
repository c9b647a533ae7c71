//! The catalog's rules on the database in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use toystore_authority::memory::MemoryDatabase;
use toystore_authority::messages::Proposed;
use toystore_authority::{Database, Transaction, products, transact, views};
use toystore_domain::{Cents, OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_replication::messages::{Record, Reserved, Transact, Transacted};
use toystore_replication::view::Proposal;
use toystore_replication::{
    ClusterId, Epoch, Incarnation, Member, ReplicaId, Revision, Sequence, StoreId,
};

fn member(id: u8) -> Member {
    Member { id: ReplicaId(id), store: StoreId(u128::from(id)), incarnation: Incarnation(1) }
}

fn name() -> ProductName {
    ProductName::new("Tux").unwrap()
}

fn key(text: &str) -> OrderKey {
    OrderKey::new(text).unwrap()
}

fn purchase(text: &str, quantity: u64) -> Purchase {
    Purchase { key: key(text), product: name(), quantity: Quantity::new(quantity).unwrap() }
}

fn request(leader: u8, epoch: u64, sequence: u64) -> Transact {
    Transact {
        epoch: Epoch(epoch),
        leader: member(leader),
        sequence: Sequence(sequence),
        reserve: vec![],
        record: vec![],
        settle: vec![],
        cancel: vec![],
    }
}

/// A catalog with five Tux, replica 3 leading 1, 2 and 3 in epoch 1.
fn catalog() -> MemoryDatabase {
    let database = MemoryDatabase::new(ClusterId(1));
    let mut tx = database.begin();
    products::put(&mut tx, &name(), Cents::new(2599), Some(5), &mut BTreeSet::new()).unwrap();
    let in_sync = vec![member(1), member(2), member(3)];
    let proposal = Proposal { revision: Revision(0), leader: member(3), in_sync, unfit: vec![] };
    assert!(matches!(views::propose(&mut tx, &proposal), Ok(Proposed::Accepted(_))));
    tx.commit().unwrap();
    database
}

fn run(database: &MemoryDatabase, request: &Transact) -> Transacted {
    let mut tx = database.begin();
    let transacted = transact::transact(&mut tx, request, &mut BTreeSet::new()).unwrap();
    tx.commit().unwrap();
    let rows = database.rows();
    let books = &rows.products[&name()];
    let held: u64 = rows.reservations.values().map(|row| row.purchase.quantity.get()).sum();
    assert!(books.balanced() && books.reserved == held, "{books:?}");
    transacted
}

fn stock(database: &MemoryDatabase) -> u64 {
    database.rows().products[&name()].stock
}

#[test]
fn reserve_settle_and_cancel_each_count_once() {
    let database = catalog();
    let reserve = vec![purchase("a", 2), purchase("b", 1), purchase("c", 3), purchase("a", 9)];
    let done = run(&database, &Transact { reserve, ..request(3, 1, 1) });
    let answers =
        vec![Reserved::Granted, Reserved::Granted, Reserved::OutOfStock, Reserved::KeyReused];
    assert_eq!(done, Transacted::Done(answers));
    let second = Transact { settle: vec![key("a")], cancel: vec![key("b")], ..request(3, 1, 2) };
    run(&database, &second);
    assert_eq!(stock(&database), 3);
    let third = Transact { settle: vec![key("a")], cancel: vec![key("b")], ..request(3, 1, 3) };
    run(&database, &third);
    assert_eq!((stock(&database), database.rows().products[&name()].sold), (3, 2));
}

#[test]
fn a_late_copy_of_an_answered_transaction_takes_nothing() {
    let database = catalog();
    let first = Transact { reserve: vec![purchase("a", 2)], ..request(3, 1, 1) };
    run(&database, &first);
    assert_eq!(run(&database, &first), Transacted::Done(vec![Reserved::Granted]));
    run(&database, &Transact { settle: vec![key("a")], ..request(3, 1, 2) });
    assert_eq!(run(&database, &first), Transacted::Fenced(None));
    assert_eq!(stock(&database), 3);
}

#[test]
fn a_refused_purchase_stays_refused_for_a_copy_of_its_transaction() {
    let database = catalog();
    let first = Transact { reserve: vec![purchase("a", 6)], ..request(3, 1, 1) };
    assert_eq!(run(&database, &first), Transacted::Done(vec![Reserved::OutOfStock]));
    let mut tx = database.begin();
    products::put(&mut tx, &name(), None, Some(50), &mut BTreeSet::new()).unwrap();
    tx.commit().unwrap();
    assert_eq!(run(&database, &first), Transacted::Done(vec![Reserved::OutOfStock]));
    assert_eq!(stock(&database), 50);
}

#[test]
fn a_deposed_leader_changes_nothing() {
    let database = catalog();
    let mut tx = database.begin();
    let in_sync = vec![member(1), member(2)];
    let proposal = Proposal { revision: Revision(1), leader: member(2), in_sync, unfit: vec![] };
    assert!(matches!(views::propose(&mut tx, &proposal), Ok(Proposed::Accepted(_))));
    tx.commit().unwrap();
    let late = Transact { reserve: vec![purchase("a", 1)], ..request(3, 1, 1) };
    assert!(matches!(run(&database, &late), Transacted::Fenced(Some(_))));
    assert_eq!(stock(&database), 5);
    let new = Transact { reserve: vec![purchase("a", 1)], ..request(2, 2, 1) };
    assert_eq!(run(&database, &new), Transacted::Done(vec![Reserved::Granted]));
}

#[test]
fn a_record_lives_as_long_as_its_reservation() {
    let database = catalog();
    let reserve = vec![purchase("a", 1)];
    run(&database, &Transact { reserve, ..request(3, 1, 1) });
    let record = vec![Record { key: key("a"), number: OrderNumber(1) }];
    run(&database, &Transact { record: record.clone(), ..request(3, 1, 2) });
    assert_eq!(database.rows().reservations[&key("a")].recorded, Some(OrderNumber(1)));
    run(&database, &Transact { settle: vec![key("a")], record, ..request(3, 1, 3) });
    assert!(database.rows().reservations.is_empty());
}

#[test]
fn restocking_takes_only_what_is_sold_out() {
    let database = catalog();
    run(&database, &Transact { reserve: vec![purchase("a", 5)], ..request(3, 1, 1) });
    let mut tx = database.begin();
    let mut changed = BTreeSet::new();
    assert_eq!(products::restock(&mut tx, 10, &mut changed).unwrap().len(), 1);
    assert_eq!(products::restock(&mut tx, 10, &mut changed).unwrap().len(), 0);
    tx.commit().unwrap();
    assert_eq!((stock(&database), changed.len()), (100, 1));
    run(&database, &Transact { cancel: vec![key("a")], ..request(3, 1, 2) });
    assert_eq!(stock(&database), 105);
}
