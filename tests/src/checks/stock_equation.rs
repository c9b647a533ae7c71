//! `initial + restocked + adjusted - sold - reserved = stock` for every product at rest (I4); what
//! was sold, or is still reserved, is what the final log holds; and the ledger adds up.

use std::collections::BTreeMap;

use toystore_domain::{Books, ProductName};

use crate::history::Rest;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Products.
    pub products: u64,
    /// Items sold.
    pub sold: u64,
    /// Items restocked.
    pub restocked: u64,
}

/// What contradicts what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The books do not balance.
    #[error("the books of {product} do not balance: {books:?}")]
    Unbalanced {
        /// The product.
        product: ProductName,
        /// Its books.
        books: Box<Books>,
    },
    /// The books and the log do not agree.
    #[error("{sold} of {product} are sold and {reserved} reserved, but {ordered} ordered")]
    NotOrdered {
        /// The product.
        product: ProductName,
        /// Items sold.
        sold: u64,
        /// Items still reserved.
        reserved: u64,
        /// Items in the log.
        ordered: u64,
    },
    /// The books and the ledger do not agree.
    #[error("{product} was restocked and adjusted by {booked}, but the ledger adds up to {ledger}")]
    Ledger {
        /// The product.
        product: ProductName,
        /// What the books say.
        booked: i128,
        /// What the ledger says.
        ledger: i128,
    },
    /// A product was ordered that the catalog does not know.
    #[error("{ordered} of {product} were ordered, which the catalog does not know")]
    Unknown {
        /// The product.
        product: ProductName,
        /// Items in the log.
        ordered: u64,
    },
}

/// Checks it.
///
/// # Errors
/// The first contradiction.
pub fn check(rest: &Rest) -> Result<Count, Violation> {
    let mut ordered: BTreeMap<&ProductName, u64> = BTreeMap::new();
    for purchase in &rest.log {
        *ordered.entry(&purchase.product).or_default() += purchase.quantity.get();
    }
    let mut count = Count::default();
    for (product, shelf) in &rest.products {
        let books = &shelf.books;
        if !books.balanced() {
            let books = Box::new(books.clone());
            return Err(Violation::Unbalanced { product: product.clone(), books });
        }
        let ordered = ordered.remove(product).unwrap_or(0);
        let Books { sold, reserved, .. } = *books;
        if sold + reserved != ordered {
            return Err(Violation::NotOrdered {
                product: product.clone(),
                sold,
                reserved,
                ordered,
            });
        }
        let ledger = shelf.gains.iter().map(|gain| i128::from(gain.amount)).sum();
        let booked = i128::from(books.restocked) + i128::from(books.adjusted);
        if ledger != booked {
            return Err(Violation::Ledger { product: product.clone(), booked, ledger });
        }
        count.products += 1;
        count.sold += sold;
        count.restocked += books.restocked;
    }
    match ordered.pop_first() {
        None => Ok(count),
        Some((product, ordered)) => Err(Violation::Unknown { product: product.clone(), ordered }),
    }
}
