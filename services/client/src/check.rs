//! Whether the store still says what it said.

use std::collections::BTreeMap;

use serde::Serialize;
use toystore_domain::api::OrderBody;
use toystore_domain::{OrderKey, OrderNumber, ProductName, Quantity};

use crate::api::{Request, Trouble};
use crate::patience::Customer;
use crate::stats::Tally;

/// An order as the customer was told of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Acknowledged {
    /// Which customer.
    pub client: u64,
    /// The key it was sent under.
    pub key: OrderKey,
    /// The number it got.
    pub number: OrderNumber,
    /// The toy.
    pub name: ProductName,
    /// How many.
    pub quantity: Quantity,
    /// When it was first sent, since the start.
    pub sent_ms: f64,
    /// When it was acknowledged, since the start.
    pub acked_ms: f64,
}

/// An order that reads otherwise than it was acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mismatch {
    /// What the customer was told.
    pub order: Acknowledged,
    /// What the store says now.
    pub found: OrderBody,
}

/// One number for several orders.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Duplicate {
    /// The number.
    pub number: OrderNumber,
    /// The keys of the orders that got it.
    pub keys: Vec<OrderKey>,
}

/// An order that could not be looked up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unchecked {
    /// What the customer was told.
    pub order: Acknowledged,
    /// Why there is no answer.
    pub reason: String,
}

/// What the check brought to light.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Findings {
    /// Orders that the store does not know.
    pub lost: Vec<Acknowledged>,
    /// Orders that changed.
    pub mismatches: Vec<Mismatch>,
    /// Numbers given more than once.
    pub duplicates: Vec<Duplicate>,
    /// Orders of which nothing can be said.
    pub unchecked: Vec<Unchecked>,
}

impl Findings {
    /// Adds another customer's findings.
    pub fn add(&mut self, other: Self) {
        self.lost.extend(other.lost);
        self.mismatches.extend(other.mismatches);
        self.duplicates.extend(other.duplicates);
        self.unchecked.extend(other.unchecked);
    }

    /// Whether the store broke its promise.
    #[must_use]
    pub fn any_wrong(&self) -> bool {
        !(self.lost.is_empty() && self.mismatches.is_empty() && self.duplicates.is_empty())
    }

    fn compare(&mut self, order: &Acknowledged, answer: Result<OrderBody, Trouble>) {
        match answer {
            Ok(found) => {
                let same = found.number == order.number.0
                    && found.name == order.name.as_str()
                    && found.quantity == order.quantity.get();
                if !same {
                    self.mismatches.push(Mismatch { order: order.clone(), found });
                }
            }
            Err(trouble) if trouble.has_status(404) => self.lost.push(order.clone()),
            Err(trouble) => {
                let reason = trouble.to_string();
                self.unchecked.push(Unchecked { order: order.clone(), reason });
            }
        }
    }
}

/// Fetches each of a customer's orders and compares.
pub async fn check(
    customer: &mut Customer,
    orders: &[Acknowledged],
    tally: &mut Tally,
) -> Findings {
    let mut findings = Findings::default();
    for order in orders {
        let answer = if customer.has_lost_hope() {
            Err(Trouble::NotSent)
        } else {
            customer.ask(&Request::Order(order.number), tally).await.answer
        };
        findings.compare(order, answer);
    }
    findings
}

/// Finds numbers that more than one of these orders got.
#[must_use]
pub fn duplicates(orders: &[Acknowledged]) -> Vec<Duplicate> {
    let mut keys: BTreeMap<OrderNumber, Vec<OrderKey>> = BTreeMap::new();
    for order in orders {
        keys.entry(order.number).or_default().push(order.key.clone());
    }
    let shared = keys.into_iter().filter(|(_, keys)| keys.len() > 1);
    shared.map(|(number, keys)| Duplicate { number, keys }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(number: u64, key: &str) -> Acknowledged {
        Acknowledged {
            client: 0,
            key: OrderKey::new(key).unwrap(),
            number: OrderNumber(number),
            name: ProductName::new("Tux").unwrap(),
            quantity: Quantity::new(2).unwrap(),
            sent_ms: 0.0,
            acked_ms: 1.0,
        }
    }

    #[test]
    fn every_difference_is_a_mismatch() {
        let right = OrderBody { number: 1, name: "Tux".into(), quantity: 2 };
        let wrong = [
            OrderBody { number: 2, ..right.clone() },
            OrderBody { name: "Uno".into(), ..right.clone() },
            OrderBody { quantity: 3, ..right.clone() },
        ];
        let mut findings = Findings::default();
        findings.compare(&order(1, "a"), Ok(right));
        assert_eq!(findings, Findings::default());
        wrong.into_iter().for_each(|found| findings.compare(&order(1, "a"), Ok(found)));
        assert_eq!(findings.mismatches.len(), 3);
        assert!(findings.any_wrong());
    }

    #[test]
    fn only_a_404_is_a_lost_order() {
        let refused = |status| Trouble::Refused { status, message: String::new(), later: false };
        let mut findings = Findings::default();
        findings.compare(&order(1, "a"), Err(refused(503)));
        findings.compare(&order(1, "a"), Err(Trouble::TimedOut));
        assert!(!findings.any_wrong() && findings.unchecked.len() == 2);
        findings.compare(&order(1, "a"), Err(refused(404)));
        assert!(findings.any_wrong() && findings.lost.len() == 1);
    }

    #[test]
    fn a_number_given_twice_is_found() {
        let orders = [order(1, "a"), order(2, "b"), order(1, "c")];
        let found = duplicates(&orders);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].number.0, found[0].keys.len()), (1, 2));
    }
}
