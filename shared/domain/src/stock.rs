//! The stock rule: what each change does to a product's books.
//!
//! Every function keeps [`Books::balanced`]; one that changes what a customer sees raises the
//! version. Quantities that a row cannot hold are a sign of damage and are refused, not wrapped.

use crate::amounts::MAX_STOCK;
use crate::{Books, Cents, Quantity};

/// What a sold-out product's stock goes back to.
pub const RESTOCK_TO: u64 = 100;

/// The books cannot take this change; they are damaged or the caller is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the books of the product do not allow this change")]
pub struct Unbalanced;

/// Takes `quantity` out of the stock and holds it; `false`, and no change, when there is less.
pub fn reserve(books: &mut Books, quantity: Quantity) -> Result<bool, Unbalanced> {
    let Some(left) = books.stock.checked_sub(quantity.get()) else { return Ok(false) };
    books.reserved = books.reserved.checked_add(quantity.get()).ok_or(Unbalanced)?;
    books.stock = left;
    books.version = books.version.next();
    Ok(true)
}

/// A held quantity is sold. A customer sees no change: the stock went down when it was reserved.
pub fn settle(books: &mut Books, quantity: Quantity) -> Result<(), Unbalanced> {
    books.reserved = books.reserved.checked_sub(quantity.get()).ok_or(Unbalanced)?;
    books.sold = books.sold.checked_add(quantity.get()).ok_or(Unbalanced)?;
    Ok(())
}

/// A held quantity goes back into the stock.
pub fn cancel(books: &mut Books, quantity: Quantity) -> Result<(), Unbalanced> {
    books.reserved = books.reserved.checked_sub(quantity.get()).ok_or(Unbalanced)?;
    books.stock = books.stock.checked_add(quantity.get()).ok_or(Unbalanced)?;
    books.version = books.version.next();
    Ok(())
}

/// A sold-out product goes to [`RESTOCK_TO`]; `false`, and no change, when some are left.
pub fn restock(books: &mut Books) -> Result<bool, Unbalanced> {
    if books.stock != 0 {
        return Ok(false);
    }
    books.restocked = books.restocked.checked_add(RESTOCK_TO).ok_or(Unbalanced)?;
    books.stock = RESTOCK_TO;
    books.version = books.version.next();
    Ok(true)
}

/// An administrator sets the price, the stock, or both. The stock is at most [`MAX_STOCK`].
pub fn adjust(
    books: &mut Books,
    price: Option<Cents>,
    stock: Option<u64>,
) -> Result<(), Unbalanced> {
    if let Some(stock) = stock {
        let difference = i128::from(stock.min(MAX_STOCK)) - i128::from(books.stock);
        let adjusted = i128::from(books.adjusted) + difference;
        books.adjusted = i64::try_from(adjusted).map_err(|_| Unbalanced)?;
        books.stock = stock.min(MAX_STOCK);
    }
    books.price = price.unwrap_or(books.price);
    books.version = books.version.next();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books(stock: u64) -> Books {
        Books::open(Cents::new(2599).unwrap(), stock)
    }

    fn quantity(n: u64) -> Quantity {
        Quantity::new(n).unwrap()
    }

    #[test]
    fn every_change_keeps_the_equation() {
        let mut b = books(5);
        assert_eq!(reserve(&mut b, quantity(3)), Ok(true));
        assert!(b.balanced() && b.stock == 2);
        settle(&mut b, quantity(1)).unwrap();
        cancel(&mut b, quantity(2)).unwrap();
        assert!(b.balanced() && b.stock == 4 && b.reserved == 0 && b.sold == 1);
        adjust(&mut b, None, Some(0)).unwrap();
        assert!(b.balanced() && b.adjusted == -4);
        assert_eq!(restock(&mut b), Ok(true));
        assert!(b.balanced() && b.stock == RESTOCK_TO);
    }

    #[test]
    fn never_sells_more_than_there_is() {
        let mut b = books(2);
        assert_eq!(reserve(&mut b, quantity(3)), Ok(false));
        assert_eq!(b, books(2));
        assert_eq!(restock(&mut b), Ok(false));
    }

    #[test]
    fn a_change_that_customers_see_raises_the_version() {
        let mut b = books(2);
        reserve(&mut b, quantity(1)).unwrap();
        let reserved = b.version;
        settle(&mut b, quantity(1)).unwrap();
        assert_eq!((reserved.0, b.version), (2, reserved));
    }

    #[test]
    fn settling_what_is_not_held_is_refused() {
        assert_eq!(settle(&mut books(1), quantity(1)), Err(Unbalanced));
        assert_eq!(cancel(&mut books(1), quantity(1)), Err(Unbalanced));
    }
}
