//! What is known about the orders of one product: who asked for how many, and since when they
//! are proven to be there.

use std::collections::BTreeMap;

use toystore_domain::{OrderKey, ProductName};

use crate::checks::matching::Span;
use crate::checks::proofs::Proof;
use crate::history::{Call, Moment, Rest, Shelf, What};

/// The demand for one product.
pub(super) struct Demand {
    /// Whether every reservation became an order.
    pub nothing_cancelled: bool,
    /// How many of its orders are older than the first call.
    pub old: usize,
    /// When each of the others took its stock, as far as is known.
    pub spans: Vec<Span>,
    proven: Sums,
    asked: Sums,
}

impl Demand {
    pub fn new(
        product: &ProductName,
        shelf: &Shelf,
        calls: &[Call],
        rest: &Rest,
        proofs: &[Proof<'_>],
    ) -> Self {
        let (mut proven, mut spans) = (Vec::new(), Vec::new());
        let mut taken = Vec::new();
        let mut present = Moment::END;
        let orders: Vec<_> = rest.numbered().zip(proofs).collect();
        for ((number, logged), proof) in orders.into_iter().rev() {
            // An order is there when a later one is.
            present = proof.present.map_or(present, |bound| bound.at.min(present));
            if logged.product != *product {
                continue;
            }
            let first = proof.asked.map_or(Moment::START, |bound| bound.at);
            proven.push((present, logged.quantity.get()));
            taken.push((first, logged.quantity.get()));
            if !rest.is_old(number) {
                spans.push(Span { after: first, before: present });
            }
        }
        spans.reverse();
        let old = taken.len() - spans.len();
        let changes = 1 + taken.len() + shelf.gains.len();
        let nothing_cancelled = shelf.books.version.0 == changes as u64;
        let mut asked = taken;
        if !nothing_cancelled {
            // Others may have held stock as well. The old orders come last, being the first.
            asked.drain(..spans.len());
            asked.extend(attempts(product, calls));
        }
        Self { nothing_cancelled, old, spans, proven: Sums::new(proven), asked: Sums::new(asked) }
    }

    /// What is proven to have been ordered before a moment.
    pub fn proven_before(&self, moment: Moment) -> i128 {
        self.proven.before(moment)
    }

    /// What anybody had asked for before a moment, and may have taken.
    pub fn asked_before(&self, moment: Moment) -> i128 {
        self.asked.before(moment)
    }
}

/// Every attempt, each key once with the most it ever asked for: one key holds one reservation.
fn attempts(product: &ProductName, calls: &[Call]) -> Vec<(Moment, u64)> {
    let mut asked: BTreeMap<&OrderKey, (Moment, u64)> = BTreeMap::new();
    for call in calls {
        let What::Place { purchase, .. } = &call.what else { continue };
        if purchase.product == *product {
            let (first, most) = asked.entry(&purchase.key).or_insert((call.begun, 0));
            *first = call.begun.min(*first);
            *most = purchase.quantity.get().max(*most);
        }
    }
    asked.into_values().collect()
}

/// Amounts by moment, summed up.
struct Sums(Vec<(Moment, i128)>);

impl Sums {
    fn new(mut amounts: Vec<(Moment, u64)>) -> Self {
        amounts.sort_unstable();
        let mut sum = 0;
        let sums = amounts.into_iter().map(|(moment, amount)| {
            sum += i128::from(amount);
            (moment, sum)
        });
        Self(sums.collect())
    }

    /// The sum of what came before a moment; what is older than the first call always did.
    fn before(&self, moment: Moment) -> i128 {
        let end = self.0.partition_point(|(at, _)| *at < moment || *at == Moment::START);
        end.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}
