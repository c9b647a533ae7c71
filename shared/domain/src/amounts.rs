//! Whole-number amounts. Money is cents inside and a decimal outside; nothing here rounds.

use serde::{Deserialize, Serialize};

/// Largest quantity one order may ask for.
pub const MAX_QUANTITY: u32 = 1_000_000;
/// Largest price, in cents: ten million.
pub const MAX_PRICE_CENTS: u64 = 1_000_000_000;
/// Largest stock an administrator may set; leaves room for a billion restocks without overflow.
pub const MAX_STOCK: u64 = 1_000_000_000;

/// A price in cents, at most [`MAX_PRICE_CENTS`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Cents(u64);

impl Cents {
    /// A price of `cents`; `None` above [`MAX_PRICE_CENTS`].
    #[must_use]
    pub fn new(cents: u64) -> Option<Self> {
        (cents <= MAX_PRICE_CENTS).then_some(Self(cents))
    }

    /// Reads a decimal amount with at most two decimals, as `25.99`, `25.9` or `25`.
    ///
    /// ```
    /// use toystore_domain::Cents;
    /// assert_eq!(Cents::parse("25.9").map(Cents::get), Some(2590));
    /// assert_eq!(Cents::parse("25.999"), None);
    /// assert_eq!(Cents::parse("-1"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "00"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 2 {
            return None;
        }
        let scale = if part.len() == 1 { 10 } else { 1 };
        let cents = part.parse::<u64>().ok()? * scale;
        Self::new(whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(cents)?)
    }

    /// Reads a JSON number; `None` when it is negative, too large, or finer than a cent.
    #[must_use]
    pub fn from_decimal(amount: f64) -> Option<Self> {
        // The shortest text of a float is the decimal the sender wrote.
        Self::parse(&amount.to_string())
    }

    /// The number of cents.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The decimal shown outside, as in JSON. Exact up to [`MAX_PRICE_CENTS`].
    #[must_use]
    pub fn to_decimal(self) -> f64 {
        self.0 as f64 / 100.0
    }
}

/// How many of a product one order asks for: 1 to [`MAX_QUANTITY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Quantity(u32);

impl Quantity {
    /// A quantity; `None` outside 1 to [`MAX_QUANTITY`].
    #[must_use]
    pub fn new(quantity: u64) -> Option<Self> {
        let quantity = u32::try_from(quantity).ok()?;
        (1..=MAX_QUANTITY).contains(&quantity).then_some(Self(quantity))
    }

    /// The number of items.
    #[must_use]
    pub fn get(self) -> u64 {
        u64::from(self.0)
    }
}

impl TryFrom<u32> for Quantity {
    type Error = OutOfBounds;
    fn try_from(quantity: u32) -> Result<Self, OutOfBounds> {
        Self::new(u64::from(quantity)).ok_or(OutOfBounds)
    }
}

impl From<Quantity> for u32 {
    fn from(quantity: Quantity) -> u32 {
        quantity.0
    }
}

/// A decoded value lies outside its type's bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("value out of bounds")]
pub struct OutOfBounds;

/// Grows by one with every change of a product; 0 is "never existed".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Version(pub u64);

impl Version {
    /// The version after this one; the highest stays.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_survive_the_round_trip() {
        for cents in (0..20_000).chain([MAX_PRICE_CENTS - 1, MAX_PRICE_CENTS]) {
            let price = Cents::new(cents).unwrap();
            assert_eq!(Cents::from_decimal(price.to_decimal()), Some(price), "{cents}");
        }
    }

    #[test]
    fn refuses_what_is_no_price() {
        for bad in ["", ".", "1.", ".5", "1.999", "-1", "+1", "1e3", "NaN", "10000000.01"] {
            assert_eq!(Cents::parse(bad), None, "{bad}");
        }
        for bad in [-0.01, f64::NAN, f64::INFINITY, 0.001, 1e300] {
            assert_eq!(Cents::from_decimal(bad), None, "{bad}");
        }
    }

    #[test]
    fn quantity_has_bounds() {
        for (given, allowed) in
            [(0, false), (1, true), (1_000_000, true), (1_000_001, false), (u64::MAX, false)]
        {
            assert_eq!(Quantity::new(given).is_some(), allowed, "{given}");
        }
    }
}
