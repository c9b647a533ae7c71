//! Reading an order replica's log and its index.

use toystore_domain::{OrderKey, OrderNumber};
use toystore_replication::{Entry, Fatal, Stored};

use crate::folder::unreadable;
use crate::schema::{order_key, read_number, read_row};

/// Reads entries beside the writer. Cheap to clone.
#[derive(Clone)]
pub struct OrderReader {
    pub(super) orders: sled::Tree,
    pub(super) keys: sled::Tree,
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
        let value = self.keys.get(key.as_str().as_bytes()).map_err(unreadable)?;
        value.map(|value| read_number(&value).ok_or(Fatal::Unreadable)).transpose()
    }
}

impl OrderReader {
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
