//! A change under way: look-ups see the old value, and may not cache it, until every lease holder
//! knows and the change is durable; then everyone sees the new value at once.

use std::collections::BTreeMap;

use toystore_domain::{Product, ProductName};
use toystore_mutants::{Mutant, broken};

use crate::messages::LookedUp;

/// The products that are changing, with what they were.
#[derive(Clone, Debug, Default)]
pub struct Visibility {
    changing: BTreeMap<ProductName, Option<Product>>,
}

impl Visibility {
    /// A change begins: until [`Visibility::show`], look-ups get `old`.
    pub fn hide(&mut self, name: ProductName, old: Option<Product>) {
        self.changing.entry(name).or_insert(old);
    }

    /// The change of this product is durable and known to every lease holder.
    pub fn show(&mut self, name: &ProductName) {
        self.changing.remove(name);
    }

    /// What a look-up may see, where `current` reads the database.
    ///
    /// # Errors
    /// Those of `current`.
    pub fn look_up<E>(
        &self,
        name: &ProductName,
        current: impl FnOnce() -> Result<Option<Product>, E>,
    ) -> Result<LookedUp, E> {
        match self.changing.get(name) {
            Some(old) => {
                let cacheable = broken(Mutant::CacheWhileChanging);
                Ok(LookedUp { product: old.clone(), cacheable })
            }
            None => Ok(LookedUp { product: current()?, cacheable: true }),
        }
    }

    /// The old value of a product that is changing.
    #[must_use]
    pub fn old(&self, name: &ProductName) -> Option<&Option<Product>> {
        self.changing.get(name)
    }
}
