//! Products are linearizable (I7), the cached ones too.
//!
//! 1. A version has one value, and of two reads that do not overlap the later shows no lower
//!    version. Exact: a product is a register whose writes are numbered.
//! 2. What a version had lost of its stock, `initial + gains up to it - stock`, is at least what
//!    is proven to have been ordered before a read showed it or a lower version, and at most what
//!    anybody had asked for before a read showed it or a higher one. Necessary: attempts that
//!    were refused may have held stock for a moment.
//! 3. When no reservation was cancelled, which the last version tells (each reservation and each
//!    gain raises it by one, a cancellation too), a version says *how many* orders had taken
//!    their stock. Each order takes it between the begin of its first attempt and the first proof
//!    that it or a later one was there; so the orders must be matched to the places in the row of
//!    versions. Exact for quantities of one: then the matching is an order of events in which
//!    every read is true. With other quantities necessary: which of them were matched where is
//!    held against the stock by rule 2 only.
//! 4. Nobody is told "out of stock" while at least as many must have been left, as far as every
//!    change of the stock was seen.

use std::collections::BTreeMap;

use toystore_domain::{Product, ProductName, Version};

use super::matching::{Span, Unmatched, matched};
use super::proofs::proofs;
use crate::history::{Call, Moment, Placing, ProductRead, Rest, Shelf, What, Why};

mod demand;

use demand::Demand;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Reads that showed a product.
    pub reads: u64,
    /// Versions that they showed.
    pub versions: u64,
    /// Products of which no reservation was cancelled, so that rule 3 applied.
    pub matched: u64,
    /// Refusals because of the stock.
    pub out_of_stock: u64,
}

/// What contradicts what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// One version was shown with two values.
    #[error("a version has two values: {other:?} and {call}")]
    TwoValues {
        /// One value.
        other: Box<Product>,
        /// The call that showed another one.
        call: Box<Call>,
    },
    /// A later read showed a lower version.
    #[error("back in time: {later} after {earlier}")]
    Back {
        /// The read that showed the higher version.
        earlier: Box<Call>,
        /// The read that showed the lower one.
        later: Box<Call>,
    },
    /// A read shows stock that had been sold.
    #[error("{lost} were taken from the stock, but {proven} proven to be ordered, at {call}")]
    Stale {
        /// What the version had lost.
        lost: i128,
        /// What it must have lost.
        proven: i128,
        /// The read.
        call: Box<Call>,
    },
    /// A read shows that more was taken than anybody had asked for.
    #[error("{lost} were taken from the stock, but only {asked} asked for, at {call}")]
    Missing {
        /// What the version had lost.
        lost: i128,
        /// What it may have lost.
        asked: i128,
        /// The read.
        call: Box<Call>,
    },
    /// Versions show stock being taken when no order can have taken it.
    #[error("no order can have taken number {place} of what reads saw taken from {product}")]
    Untaken {
        /// The product.
        product: ProductName,
        /// Which one in the row, from 1.
        place: usize,
    },
    /// An order was there and no version can have contained it.
    #[error("no version of {product} that reads saw begins to lack what order {order} took")]
    Unseen {
        /// The product.
        product: ProductName,
        /// The order's place among those of the product in the history, from 1.
        order: usize,
    },
    /// A refusal because of the stock cannot be true.
    #[error("at least {left} were left: {call}")]
    NotOutOfStock {
        /// What must have been left.
        left: i128,
        /// The refused attempt.
        call: Box<Call>,
    },
    /// The catalog does not know a product that was shown.
    #[error("the catalog does not know it: {call}")]
    Unknown {
        /// The read.
        call: Box<Call>,
    },
}

/// The reads of one version.
struct Reads<'a> {
    shown: Option<&'a Product>,
    /// The read that began last.
    last: &'a Call,
    /// The read that ended first.
    first: &'a Call,
}

/// Checks it.
///
/// # Errors
/// The first contradiction.
pub fn check(calls: &[Call], rest: &Rest) -> Result<Count, Violation> {
    let proofs = proofs(calls, rest);
    let mut count = Count::default();
    let mut seen = versions(calls, rest, &mut count)?;
    for (product, shelf) in &rest.products {
        let reads = seen.remove(product).unwrap_or_default();
        check_order(&reads)?;
        let demand = Demand::new(product, shelf, calls, rest, &proofs);
        check_amounts(&reads, shelf, &demand)?;
        if demand.nothing_cancelled {
            check_places(product, &reads, shelf, &demand)?;
            count.matched += 1;
        }
        count.versions += reads.len() as u64;
        count.out_of_stock += check_refusals(product, shelf, calls, &demand)?;
    }
    Ok(count)
}

type Versions<'a> = BTreeMap<Version, Reads<'a>>;

/// The reads of each product by version; zero stands for "no such product".
fn versions<'a>(
    calls: &'a [Call],
    rest: &'a Rest,
    count: &mut Count,
) -> Result<BTreeMap<&'a ProductName, Versions<'a>>, Violation> {
    let mut seen: BTreeMap<&ProductName, Versions<'_>> = BTreeMap::new();
    for call in calls {
        let What::LookUp { product, outcome } = &call.what else { continue };
        let shown = match outcome {
            ProductRead::Found(shown) => Some(shown),
            ProductRead::NotFound => None,
            ProductRead::Unavailable => continue,
        };
        let call_of = || Box::new(call.clone());
        let in_the_end = rest.products.get(product).map(|shelf| shelf.books.product(product));
        let version = shown.map_or(Version(0), |shown| shown.version);
        match (shown, in_the_end) {
            (Some(_), None) => return Err(Violation::Unknown { call: call_of() }),
            (Some(shown), Some(end)) if *shown != end && shown.version >= end.version => {
                return Err(Violation::TwoValues { other: Box::new(end), call: call_of() });
            }
            _ => {}
        }
        let reads = seen.entry(product).or_default().entry(version);
        let reads = reads.or_insert(Reads { shown, last: call, first: call });
        if let (Some(other), Some(shown)) = (reads.shown, shown)
            && other != shown
        {
            let other = Box::new(other.clone());
            return Err(Violation::TwoValues { other, call: call_of() });
        }
        if call.begun > reads.last.begun {
            reads.last = call;
        }
        if call.end() < reads.first.end() {
            reads.first = call;
        }
        count.reads += u64::from(shown.is_some());
    }
    Ok(seen)
}

/// Rule 1.
fn check_order(reads: &Versions<'_>) -> Result<(), Violation> {
    let mut first: Option<&Call> = None;
    for reads in reads.values().rev() {
        if let Some(earlier) = first.filter(|first| first.end() <= reads.last.begun) {
            let (earlier, later) = (Box::new(earlier.clone()), Box::new(reads.last.clone()));
            return Err(Violation::Back { earlier, later });
        }
        first = Some(match first {
            Some(first) if first.end() < reads.first.end() => first,
            _ => reads.first,
        });
    }
    Ok(())
}

/// What a version had lost of its stock.
fn lost(shelf: &Shelf, shown: &Product) -> i128 {
    let gains = shelf.gains.iter().filter(|gain| gain.version <= shown.version);
    let gained: i128 = gains.map(|gain| i128::from(gain.amount)).sum();
    i128::from(shelf.books.initial) + gained - i128::from(shown.stock)
}

/// Rule 2.
fn check_amounts(reads: &Versions<'_>, shelf: &Shelf, demand: &Demand) -> Result<(), Violation> {
    // The last begin of a read of each version or a lower one, the first end of a higher one.
    let mut begun = Moment::START;
    for reads in reads.values() {
        begun = begun.max(reads.last.begun);
        let Some(shown) = reads.shown else { continue };
        let (lost, proven) = (lost(shelf, shown), demand.proven_before(begun));
        if lost < proven {
            let call = Box::new(reads.last.clone());
            return Err(Violation::Stale { lost, proven, call });
        }
    }
    let mut ended = Moment::END;
    for reads in reads.values().rev() {
        ended = ended.min(reads.first.end());
        let Some(shown) = reads.shown else { continue };
        let (lost, asked) = (lost(shelf, shown), demand.asked_before(ended));
        if lost > asked {
            let call = Box::new(reads.first.clone());
            return Err(Violation::Missing { lost, asked, call });
        }
    }
    Ok(())
}

/// Rule 3.
fn check_places(
    product: &ProductName,
    reads: &Versions<'_>,
    shelf: &Shelf,
    demand: &Demand,
) -> Result<(), Violation> {
    let mut row = vec![Span { after: Moment::START, before: Moment::END }; demand.spans.len()];
    for (version, reads) in reads.iter().filter(|(version, _)| version.0 > 0) {
        let gains = shelf.gains.iter().filter(|gain| gain.version <= *version).count();
        let taken = (version.0 - 1).checked_sub((gains + demand.old) as u64);
        let taken = taken.map_or(0, |taken| usize::try_from(taken).unwrap_or(usize::MAX));
        let taken = taken.min(row.len());
        let (before, after) = row.split_at_mut(taken);
        // What was taken by then was taken before the read ended; the next only after it began.
        if let Some(last) = before.last_mut() {
            last.before = last.before.min(reads.first.end());
        }
        if let Some(next) = after.first_mut() {
            next.after = next.after.max(reads.last.begun);
        }
    }
    // Places follow each other: what bounds one bounds its neighbours.
    for at in 1..row.len() {
        row[at].after = row[at].after.max(row[at - 1].after);
    }
    for at in (1..row.len()).rev() {
        row[at - 1].before = row[at - 1].before.min(row[at].before);
    }
    matched(&row, &demand.spans).map_err(|unmatched| match unmatched {
        Unmatched::Thing(at) => Violation::Untaken { product: product.clone(), place: at + 1 },
        Unmatched::Job(at) => Violation::Unseen { product: product.clone(), order: at + 1 },
    })
}

/// Rule 4.
fn check_refusals(
    product: &ProductName,
    shelf: &Shelf,
    calls: &[Call],
    demand: &Demand,
) -> Result<u64, Violation> {
    if shelf.merged {
        return Ok(0);
    }
    let taken_away: i128 = shelf.gains.iter().map(|gain| i128::from(gain.amount.min(0))).sum();
    let mut count = 0;
    for call in calls {
        let What::Place { purchase, outcome: Placing::Refused(Why::OutOfStock) } = &call.what
        else {
            continue;
        };
        if purchase.product != *product {
            continue;
        }
        count += 1;
        let asked = demand.asked_before(call.end());
        let left = i128::from(shelf.books.initial) + taken_away - asked;
        if left >= i128::from(purchase.quantity.get()) {
            return Err(Violation::NotOutOfStock { left, call: Box::new(call.clone()) });
        }
    }
    Ok(count)
}
