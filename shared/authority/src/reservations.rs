//! Reservations: stock held for an order until it is known whether the order exists.
//!
//! A row stands for exactly one deduction of stock (I3): every change of the books is paired with
//! adding or removing the row, in one transaction, so a repeated command changes nothing.

use std::collections::BTreeSet;

use toystore_domain::{OrderKey, ProductName, Purchase, Quantity, stock};
use toystore_replication::Epoch;
use toystore_replication::messages::{Record, Reservation, Reserved};

use crate::{Failed, Transaction};

/// Takes a purchase out of the stock and holds it. A key seen before gives the answer it gave.
pub(crate) fn reserve(
    tx: &mut impl Transaction,
    epoch: Epoch,
    purchase: &Purchase,
    changed: &mut BTreeSet<ProductName>,
) -> Result<Reserved, Failed> {
    if let Some(held) = tx.reservation(&purchase.key)? {
        if !held.purchase.same_body(purchase) {
            return Ok(Reserved::KeyReused);
        }
        if held.epoch < epoch {
            tx.put_reservation(&Reservation { epoch, ..held })?;
        }
        return Ok(Reserved::Granted);
    }
    let Some(mut books) = tx.books(&purchase.product)? else {
        return Ok(Reserved::ProductNotFound);
    };
    let reserved = stock::reserve(&mut books, purchase.quantity)
        .map_err(|_| Failed::Unbalanced((&purchase.product).into()))?;
    if !reserved {
        return Ok(Reserved::OutOfStock);
    }
    tx.put_books(&purchase.product, &books)?;
    tx.put_reservation(&Reservation { purchase: purchase.clone(), epoch, recorded: None })?;
    changed.insert(purchase.product.clone());
    Ok(Reserved::Granted)
}

/// Keeps an order's number beside its reservation: the catalog is its second disk.
pub(crate) fn record(tx: &mut impl Transaction, record: &Record) -> Result<(), Failed> {
    match tx.reservation(&record.key)? {
        Some(held) => tx.put_reservation(&Reservation { recorded: Some(record.number), ..held }),
        None => Ok(()),
    }
}

/// The order exists: what was held is sold.
pub(crate) fn settle(tx: &mut impl Transaction, key: &OrderKey) -> Result<(), Failed> {
    release(tx, key, stock::settle).map(|_| ())
}

/// The order does not and will not exist: what was held goes back.
pub(crate) fn cancel(
    tx: &mut impl Transaction,
    key: &OrderKey,
    changed: &mut BTreeSet<ProductName>,
) -> Result<(), Failed> {
    changed.extend(release(tx, key, stock::cancel)?);
    Ok(())
}

fn release(
    tx: &mut impl Transaction,
    key: &OrderKey,
    rule: fn(&mut toystore_domain::Books, Quantity) -> Result<(), stock::Unbalanced>,
) -> Result<Option<ProductName>, Failed> {
    let Some(Reservation { purchase, .. }) = tx.reservation(key)? else { return Ok(None) };
    let product = purchase.product;
    let mut books = tx.books(&product)?.ok_or_else(|| Failed::Unbalanced((&product).into()))?;
    rule(&mut books, purchase.quantity).map_err(|_| Failed::Unbalanced((&product).into()))?;
    tx.put_books(&product, &books)?;
    tx.remove_reservation(key)?;
    Ok(Some(product))
}
