//! Who may keep what: a change is told only to a front end that was given the product to keep.
//!
//! A front end that has not looked a toy up since it was last told of it has nothing to forget, so
//! a purchase need not wait for its answer. Evicting a product is not told: it can only mean one
//! message too many.

use std::collections::BTreeSet;

use toystore_domain::{ProductName, Version};

/// The products that one lease holder may keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interest {
    /// These.
    Some(BTreeSet<ProductName>),
    /// So many that they are not counted any more.
    All,
}

impl Default for Interest {
    fn default() -> Self {
        Self::Some(BTreeSet::new())
    }
}

impl Interest {
    /// It may keep this one too. More than `most` are not counted.
    pub fn add(&mut self, name: &ProductName, most: usize) {
        let Self::Some(products) = self else { return };
        if products.contains(name) {
            return;
        }
        if products.len() < most {
            products.insert(name.clone());
        } else {
            *self = Self::All;
        }
    }

    /// Takes out what it must be told of: once it has answered, it keeps none of these.
    pub fn take(&mut self, changing: &[(ProductName, Version)]) -> Vec<(ProductName, Version)> {
        match self {
            Self::Some(products) => {
                changing.iter().filter(|(name, _)| products.remove(name)).cloned().collect()
            }
            Self::All => changing.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str) -> (ProductName, Version) {
        (ProductName::new(name).unwrap(), Version(1))
    }

    #[test]
    fn what_was_given_is_told_once() {
        let mut interest = Interest::default();
        let (tux, uno) = (change("Tux"), change("Uno"));
        interest.add(&tux.0, 10);
        assert_eq!(interest.take(&[uno.clone(), tux.clone()]), vec![tux.clone()]);
        assert_eq!(interest.take(&[uno, tux]), vec![]);
    }

    #[test]
    fn with_too_many_everything_is_told() {
        let mut interest = Interest::default();
        for name in ["Tux", "Tux", "Uno"] {
            interest.add(&change(name).0, 1);
        }
        let other = change("Risk");
        for _ in 0..2 {
            assert_eq!(interest.take(std::slice::from_ref(&other)), vec![other.clone()]);
        }
    }
}
