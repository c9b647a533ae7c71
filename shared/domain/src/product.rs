//! A product and the books kept on its stock.

use serde::{Deserialize, Serialize};

use crate::{Cents, ProductName, Version};

/// A product as a customer sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its name.
    pub name: ProductName,
    /// Its price.
    pub price: Cents,
    /// How many can be bought now.
    pub stock: u64,
    /// Grows with every change.
    pub version: Version,
}

/// A product's row: what is sold for how much, and the books behind the stock.
///
/// Invariant I4: `initial + restocked + adjusted − sold − reserved = stock`, always.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Books {
    /// Price of one.
    pub price: Cents,
    /// How many can be bought now.
    pub stock: u64,
    /// Grows with every change of this row that a customer can see.
    pub version: Version,
    /// Stock the product was created with.
    pub initial: u64,
    /// Sum of all restocks.
    pub restocked: u64,
    /// Sum of all changes of the stock by an administrator.
    pub adjusted: i64,
    /// Sum of the quantities of settled orders.
    pub sold: u64,
    /// Sum of the quantities of outstanding reservations.
    pub reserved: u64,
}

impl Books {
    /// A new product's books, at its first version.
    #[must_use]
    pub fn open(price: Cents, stock: u64) -> Self {
        Self {
            price,
            stock,
            version: Version(1),
            initial: stock,
            restocked: 0,
            adjusted: 0,
            sold: 0,
            reserved: 0,
        }
    }

    /// What a customer sees of it.
    #[must_use]
    pub fn product(&self, name: &ProductName) -> Product {
        Product { name: name.clone(), price: self.price, stock: self.stock, version: self.version }
    }

    /// Whether the stock equation (I4) holds.
    #[must_use]
    pub fn balanced(&self) -> bool {
        let incoming =
            i128::from(self.initial) + i128::from(self.restocked) + i128::from(self.adjusted);
        incoming - i128::from(self.sold) - i128::from(self.reserved) == i128::from(self.stock)
    }
}
