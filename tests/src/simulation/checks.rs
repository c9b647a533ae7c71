//! The invariants, each a function of its own.

use std::collections::BTreeMap;

use toystore_authority::memory::Rows;
use toystore_domain::{Order, OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_replication::{Entry, ReplicaId};

use super::Core;
use super::disk::Disk;

/// What front ends were told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Key → number of acknowledged orders.
    pub numbers: BTreeMap<OrderKey, OrderNumber>,
    keys: BTreeMap<OrderNumber, OrderKey>,
    /// Orders that somebody placed or found.
    orders: BTreeMap<OrderNumber, Order>,
    /// Attempts that were not refused, for each key and body.
    not_refused: BTreeMap<(OrderKey, ProductName, Quantity), u64>,
}

impl Told {
    /// Somebody begins to place an order.
    pub fn attempted(&mut self, purchase: &Purchase) {
        *self.not_refused.entry(body(purchase)).or_default() += 1;
    }

    /// An attempt is told that nothing was and will be done.
    pub fn refused(&mut self, purchase: &Purchase) {
        *self.not_refused.entry(body(purchase)).or_default() -= 1;
    }

    /// A front end is told a number.
    ///
    /// # Panics
    /// When the key has another number, or the number another order (I3).
    pub fn placed(&mut self, purchase: &Purchase, number: OrderNumber) -> bool {
        let Purchase { key, product, quantity } = purchase.clone();
        let known = self.numbers.insert(key.clone(), number);
        assert!(known.is_none_or(|known| known == number), "I3: {key} has two numbers");
        let other = self.keys.insert(number, key.clone());
        assert!(other.is_none_or(|other| other == key), "I3: number {number} has two orders");
        self.found(&Order { number, product, quantity });
        known.is_none()
    }

    /// Somebody sees an order.
    ///
    /// # Panics
    /// When it was another one before (I1).
    pub fn found(&mut self, order: &Order) {
        let known = self.orders.insert(order.number, order.clone());
        assert!(known.is_none_or(|known| known == *order), "I1: {order:?} was another before");
    }

    /// Whether an order is known to exist.
    #[must_use]
    pub fn knows(&self, number: OrderNumber) -> bool {
        self.orders.contains_key(&number)
    }

    /// The last order known to exist.
    #[must_use]
    pub fn last(&self) -> OrderNumber {
        self.orders.last_key_value().map_or(OrderNumber::ZERO, |(number, _)| *number)
    }
}

fn body(purchase: &Purchase) -> (OrderKey, ProductName, Quantity) {
    (purchase.key.clone(), purchase.product.clone(), purchase.quantity)
}

/// I1: every order that somebody placed or found is synced on every replica that may lead.
///
/// # Panics
/// When one is not.
pub fn acknowledged_is_durable(told: &Told, may_lead: &[(ReplicaId, Disk)]) {
    for (id, disk) in may_lead {
        for (number, order) in &told.orders {
            let entry = disk.synced(*number);
            let held = entry.as_ref().is_some_and(|entry| entry.order() == *order);
            assert!(held, "I1: replica {id} may lead and lacks {order:?}: {entry:?}");
        }
    }
}

/// I9: whoever was told that nothing was and will be done was told the truth.
///
/// # Panics
/// When an order is in the log although each attempt to place it was refused.
pub fn refusals_are_true(told: &Told, log: &[Entry]) {
    for Entry { number, purchase, .. } in log {
        let attempts = told.not_refused.get(&body(purchase)).copied().unwrap_or_default();
        assert!(attempts > 0, "I9: order {number} ({purchase:?}) was refused");
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
    refusals_are_true(told, log);
    // A single replica's orders keep their rows: the catalog is their second disk.
    assert!(logs.len() == 1 || rows.reservations.is_empty(), "I8: {:?}", rows.reservations);
    let mut sold: BTreeMap<&ProductName, u64> = BTreeMap::new();
    for entry in log {
        *sold.entry(&entry.purchase.product).or_default() += entry.purchase.quantity.get();
    }
    for (name, books) in &rows.products {
        let in_log = sold.get(name).copied().unwrap_or_default();
        let kept = books.sold + books.reserved;
        assert_eq!(in_log, kept, "I3, I8: {name}: in the log, and sold");
    }
    for (key, number) in &told.numbers {
        let entry = &log[number.0 as usize - 1];
        assert_eq!(entry.purchase.key, *key, "I1: order {number} changed");
    }
}
