//! Reading an order replica's log, by number and by key.

use std::sync::Arc;

use toystore_domain::{OrderKey, OrderNumber};
use toystore_replication::{Entry, Fatal, Stored};

use crate::folder::unreadable;
use crate::keys::{KeyIndex, TooMany};
use crate::schema::{order_key, read_row};

/// Reads entries beside the writer. Cheap to clone.
#[derive(Clone)]
pub struct OrderReader {
    pub(super) orders: sled::Tree,
    pub(super) keys: Arc<KeyIndex>,
}

/// Why an order's key is not taken into the index.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotNew {
    /// An order before it has the same.
    #[error("order {0} has the key of an earlier one, {1}")]
    Known(OrderNumber, OrderKey),
    /// The index is full.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The order that may have the same cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Fatal),
}

impl Stored for OrderReader {
    fn entry(&self, number: OrderNumber) -> Result<Option<Entry>, Fatal> {
        let Some(row) = self.orders.range(order_key(number)..).next() else { return Ok(None) };
        let (key, record) = row.map_err(unreadable)?;
        let mut entries = read_row(&key, &record).map_err(unreadable)?.into_iter();
        match entries.find(|entry| entry.number == number) {
            // Numbers begin with 1.
            None if number == OrderNumber::ZERO => Ok(None),
            None => Err(Fatal::MissingEntry(number)),
            found => Ok(found),
        }
    }

    fn entries(&self, after: OrderNumber, count: usize) -> Result<Vec<Entry>, Fatal> {
        let page = self.page(after, count)?;
        let mut last = after;
        for entry in &page {
            last = last.next();
            if entry.number != last {
                return Err(Fatal::MissingEntry(last));
            }
        }
        if page.len() < count { Err(Fatal::MissingEntry(last.next())) } else { Ok(page) }
    }

    fn number_of(&self, key: &OrderKey) -> Result<Option<OrderNumber>, Fatal> {
        self.keys.find(key, |number| self.entry(number))
    }
}

impl OrderReader {
    /// A reader of a log none of whose keys is in the index yet.
    pub(crate) fn of(orders: sled::Tree) -> Self {
        Self { orders, keys: Arc::default() }
    }

    /// Takes the key of an order into the index, which no order there has.
    pub(crate) fn add_new(&self, entry: &Entry) -> Result<(), NotNew> {
        let (number, key) = (entry.number, &entry.purchase.key);
        if self.number_of(key)?.is_some() {
            return Err(NotNew::Known(number, key.clone()));
        }
        Ok(self.keys.add(key, number)?)
    }

    /// The saved entries above `after`, at most so many.
    ///
    /// # Errors
    /// [`Fatal`] when a record is damaged.
    pub fn page(&self, after: OrderNumber, limit: usize) -> Result<Vec<Entry>, Fatal> {
        let mut page = Vec::new();
        if limit == 0 {
            return Ok(page);
        }
        for row in self.orders.range(order_key(after.next())..) {
            let (key, record) = row.map_err(unreadable)?;
            let entries = read_row(&key, &record).map_err(unreadable)?;
            page.extend(entries.into_iter().filter(|entry| entry.number > after));
            if page.len() >= limit {
                page.truncate(limit);
                break;
            }
        }
        Ok(page)
    }
}
