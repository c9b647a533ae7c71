//! A numbered order, and what a customer asks for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{OrderKey, ProductName, Quantity};

/// Orders are numbered 1, 2, 3, … without gaps; 0 stands for "before the first".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct OrderNumber(pub u64);

impl OrderNumber {
    /// The number before the first order.
    pub const ZERO: Self = Self(0);

    /// The number after this one; the highest stays, since any number may come from outside.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number before this one; zero stays zero.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Reads the canonical decimal form only: no sign, no leading zero, not zero.
    ///
    /// ```
    /// use toystore_domain::OrderNumber;
    /// assert_eq!(OrderNumber::parse("17"), Some(OrderNumber(17)));
    /// assert_eq!(OrderNumber::parse("+5"), None);
    /// assert_eq!(OrderNumber::parse("05"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        if canonical { text.parse().ok().map(Self) } else { None }
    }
}

impl fmt::Display for OrderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a customer wants, under the key that makes it exactly-once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Purchase {
    /// The idempotency key.
    pub key: OrderKey,
    /// Which product.
    pub product: ProductName,
    /// How many.
    pub quantity: Quantity,
}

impl Purchase {
    /// Whether `other` asks for the same thing (the keys are not compared).
    #[must_use]
    pub fn same_body(&self, other: &Self) -> bool {
        self.product == other.product && self.quantity == other.quantity
    }
}

/// A committed order as a customer sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Order {
    /// Its number.
    pub number: OrderNumber,
    /// The product bought.
    #[serde(rename = "name")]
    pub product: ProductName,
    /// How many.
    pub quantity: Quantity,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_numbers_are_order_numbers() {
        for bad in ["", "0", "05", "+5", "-1", "abc", "1.0", "18446744073709551616", "٣"] {
            assert_eq!(OrderNumber::parse(bad), None, "{bad}");
        }
        assert_eq!(OrderNumber::parse("18446744073709551615"), Some(OrderNumber(u64::MAX)));
    }
}
