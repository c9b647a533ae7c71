//! One key, one order (I3); what was acknowledged is in the final log (I1), and nothing is in it
//! that nobody asked for.

use std::collections::{BTreeMap, BTreeSet};

use toystore_domain::{OrderKey, OrderNumber, Purchase};

use crate::history::{Call, Placing, Rest, What};

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Keys of which at least one attempt was acknowledged.
    pub acknowledged: u64,
    /// Acknowledgements of keys that had been acknowledged before.
    pub repeated: u64,
    /// Keys tried with more than one body.
    pub other_bodies: u64,
    /// Orders in the log of which no client was told.
    pub decided_by_log: u64,
}

/// What contradicts what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// One key was acknowledged with two numbers.
    #[error("key {key} got order {first} and order {second}")]
    TwoNumbers {
        /// The key.
        key: OrderKey,
        /// A number it got.
        first: OrderNumber,
        /// Another one.
        second: OrderNumber,
    },
    /// An acknowledged order is not what the log holds under its number.
    #[error("acknowledged, {call}; in the log that number is {logged:?}")]
    Lost {
        /// The acknowledged attempt.
        call: Box<Call>,
        /// What the log holds.
        logged: Option<Purchase>,
    },
    /// One key is in the log twice.
    #[error("key {key} is in the log as order {first} and as order {second}")]
    Doubled {
        /// The key.
        key: OrderKey,
        /// Its first number.
        first: OrderNumber,
        /// Its second number.
        second: OrderNumber,
    },
    /// Nobody asked for an order.
    #[error("nobody asked for order {number} in the log, {logged:?}")]
    Unasked {
        /// Its number.
        number: OrderNumber,
        /// What the log holds.
        logged: Purchase,
    },
}

/// Checks it.
///
/// # Errors
/// The first contradiction.
pub fn check(calls: &[Call], rest: &Rest) -> Result<Count, Violation> {
    let mut count = Count::default();
    let mut bodies: BTreeMap<&OrderKey, Vec<&Purchase>> = BTreeMap::new();
    let mut numbers: BTreeMap<&OrderKey, OrderNumber> = BTreeMap::new();
    for call in calls {
        let What::Place { purchase, outcome } = &call.what else { continue };
        let known = bodies.entry(&purchase.key).or_default();
        if !known.iter().any(|other| other.same_body(purchase)) {
            known.push(purchase);
        }
        let Placing::Placed(number) = *outcome else { continue };
        match numbers.insert(&purchase.key, number) {
            None => count.acknowledged += 1,
            Some(first) if first == number => count.repeated += 1,
            Some(first) => {
                let key = purchase.key.clone();
                return Err(Violation::TwoNumbers { key, first, second: number });
            }
        }
        let logged = rest.order(number);
        if logged != Some(purchase) {
            return Err(Violation::Lost { call: Box::new(call.clone()), logged: logged.cloned() });
        }
    }
    count.other_bodies = bodies.values().filter(|bodies| bodies.len() > 1).count() as u64;
    count.decided_by_log = check_log(rest, &bodies, &numbers)?;
    Ok(count)
}

/// Checks the log on its own; returns how many orders no client was told of.
fn check_log(
    rest: &Rest,
    bodies: &BTreeMap<&OrderKey, Vec<&Purchase>>,
    numbers: &BTreeMap<&OrderKey, OrderNumber>,
) -> Result<u64, Violation> {
    let mut seen = BTreeMap::new();
    let mut untold = BTreeSet::new();
    for (number, logged) in rest.numbered() {
        if let Some(first) = seen.insert(&logged.key, number) {
            let key = logged.key.clone();
            return Err(Violation::Doubled { key, first, second: number });
        }
        if rest.is_old(number) {
            continue;
        }
        let asked = bodies.get(&logged.key).is_some_and(|bodies| bodies.contains(&logged));
        if !asked {
            return Err(Violation::Unasked { number, logged: logged.clone() });
        }
        if !numbers.contains_key(&logged.key) {
            untold.insert(number);
        }
    }
    Ok(untold.len() as u64)
}
