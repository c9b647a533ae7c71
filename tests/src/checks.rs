//! The checkers of histories: one property, one file. Each is a function from what clients saw
//! and what was left in the end to counts, which show that it had something to look at, or to
//! the first contradiction.
//!
//! | file | property | invariants |
//! |---|---|---|
//! | [`orders_linearizable`] | orders come into being one by one, and every read shows one moment | I1, I2, I7 |
//! | [`products_linearizable`] | so do products; no front end lags behind a purchase | I7 |
//! | [`exactly_once`] | one key, one order; nothing is lost, nothing unasked for | I1, I3 |
//! | [`refusals_true`] | a refused attempt did nothing | I9 |
//! | [`stock_equation`] | the books balance, and sold is what was ordered | I4 |
//!
//! [`proofs`] and [`matching`] are what the first two share and stand on.

pub mod exactly_once;
pub mod matching;
pub mod orders_linearizable;
pub mod products_linearizable;
pub mod proofs;
pub mod refusals_true;
pub mod stock_equation;

#[cfg(test)]
mod made_up;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

use crate::history::{Call, Rest};

/// What the checkers looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of [`orders_linearizable`].
    pub orders: orders_linearizable::Count,
    /// Of [`products_linearizable`].
    pub products: products_linearizable::Count,
    /// Of [`exactly_once`].
    pub once: exactly_once::Count,
    /// Of [`refusals_true`].
    pub refusals: refusals_true::Count,
    /// Of [`stock_equation`].
    pub stock: stock_equation::Count,
}

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Of [`orders_linearizable`].
    #[error("orders are not linearizable (I7): {0}")]
    Orders(#[from] orders_linearizable::Violation),
    /// Of [`products_linearizable`].
    #[error("products are not linearizable (I7): {0}")]
    Products(#[from] products_linearizable::Violation),
    /// Of [`exactly_once`].
    #[error("orders are not exactly-once (I1, I3): {0}")]
    Once(#[from] exactly_once::Violation),
    /// Of [`refusals_true`].
    #[error("a refusal was not true (I9): {0}")]
    Refusals(#[from] refusals_true::Violation),
    /// Of [`stock_equation`].
    #[error("the stock equation does not hold (I4): {0}")]
    Stock(#[from] stock_equation::Violation),
}

/// Every checker.
///
/// # Errors
/// The first contradiction.
pub fn all(calls: &[Call], rest: &Rest) -> Result<Counts, Violation> {
    Ok(Counts {
        once: exactly_once::check(calls, rest)?,
        refusals: refusals_true::check(calls, rest)?,
        orders: orders_linearizable::check(calls, rest)?,
        products: products_linearizable::check(calls, rest)?,
        stock: stock_equation::check(rest)?,
    })
}
