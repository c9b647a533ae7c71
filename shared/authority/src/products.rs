//! An administrator's change of a product, and restocking what is sold out.

use std::collections::BTreeSet;

use toystore_domain::amounts::MAX_STOCK;
use toystore_domain::{Books, Cents, ProductName, stock};

use crate::{Failed, Restocked, Transaction};

/// Changes a product, or creates it; `None` when a new one lacks its price or its stock. Whoever
/// asks for more than [`MAX_STOCK`] gets that much.
///
/// # Errors
/// [`Failed`] when the process must end.
pub fn put(
    tx: &mut impl Transaction,
    name: &ProductName,
    price: Option<Cents>,
    amount: Option<u64>,
    changed: &mut BTreeSet<ProductName>,
) -> Result<Option<Books>, Failed> {
    let books = match (tx.books(name)?, price, amount) {
        (Some(mut books), ..) => {
            stock::adjust(&mut books, price, amount)
                .map_err(|_| Failed::Unbalanced(name.into()))?;
            books
        }
        (None, Some(price), Some(amount)) => Books::open(price, amount.min(MAX_STOCK)),
        (None, ..) => return Ok(None),
    };
    tx.put_books(name, &books)?;
    changed.insert(name.clone());
    Ok(Some(books))
}

/// Restocks up to `limit` sold-out products; returns what the ledger got.
///
/// # Errors
/// [`Failed`] when the process must end.
pub fn restock(
    tx: &mut impl Transaction,
    limit: usize,
    changed: &mut BTreeSet<ProductName>,
) -> Result<Vec<Restocked>, Failed> {
    let mut restocked = Vec::new();
    for product in tx.sold_out(limit)? {
        let unbalanced = || Failed::Unbalanced((&product).into());
        let mut books = tx.books(&product)?.ok_or_else(unbalanced)?;
        if !stock::restock(&mut books).map_err(|_| unbalanced())? {
            continue;
        }
        tx.put_books(&product, &books)?;
        let (version, amount) = (books.version, stock::RESTOCK_TO);
        let row = Restocked { product: product.clone(), version, amount };
        tx.add_restock(&row)?;
        restocked.push(row);
        changed.insert(product);
    }
    Ok(restocked)
}
