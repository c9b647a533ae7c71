//! When each order of the final log can have come into being, as far as the calls prove it.

use std::collections::BTreeMap;

use toystore_domain::{OrderKey, OrderNumber, Purchase};

use crate::history::{Call, Moment, OrderRead, Placing, Rest, What};

/// One end of an order's time, and what proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound<'a> {
    /// The moment.
    pub at: Moment,
    /// The call that proves it; none for orders from before the first call.
    pub by: Option<&'a Call>,
}

/// What the calls prove about one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof<'a> {
    /// The first attempt that can have placed it began then; none if there is no such attempt.
    pub asked: Option<Bound<'a>>,
    /// The last moment at which it was not there yet.
    pub absent: Option<Bound<'a>>,
    /// The first moment at which it was there.
    pub present: Option<Bound<'a>>,
}

/// What the calls prove about each order of the log, in its order.
#[must_use]
pub fn proofs<'a>(calls: &'a [Call], rest: &Rest) -> Vec<Proof<'a>> {
    let asked = first_attempts(calls);
    let start = Bound { at: Moment::START, by: None };
    let mut proofs: Vec<_> = rest
        .numbered()
        .map(|(number, logged)| {
            let old = rest.is_old(number).then_some(start);
            let asked = old.or_else(|| {
                let bodies = asked.get(&logged.key)?;
                bodies.iter().find(|(body, _)| *body == logged).map(|(_, first)| *first)
            });
            Proof { asked, absent: None, present: old }
        })
        .collect();
    for call in calls {
        let at = |number: OrderNumber| usize::try_from(number.0).ok()?.checked_sub(1);
        let (absent, present) = shown(&call.what);
        if let Some(proof) = absent.and_then(at).and_then(|at| proofs.get_mut(at))
            && proof.absent.is_none_or(|known| known.at < call.begun)
        {
            proof.absent = Some(Bound { at: call.begun, by: Some(call) });
        }
        if let Some(proof) = present.and_then(at).and_then(|at| proofs.get_mut(at))
            && proof.present.is_none_or(|known| known.at > call.end())
        {
            proof.present = Some(Bound { at: call.end(), by: Some(call) });
        }
    }
    proofs
}

/// The first order that a call shows to be absent, and the last one that it shows to be there.
fn shown(what: &What) -> (Option<OrderNumber>, Option<OrderNumber>) {
    match what {
        What::Place { outcome: Placing::Placed(number), .. } => (None, Some(*number)),
        What::ReadOrder { number, outcome: OrderRead::Found(_) } => (None, Some(*number)),
        What::ReadOrder { number, outcome: OrderRead::NotFound } => (Some(*number), None),
        What::ListOrders { after, limit, page: Some(page) } => {
            let last = page.last().map_or(*after, |order| order.number);
            let ends_there = page.len() < *limit as usize;
            (ends_there.then_some(last.next()), page.last().map(|order| order.number))
        }
        What::Place { .. } | What::ReadOrder { .. } | What::ListOrders { .. } => (None, None),
        What::LookUp { .. } => (None, None),
    }
}

/// When the first attempt began that was not refused, for each key and body: a refused one did
/// and will do nothing.
fn first_attempts(calls: &[Call]) -> BTreeMap<&OrderKey, Vec<(&Purchase, Bound<'_>)>> {
    let mut asked: BTreeMap<&OrderKey, Vec<(&Purchase, Bound<'_>)>> = BTreeMap::new();
    for call in calls {
        let What::Place { purchase, outcome: Placing::Placed(_) | Placing::Unknown } = &call.what
        else {
            continue;
        };
        let bound = Bound { at: call.begun, by: Some(call) };
        let bodies = asked.entry(&purchase.key).or_default();
        match bodies.iter_mut().find(|(body, _)| body.same_body(purchase)) {
            Some((_, first)) if first.at <= call.begun => {}
            Some((_, first)) => *first = bound,
            None => bodies.push((purchase, bound)),
        }
    }
    asked
}
