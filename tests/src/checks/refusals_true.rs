//! An error that says that nothing happened is true (I9).
//!
//! A body of which every attempt was refused is not in the final log; and a key that was refused
//! because it had been used for another body had been tried with one.

use std::collections::BTreeMap;

use toystore_domain::{OrderKey, OrderNumber, Purchase};

use crate::history::{Call, Moment, Placing, Rest, What, Why};

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Refused attempts.
    pub refused: u64,
    /// Of those, attempts with a key that was used for another body.
    pub reused: u64,
    /// Bodies of which every attempt was refused.
    pub never_placed: u64,
}

/// What contradicts what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// It is in the log, though nothing was to be done.
    #[error("order {number} is in the log, yet all its attempts were refused, the last: {call}")]
    Done {
        /// The order.
        number: OrderNumber,
        /// The last refused attempt.
        call: Box<Call>,
    },
    /// A key was said to be used for another body, and nobody had.
    #[error("no other body was tried before the end of this: {call}")]
    NotReused {
        /// The refused attempt.
        call: Box<Call>,
    },
}

#[derive(Default)]
struct Attempts<'a> {
    first: Option<Moment>,
    refused: Option<&'a Call>,
    not_refused: bool,
}

/// Checks it.
///
/// # Errors
/// The first contradiction.
pub fn check(calls: &[Call], rest: &Rest) -> Result<Count, Violation> {
    let mut bodies: BTreeMap<&OrderKey, Vec<(&Purchase, Attempts)>> = BTreeMap::new();
    let mut count = Count::default();
    let mut reused = Vec::new();
    for call in calls {
        let What::Place { purchase, outcome } = &call.what else { continue };
        let attempts = attempts(bodies.entry(&purchase.key).or_default(), purchase);
        attempts.first = Some(attempts.first.map_or(call.begun, |first| first.min(call.begun)));
        let Placing::Refused(why) = outcome else {
            attempts.not_refused = true;
            continue;
        };
        attempts.refused = Some(call);
        count.refused += 1;
        if *why == Why::KeyReused {
            reused.push((call, purchase));
        }
    }
    for (call, purchase) in reused {
        let others = bodies[&purchase.key].iter().filter(|(other, _)| !other.same_body(purchase));
        if !others.into_iter().any(|(_, tried)| tried.first < Some(call.end())) {
            return Err(Violation::NotReused { call: Box::new(call.clone()) });
        }
        count.reused += 1;
    }
    for (number, logged) in rest.numbered().filter(|(number, _)| !rest.is_old(*number)) {
        let Some(bodies) = bodies.get(&logged.key) else { continue };
        let Some((_, tried)) = bodies.iter().find(|(body, _)| *body == logged) else { continue };
        if let (false, Some(call)) = (tried.not_refused, tried.refused) {
            return Err(Violation::Done { number, call: Box::new(call.clone()) });
        }
    }
    let tried = bodies.values().flatten();
    count.never_placed = tried.filter(|(_, tried)| !tried.not_refused).count() as u64;
    Ok(count)
}

fn attempts<'a, 'b>(
    bodies: &'b mut Vec<(&'a Purchase, Attempts<'a>)>,
    purchase: &'a Purchase,
) -> &'b mut Attempts<'a> {
    let known = bodies.iter().position(|(body, _)| body.same_body(purchase));
    let at = known.unwrap_or_else(|| {
        bodies.push((purchase, Attempts::default()));
        bodies.len() - 1
    });
    &mut bodies[at].1
}
