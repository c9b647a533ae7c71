//! The log: what is stored, and the tail that is still in memory.
//!
//! Entries leave the memory when they are both synced and committed, so memory is bounded by what
//! is under way, and no read depends on whether a write has reached the disk yet.

use std::collections::{BTreeMap, VecDeque};

use toystore_domain::{OrderKey, OrderNumber, Purchase};

use crate::{Entry, Epoch, Fatal, Position};

/// Read access to the entries on disk.
pub trait Stored {
    /// The entry of this number.
    ///
    /// # Errors
    /// [`Fatal`] when the record cannot be read or is damaged.
    fn entry(&self, number: OrderNumber) -> Result<Option<Entry>, Fatal>;

    /// The entries that follow `after`, `count` of them.
    ///
    /// # Errors
    /// [`Fatal`] when a record cannot be read, is damaged, or is not there.
    fn entries(&self, after: OrderNumber, count: usize) -> Result<Vec<Entry>, Fatal> {
        let numbers = (after.next().0..).take(count).map(OrderNumber);
        numbers.map(|number| self.entry(number)?.ok_or(Fatal::MissingEntry(number))).collect()
    }

    /// The number of the entry with this key.
    ///
    /// # Errors
    /// [`Fatal`] when the record cannot be read or is damaged.
    fn number_of(&self, key: &OrderKey) -> Result<Option<OrderNumber>, Fatal>;
}

/// The log of one replica.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log<S> {
    stored: S,
    /// Up to here, entries are read from `stored`; what `stored` has above it does not count.
    base: Position,
    /// The entries above `base`, dense.
    tail: VecDeque<Entry>,
    /// The keys of the tail.
    keys: BTreeMap<OrderKey, OrderNumber>,
}

impl<S: Stored> Log<S> {
    /// The log whose last stored entry is `last`.
    pub fn new(stored: S, last: Position) -> Self {
        Self { stored, base: last, tail: VecDeque::new(), keys: BTreeMap::new() }
    }

    /// What is on the disk.
    pub(crate) fn stored(&self) -> &S {
        &self.stored
    }

    /// What is on the disk.
    pub(crate) fn stored_mut(&mut self) -> &mut S {
        &mut self.stored
    }

    /// Where the log stands.
    pub fn last(&self) -> Position {
        self.tail.back().map_or(self.base, Entry::position)
    }

    /// The entry of this number.
    pub fn get(&self, number: OrderNumber) -> Result<Option<Entry>, Fatal> {
        if number > self.base.number {
            let index = (number.0 - self.base.number.0 - 1) as usize;
            return Ok(self.tail.get(index).cloned());
        }
        if number == OrderNumber::ZERO {
            return Ok(None);
        }
        self.stored.entry(number)?.ok_or(Fatal::MissingEntry(number)).map(Some)
    }

    /// Where the log stood after this number; `None` above the last entry.
    pub fn position(&self, number: OrderNumber) -> Result<Option<Position>, Fatal> {
        if number == OrderNumber::ZERO {
            return Ok(Some(Position::ORIGIN));
        }
        if number == self.base.number {
            return Ok(Some(self.base));
        }
        Ok(self.get(number)?.map(|entry| entry.position()))
    }

    /// Whether the log passes through this position.
    pub fn holds(&self, position: &Position) -> Result<bool, Fatal> {
        Ok(self.position(position.number)? == Some(*position))
    }

    /// Refuses a position that has an own entry's number and epoch but another hash: one leader
    /// numbers the entries of an epoch, so two contents mean damage.
    pub fn check_chain(&self, position: &Position) -> Result<(), Fatal> {
        match self.position(position.number)? {
            Some(own) if own.epoch == position.epoch && own.chain != position.chain => {
                Err(Fatal::ChainBroken(position.number))
            }
            _ => Ok(()),
        }
    }

    /// Up to `limit` entries after `number`.
    pub fn after(&self, number: OrderNumber, limit: usize) -> Result<Vec<Entry>, Fatal> {
        let base = self.base.number.0;
        let stored = base.saturating_sub(number.0).min(limit as u64) as usize;
        let mut entries = self.stored.entries(number, stored)?;
        let skipped = number.0.saturating_sub(base) as usize;
        entries.extend(self.tail.iter().skip(skipped).take(limit - stored).cloned());
        Ok(entries)
    }

    /// The number of the entry with this key.
    pub fn number_of(&self, key: &OrderKey) -> Result<Option<OrderNumber>, Fatal> {
        if let Some(number) = self.keys.get(key) {
            return Ok(Some(*number));
        }
        Ok(self.stored.number_of(key)?.filter(|number| *number <= self.base.number))
    }

    /// Numbers a purchase and appends it.
    pub fn push(&mut self, epoch: Epoch, purchase: Purchase) -> Entry {
        let entry = Entry::after(&self.last(), epoch, purchase);
        self.append(entry.clone());
        entry
    }

    /// Appends an entry that follows the last one.
    pub fn append(&mut self, entry: Entry) {
        debug_assert!(entry.follows(&self.last()), "the log is dense and chained");
        self.keys.insert(entry.purchase.key.clone(), entry.number);
        self.tail.push_back(entry);
    }

    /// Cuts off everything above `number`.
    pub fn truncate_above(&mut self, number: OrderNumber) -> Result<(), Fatal> {
        while self.tail.back().is_some_and(|entry| entry.number > number) {
            if let Some(entry) = self.tail.pop_back() {
                self.keys.remove(&entry.purchase.key);
            }
        }
        if number < self.base.number {
            self.base = self.position(number)?.ok_or(Fatal::MissingEntry(number))?;
        }
        Ok(())
    }

    /// Drops from memory what is synced and committed up to `number`.
    pub fn release(&mut self, number: OrderNumber) {
        while self.tail.front().is_some_and(|entry| entry.number <= number) {
            if let Some(entry) = self.tail.pop_front() {
                self.keys.remove(&entry.purchase.key);
                self.base = entry.position();
            }
        }
    }
}
