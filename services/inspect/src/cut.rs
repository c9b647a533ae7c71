//! The cut through a store that is being backed up: which orders are before it, and what the
//! catalog's books say of exactly those.
//!
//! 1. The catalog's view is read, then the leader's commit number: every order acknowledged before
//!    is among the orders up to it. A stopped store needs a log that the view has in sync, to its end.
//! 2. The catalog's rows are read after that. Each order up to the cut was reserved before it got its
//!    number and can not be cancelled any more, so every product's `sold + reserved` covers them.
//!    What it has beyond them is of later orders, and goes back into the stock.
//!
//! So the books fit the log though neither stood still, and though pages of the catalog are of
//! different moments: each product's row is sound by itself, and needs only to be later than the cut.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use toystore_domain::{Books, OrderNumber, ProductName};
use toystore_replication::choice::RoleName;
use toystore_replication::{Entry, Member, View};

use crate::Failure;
use crate::catalog::{Catalog, Rows};
use crate::orders::{Log, Orders};

/// How long a leader is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// Which log, and how much of it.
pub struct Cut<'a> {
    /// The view, at which the log is known to be complete.
    pub view: View,
    /// The log.
    pub orders: &'a Orders,
    /// Whose it is.
    pub from: Member,
    /// The last order before the cut.
    pub last: OrderNumber,
}

/// Why a store cannot be cut.
#[derive(Debug, thiserror::Error)]
pub enum Uncut {
    /// The sources are not a store.
    #[error("a backup takes one catalog and one replica or more; of catalogs there are {0}")]
    Catalogs(usize),
    /// There is no log.
    #[error("a backup takes the catalog and one replica or more; there is no replica")]
    NoReplica,
    /// A source is damaged.
    #[error("{0} is damaged: {1}; leave it out, or mend it first")]
    Damaged(String, String),
    /// Another catalog answers than before.
    #[error("the catalog was replaced by that of another store meanwhile; try again")]
    AnotherCatalog,
    /// The store never ran.
    #[error("the store has had no leader yet, there is nothing to back up")]
    NoView,
    /// No source has all acknowledged orders for sure.
    #[error(
        "none of the replicas named is sure to have every order: {0}; name all replicas of the \
         store, running like the catalog or stopped like it"
    )]
    NoLog(String),
    /// The catalog's books do not cover the log.
    #[error(
        "{product}: {logged} were ordered, and the catalog sold or reserved {booked}; catalog and \
         replicas are not of one store, or of different times"
    )]
    Apart {
        /// Which product.
        product: ProductName,
        /// By the log.
        logged: u64,
        /// By the catalog.
        booked: u64,
    },
}

impl<'a> Cut<'a> {
    /// Finds a log that has every order acknowledged before now.
    ///
    /// # Errors
    /// There is none among the sources.
    pub fn find(catalog: &Catalog, replicas: &[&'a Orders]) -> Result<Self, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let view = match &catalog.link {
                Some(link) => link.view()?,
                None => catalog.rows.view.clone(),
            };
            let view = view.ok_or(Uncut::NoView)?;
            let running = catalog.link.is_some();
            let why = match Self::in_view(&view, running, replicas)? {
                Ok((orders, from, last)) => return Ok(Self { view, orders, from, last }),
                Err(why) => why,
            };
            // A leader that has just been chosen, or is being, serves in a moment.
            if !running || Instant::now() >= deadline {
                return Err(Uncut::NoLog(why).into());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The log to take in this view, or why there is none.
    fn in_view(
        view: &View,
        running: bool,
        replicas: &[&'a Orders],
    ) -> Result<Result<(&'a Orders, Member, OrderNumber), String>, Failure> {
        let mut why = if running {
            format!("replica {} leads, and is not among those that run", view.leader.id)
        } else {
            "of a stopped store it takes the folder of one that was in sync".to_owned()
        };
        for &orders in replicas {
            let member = Member { id: orders.id, store: orders.store, ..view.leader };
            match &orders.log {
                Log::Service(link, _) if running && member == view.leader => {
                    let health = link.health()?;
                    let known = health.view.is_some_and(|known| known.epoch == view.epoch);
                    if health.member == view.leader && health.role == RoleName::Leader && known {
                        return Ok(Ok((orders, health.member, health.commit)));
                    }
                    why = format!("replica {} is to lead, and does not yet", orders.id);
                }
                Log::Sound(store) if !running && view.has_in_sync(&member) => {
                    return Ok(Ok((orders, store.member(), store.last().number)));
                }
                Log::Service(..) | Log::Sound(_) | Log::Damaged(_) | Log::Portable(_) => {}
            }
        }
        Ok(Err(why))
    }
}

/// What a log sold of each product.
#[derive(Debug, Default)]
pub struct Sold(BTreeMap<ProductName, u64>);

impl Sold {
    /// Counts an order.
    pub fn count(&mut self, entry: &Entry) {
        let quantity = entry.purchase.quantity.get();
        match self.0.get_mut(&entry.purchase.product) {
            Some(sold) => *sold = sold.saturating_add(quantity),
            None => drop(self.0.insert(entry.purchase.product.clone(), quantity)),
        }
    }

    /// The catalog's rows as they are when exactly these orders were placed.
    ///
    /// # Errors
    /// The rows do not cover the orders.
    pub fn leave(mut self, rows: Rows) -> Result<Rows, Uncut> {
        let mut products = Vec::with_capacity(rows.products.len());
        for (product, books) in rows.products {
            let logged = self.0.remove(&product).unwrap_or_default();
            match as_of(&books, logged) {
                Some(books) => products.push((product, books)),
                None => {
                    let booked = books.sold.saturating_add(books.reserved);
                    return Err(Uncut::Apart { product, logged, booked });
                }
            }
        }
        match self.0.pop_first() {
            Some((product, logged)) => Err(Uncut::Apart { product, logged, booked: 0 }),
            None => Ok(Rows { products, reservations: Vec::new(), sold_out: None, ..rows }),
        }
    }
}

/// A product's books when only `sold` of all that was sold and reserved is. They balance as before.
fn as_of(books: &Books, sold: u64) -> Option<Books> {
    let later = books.sold.checked_add(books.reserved)?.checked_sub(sold)?;
    let stock = books.stock.checked_add(later)?;
    Some(Books { sold, reserved: 0, stock, ..books.clone() })
}

#[cfg(test)]
mod tests {
    use toystore_domain::{Cents, Quantity, stock};

    use super::*;

    fn books() -> Books {
        let mut books = Books::open(Cents::new(999).unwrap(), 10);
        for quantity in [2, 3, 4] {
            assert!(stock::reserve(&mut books, Quantity::new(quantity).unwrap()).unwrap());
        }
        stock::settle(&mut books, Quantity::new(2).unwrap()).unwrap();
        stock::settle(&mut books, Quantity::new(3).unwrap()).unwrap();
        books
    }

    #[test]
    fn what_was_sold_later_goes_back_into_the_stock() {
        for (sold, stock) in [(9, 1), (5, 5), (2, 8), (0, 10)] {
            let cut = as_of(&books(), sold).unwrap();
            assert!(cut.balanced() && cut.reserved == 0, "{cut:?}");
            assert_eq!((cut.sold, cut.stock), (sold, stock));
        }
    }

    #[test]
    fn books_that_do_not_cover_the_log_are_refused() {
        assert_eq!(as_of(&books(), 10), None);
        let tux = ProductName::new("Tux").unwrap();
        let sold = |quantity| Sold(BTreeMap::from([(tux.clone(), quantity)]));
        let rows = Rows { products: vec![(tux.clone(), books())], ..Rows::default() };
        assert!(sold(9).leave(rows.clone()).is_ok());
        assert!(matches!(sold(10).leave(rows), Err(Uncut::Apart { booked: 9, .. })));
        let none = sold(1).leave(Rows::default());
        assert!(matches!(none, Err(Uncut::Apart { booked: 0, logged: 1, .. })));
    }
}
