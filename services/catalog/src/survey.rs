//! Sums over all products and reservations, for the metrics.
//!
//! Counting along with each change would put work on the way of every order, and counting at each
//! scrape would make a scrape as slow as a million products are many. So the sums are made every
//! now and then, as often as costs one hundredth of a core at most.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use toystore_authority::{Database, Failed, Transaction};

use crate::shelf::Shelf;

/// Between two surveys at least.
const INTERVAL: Duration = Duration::from_secs(1);
/// Times as long as a survey took nothing is surveyed.
const REST: u32 = 99;
/// Rows that are read before others get their turn.
const PAGE: usize = 100;

/// What a survey found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Products.
    pub products: u64,
    /// Products without stock.
    pub sold_out: u64,
    /// Items in stock, of all products.
    pub stock: u64,
    /// Outstanding reservations.
    pub reservations: u64,
}

/// What the latest survey found.
#[derive(Debug, Default)]
pub struct Survey(Mutex<Found>);

impl Survey {
    /// What the latest found; nothing before the first.
    #[must_use]
    pub fn found(&self) -> Found {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Surveys until the process ends.
    pub async fn keep<D: Database>(self: Arc<Self>, shelf: Arc<Shelf<D>>) {
        loop {
            let begun = Instant::now();
            match look(&shelf.database).await {
                Ok(found) => *self.0.lock().unwrap_or_else(PoisonError::into_inner) = found,
                Err(error) => tracing::error!(%error, "the products cannot be counted"),
            }
            tokio::time::sleep(INTERVAL.max(begun.elapsed() * REST)).await;
        }
    }
}

/// Rows change meanwhile: each is counted as it is when its page is read.
async fn look<D: Database>(database: &D) -> Result<Found, Failed> {
    let mut found = Found::default();
    let mut after = None;
    loop {
        let rows = database.begin().products(after.as_ref(), PAGE)?;
        for (_, books) in &rows {
            found.products += 1;
            found.sold_out += u64::from(books.stock == 0);
            found.stock += books.stock;
        }
        let Some((last, _)) = rows.into_iter().last() else { break };
        after = Some(last);
        tokio::task::yield_now().await;
    }
    let mut after = None;
    loop {
        let rows = database.begin().reservations(after.as_ref(), PAGE)?;
        found.reservations += rows.len() as u64;
        let Some(last) = rows.into_iter().last() else { break };
        after = Some(last.purchase.key);
        tokio::task::yield_now().await;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use toystore_authority::memory::MemoryDatabase;
    use toystore_domain::{Books, Cents, OrderKey, ProductName, Purchase, Quantity};
    use toystore_replication::messages::Reservation;
    use toystore_replication::{ClusterId, Epoch};

    use super::*;

    #[tokio::test]
    async fn everything_is_counted_over_all_pages() {
        let database = MemoryDatabase::new(ClusterId(1));
        let mut tx = database.begin();
        for n in 0..(2 * PAGE as u64 + 5) {
            let product = ProductName::new(&format!("toy-{n}")).unwrap();
            let stock = if n % 5 == 0 { 0 } else { 3 };
            tx.put_books(&product, &Books::open(Cents::parse("9.99").unwrap(), stock)).unwrap();
            let (key, quantity) = (OrderKey::new(&format!("k{n}")), Quantity::new(1));
            let purchase = Purchase { key: key.unwrap(), product, quantity: quantity.unwrap() };
            tx.put_reservation(&Reservation { purchase, epoch: Epoch(1), recorded: None }).unwrap();
        }
        tx.commit().unwrap();
        let found = look(&database).await.unwrap();
        let expected = Found { products: 205, sold_out: 41, stock: 492, reservations: 205 };
        assert_eq!(found, expected);
    }
}
