//! Orders are linearizable (I7): there are instants, one for each order and rising with its
//! number, at which orders come into being, so that every answer is true at one instant of its
//! call. What is found is what the log holds, for ever (I1).
//!
//! The check is exact. Numbers are dense, so it is a matter of the instants alone. Each answer
//! bounds them from one side: an order comes after the begin of the first attempt that was not
//! refused, and of every read that did not show it; before the end of every call that showed it.
//! A page without orders `k + 1` and above that shows order `k` is true between the two. Rising
//! instants within all bounds exist if and only if no lower bound of an order is above an upper
//! bound of the same or a later one. (The tests compare it with a general, exponential checker.)

use toystore_domain::{Order, OrderNumber, Purchase};

use super::proofs::{Bound, Proof, proofs};
use crate::history::{Call, Moment, OrderRead, Placing, Rest, What};

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Acknowledgements.
    pub placed: u64,
    /// Orders found.
    pub found: u64,
    /// Orders not found that came later.
    pub not_yet: u64,
    /// Orders not found that never came.
    pub never: u64,
    /// Pages.
    pub pages: u64,
    /// Orders on them.
    pub listed: u64,
}

/// What contradicts what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// An order was shown that the log does not hold like that.
    #[error("order {shown:?} was shown, but the log holds {logged:?}: {call}")]
    Differs {
        /// What was shown.
        shown: Box<Order>,
        /// What the log holds.
        logged: Option<Purchase>,
        /// The call that showed it.
        call: Box<Call>,
    },
    /// A number was given that in the log belongs to another order.
    #[error("number {number} was given, but the log holds {logged:?}: {call}")]
    Misnumbered {
        /// The number.
        number: OrderNumber,
        /// What the log holds.
        logged: Option<Purchase>,
        /// The call that gave it.
        call: Box<Call>,
    },
    /// A page has a gap, or is longer than its limit.
    #[error("not the orders that follow: {call}")]
    Page {
        /// The call that showed it.
        call: Box<Call>,
    },
    /// No attempt can have placed an order.
    #[error("order {number} is in the log, but no attempt can have placed it: {logged:?}")]
    Uncaused {
        /// The order.
        number: OrderNumber,
        /// What the log holds.
        logged: Purchase,
    },
    /// Two calls contradict each other.
    #[error(
        "order {there} was there before {before} ({}), but order {absent} not before {after} ({})",
        told(by_present),
        told(by_absent)
    )]
    Contradiction {
        /// An order that was there.
        there: OrderNumber,
        /// When.
        before: Moment,
        /// The call that shows it; none if it is older than the first call.
        by_present: Option<Box<Call>>,
        /// An order that was not there, of the same or a lower number.
        absent: OrderNumber,
        /// When.
        after: Moment,
        /// The call that shows it, or the first that asked for the order.
        by_absent: Option<Box<Call>>,
    },
}

fn told(call: &Option<Box<Call>>) -> String {
    call.as_ref()
        .map_or_else(|| "it is older than the first call".to_owned(), |call| call.to_string())
}

/// Checks it.
///
/// # Errors
/// The first contradiction.
pub fn check(calls: &[Call], rest: &Rest) -> Result<Count, Violation> {
    let mut count = Count::default();
    for call in calls {
        check_content(call, rest, &mut count)?;
    }
    let proofs = proofs(calls, rest);
    for ((number, logged), proof) in rest.numbered().zip(&proofs) {
        if proof.asked.is_none() {
            return Err(Violation::Uncaused { number, logged: logged.clone() });
        }
    }
    check_instants(&proofs)?;
    Ok(count)
}

fn check_content(call: &Call, rest: &Rest, count: &mut Count) -> Result<(), Violation> {
    match &call.what {
        What::Place { purchase, outcome: Placing::Placed(number) } => {
            let (number, logged) = (*number, rest.order(*number));
            if logged != Some(purchase) {
                let call = Box::new(call.clone());
                return Err(Violation::Misnumbered { number, logged: logged.cloned(), call });
            }
            count.placed += 1;
        }
        What::ReadOrder { number, outcome: OrderRead::Found(order) } => {
            check_shown(call, *number, order, rest)?;
            count.found += 1;
        }
        What::ReadOrder { number, outcome: OrderRead::NotFound } => match rest.order(*number) {
            Some(_) => count.not_yet += 1,
            None => count.never += 1,
        },
        What::ListOrders { after, limit, page: Some(page) } => {
            if page.len() > *limit as usize {
                return Err(Violation::Page { call: Box::new(call.clone()) });
            }
            for (number, order) in (after.0 + 1..).zip(page) {
                check_shown(call, OrderNumber(number), order, rest)?;
                count.listed += 1;
            }
            count.pages += 1;
        }
        What::Place { .. } | What::ReadOrder { .. } | What::ListOrders { .. } => {}
        What::LookUp { .. } => {}
    }
    Ok(())
}

fn check_shown(
    call: &Call,
    asked: OrderNumber,
    shown: &Order,
    rest: &Rest,
) -> Result<(), Violation> {
    if shown.number != asked {
        return Err(Violation::Page { call: Box::new(call.clone()) });
    }
    let logged = rest.order(asked);
    let same = logged.is_some_and(|logged| {
        (&logged.product, logged.quantity) == (&shown.product, shown.quantity)
    });
    if same {
        return Ok(());
    }
    let (shown, logged) = (Box::new(shown.clone()), logged.cloned());
    Err(Violation::Differs { shown, logged, call: Box::new(call.clone()) })
}

/// Looks for a lower bound above an upper bound of the same or a later order.
fn check_instants(proofs: &[Proof<'_>]) -> Result<(), Violation> {
    // The smallest upper bound of each order and all later ones.
    let mut present: Vec<Option<(OrderNumber, Bound<'_>)>> = vec![None; proofs.len()];
    let mut least: Option<(OrderNumber, Bound<'_>)> = None;
    let numbered = || (1..).map(OrderNumber).zip(proofs).enumerate();
    for (at, (number, proof)) in numbered().collect::<Vec<_>>().into_iter().rev() {
        if let Some(bound) = proof.present
            && least.is_none_or(|(_, least)| bound.at < least.at)
        {
            least = Some((number, bound));
        }
        present[at] = least;
    }
    for (at, (absent, proof)) in numbered() {
        let Some((there, upper)) = present[at] else { continue };
        for lower in [proof.asked, proof.absent].into_iter().flatten() {
            // Of an old order both are the start of time, and that is no contradiction.
            if lower.at >= upper.at && (lower.by, upper.by) != (None, None) {
                return Err(contradiction(there, upper, absent, lower));
            }
        }
    }
    Ok(())
}

fn contradiction(
    there: OrderNumber,
    upper: Bound<'_>,
    absent: OrderNumber,
    lower: Bound<'_>,
) -> Violation {
    let call = |bound: Bound<'_>| bound.by.cloned().map(Box::new);
    Violation::Contradiction {
        there,
        before: upper.at,
        by_present: call(upper),
        absent,
        after: lower.at,
        by_absent: call(lower),
    }
}
