//! What a customer looks at and buys. Pure: the same seed makes the same choices.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use toystore_domain::{OrderKey, ProductName, Purchase, Quantity};

/// One customer's choices.
#[derive(Debug)]
pub struct Shopper {
    rng: StdRng,
    probability: f64,
    quantity: Quantity,
    nonce: u64,
}

impl Shopper {
    /// A shopper of the run called `nonce`, who buys `quantity` with this probability.
    #[must_use]
    pub fn new(seed: u64, probability: f64, quantity: Quantity, nonce: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), probability, quantity, nonce }
    }

    /// The toy to look at next; none when there are none.
    pub fn choose<'a>(&mut self, toys: &'a [ProductName]) -> Option<&'a ProductName> {
        if toys.is_empty() { None } else { toys.get(self.rng.random_range(0..toys.len())) }
    }

    /// Decides on a toy of which `stock` are left: the purchase, under a key never used before.
    ///
    /// Draws the same amount of randomness whatever the stock, so that a customer's choices do
    /// not depend on what others bought.
    pub fn decide(&mut self, toy: &ProductName, stock: u64) -> Option<Purchase> {
        let wants = self.rng.random_bool(self.probability);
        let fresh: u64 = self.rng.random();
        if !wants || stock < self.quantity.get() {
            return None;
        }
        // Without the nonce a second run of one seed would repeat the keys of the first.
        let key = OrderKey::new(&format!("{:016x}-{fresh:016x}", self.nonce))?;
        Some(Purchase { key, product: toy.clone(), quantity: self.quantity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shopper(probability: f64, nonce: u64) -> Shopper {
        Shopper::new(7, probability, Quantity::new(2).unwrap(), nonce)
    }

    fn toys() -> Vec<ProductName> {
        ["Tux", "Whale", "Uno"].map(|name| ProductName::new(name).unwrap()).to_vec()
    }

    #[test]
    fn buys_only_what_is_there() {
        let tux = &toys()[0];
        assert_eq!(shopper(1.0, 1).decide(tux, 0), None);
        assert_eq!(shopper(1.0, 1).decide(tux, 1), None);
        assert_eq!(shopper(1.0, 1).decide(tux, 2).unwrap().quantity.get(), 2);
        assert_eq!(shopper(0.0, 1).decide(tux, 100), None);
    }

    #[test]
    fn buys_about_as_often_as_told() {
        let (mut shopper, toys) = (shopper(0.6, 1), toys());
        let bought = (0..10_000).filter_map(|_| shopper.decide(&toys[0], 100)).count();
        assert!((5_800..6_200).contains(&bought), "{bought}");
    }

    #[test]
    fn choices_depend_on_the_seed_and_not_on_the_stock() {
        let (mut rich, mut poor, toys) = (shopper(0.5, 1), shopper(0.5, 2), toys());
        for _ in 0..100 {
            let toy = rich.choose(&toys).unwrap();
            assert_eq!(Some(toy), poor.choose(&toys));
            rich.decide(toy, 100);
            poor.decide(toy, 0);
        }
    }

    #[test]
    fn keys_differ_within_and_between_runs() {
        let (mut first, mut second, toys) = (shopper(1.0, 1), shopper(1.0, 2), toys());
        let mut keys = std::collections::BTreeSet::new();
        for _ in 0..1_000 {
            assert!(keys.insert(first.decide(&toys[0], 9).unwrap().key));
            assert!(keys.insert(second.decide(&toys[0], 9).unwrap().key));
        }
        assert_eq!(shopper(1.0, 1).choose(&[]), None);
    }
}
