//! The invariants, each a function of its own.

use std::collections::BTreeMap;

use toystore_authority::memory::Rows;
use toystore_domain::{OrderKey, OrderNumber, ProductName};
use toystore_replication::{Entry, ReplicaId};

use super::Core;
use super::disk::Disk;

/// What clients were told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Key → number of acknowledged orders.
    pub numbers: BTreeMap<OrderKey, OrderNumber>,
    keys: BTreeMap<OrderNumber, OrderKey>,
}

impl Told {
    /// A client is told a number.
    ///
    /// # Panics
    /// When the key has another number, or the number another key (I3).
    pub fn placed(&mut self, key: &OrderKey, number: OrderNumber) -> bool {
        let known = self.numbers.insert(key.clone(), number);
        assert!(known.is_none_or(|known| known == number), "I3: {key} has two numbers");
        let other = self.keys.insert(number, key.clone());
        assert!(other.is_none_or(|other| other == *key), "I3: number {number} has two orders");
        known.is_none()
    }
}

/// I1: every acknowledged order is synced on every replica that may lead.
///
/// # Panics
/// When one is not.
pub fn acknowledged_is_durable(told: &Told, may_lead: &[(ReplicaId, Disk)]) {
    for (id, disk) in may_lead {
        for (key, number) in &told.numbers {
            let entry = disk.synced(*number);
            let held = entry.as_ref().is_some_and(|entry| entry.purchase.key == *key);
            assert!(held, "I1: replica {id} may lead and lacks order {number} ({key}): {entry:?}");
        }
    }
}

/// I4: the books balance, and agree with the reservations.
///
/// # Panics
/// When they do not.
pub fn books_balance(rows: &Rows) {
    let mut held: BTreeMap<&ProductName, u64> = BTreeMap::new();
    for row in rows.reservations.values() {
        *held.entry(&row.purchase.product).or_default() += row.purchase.quantity.get();
    }
    for (name, books) in &rows.products {
        assert!(books.balanced(), "I4: {name} {books:?}");
        assert_eq!(held.get(name).copied().unwrap_or_default(), books.reserved, "I4: {name}");
    }
}

/// I6: logs agree up to the lower of two commit numbers. The chain hash covers all before.
///
/// # Panics
/// When they do not.
pub fn committed_prefixes_agree(cores: &[(ReplicaId, &Core)]) {
    for (a, a_core) in cores {
        for (b, b_core) in cores {
            let upto = a_core.health().commit.min(b_core.health().commit);
            let (mine, theirs) = (a_core.entry(upto), b_core.entry(upto));
            assert_eq!(mine, theirs, "I6: {a} and {b} differ at {upto}");
        }
    }
}

/// At rest (I6, I8): logs are equal, nothing is reserved, what was sold is what is in the log.
///
/// # Panics
/// When it is not so.
pub fn at_rest(told: &Told, logs: &[(ReplicaId, Vec<Entry>)], rows: &Rows) {
    let (first, log) = &logs[0];
    for (id, other) in logs {
        assert_eq!(log.last(), other.last(), "I6: {first} and {id} differ at rest");
    }
    assert!(rows.reservations.is_empty(), "I8: reserved at rest: {:?}", rows.reservations);
    let mut sold: BTreeMap<&ProductName, u64> = BTreeMap::new();
    for entry in log {
        *sold.entry(&entry.purchase.product).or_default() += entry.purchase.quantity.get();
    }
    for (name, books) in &rows.products {
        let in_log = sold.get(name).copied().unwrap_or_default();
        assert_eq!(in_log, books.sold, "I3, I8: {name}: in the log, and sold");
    }
    for (key, number) in &told.numbers {
        let entry = &log[number.0 as usize - 1];
        assert_eq!(entry.purchase.key, *key, "I1: order {number} changed");
    }
}
