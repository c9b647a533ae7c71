//! What customers were told, and whether it can all be true.

use std::collections::BTreeMap;

use toystore_authority::Failed;
use toystore_domain::{Order, OrderKey, OrderNumber, Purchase};
use toystore_replication::{Epoch, Fatal, Member};

/// A rule that one step broke: seen in the step, not in the state after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Broken {
    /// A replica ends itself for what it found.
    Fatal(Fatal),
    /// The catalog ends itself.
    Catalog(Failed),
    /// A disk was asked to leave a gap (I2).
    Gap(OrderNumber),
    /// A key has two numbers (I3).
    TwoNumbers(OrderKey),
    /// A number has two orders (I1).
    TwoOrders(OrderNumber),
    /// Two processes acknowledge in one epoch (I5).
    TwoLeaders(Epoch),
    /// An order that was known to exist was said not to (I7).
    Denied(OrderNumber),
    /// An order was acknowledged that too few disks hold (I1).
    TooFewDisks(OrderNumber),
    /// A reply does not fit the request.
    Mismatch,
}

/// What customers were told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Told {
    /// Orders that were acknowledged or found.
    pub orders: BTreeMap<OrderNumber, Order>,
    /// Key → number of acknowledged orders.
    pub numbers: BTreeMap<OrderKey, OrderNumber>,
    /// Who acknowledged in each epoch.
    leaders: BTreeMap<Epoch, Member>,
    /// An order was acknowledged while one replica was alone in the in-sync set.
    pub alone: bool,
}

impl Told {
    /// A leader acknowledges an order.
    ///
    /// # Errors
    /// It contradicts what was told before.
    pub fn placed(
        &mut self,
        (epoch, leader): (Epoch, Member),
        purchase: &Purchase,
        number: OrderNumber,
    ) -> Result<(), Broken> {
        if *self.leaders.entry(epoch).or_insert(leader) != leader {
            return Err(Broken::TwoLeaders(epoch));
        }
        if *self.numbers.entry(purchase.key.clone()).or_insert(number) != number {
            return Err(Broken::TwoNumbers(purchase.key.clone()));
        }
        if self.numbers.iter().any(|(key, other)| *other == number && *key != purchase.key) {
            return Err(Broken::TwoOrders(number));
        }
        let Purchase { product, quantity, .. } = purchase.clone();
        self.found(&Order { number, product, quantity })
    }

    /// Somebody sees an order.
    ///
    /// # Errors
    /// It was another one before.
    pub fn found(&mut self, order: &Order) -> Result<(), Broken> {
        let known = self.orders.entry(order.number).or_insert_with(|| order.clone());
        if known == order { Ok(()) } else { Err(Broken::TwoOrders(order.number)) }
    }
}
