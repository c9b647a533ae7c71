//! The disk of an order replica: it loses what was not synced.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use toystore_domain::{OrderKey, OrderNumber};
use toystore_replication::{
    Chain, ClusterId, Entry, Epoch, Fatal, Incarnation, Member, Position, ReplicaId, Saved,
    StoreId, Stored, Write, WriteId,
};

/// What is on a disk.
#[derive(Debug)]
struct Content {
    store: StoreId,
    incarnation: Incarnation,
    entries: Vec<Entry>,
    keys: BTreeMap<OrderKey, OrderNumber>,
    cluster: Option<ClusterId>,
    promise: Epoch,
    mark: Epoch,
    commit: OrderNumber,
    /// Written, not synced.
    queue: VecDeque<(WriteId, Write)>,
}

/// A disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<Content>>);

impl Disk {
    /// An empty disk.
    #[must_use]
    pub fn new(store: StoreId) -> Self {
        Self(Arc::new(Mutex::new(Content {
            store,
            incarnation: Incarnation(0),
            entries: Vec::new(),
            keys: BTreeMap::new(),
            cluster: None,
            promise: Epoch(0),
            mark: Epoch(0),
            commit: OrderNumber::ZERO,
            queue: VecDeque::new(),
        })))
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a start and says what is saved.
    #[must_use]
    pub fn start(&self, id: ReplicaId) -> Saved {
        let mut content = self.content();
        content.incarnation = content.incarnation.next();
        let me = Member { id, store: content.store, incarnation: content.incarnation };
        let last = content.last();
        let Content { cluster, promise, mark, commit, .. } = *content;
        Saved { me, cluster, promise, mark, commit, last }
    }

    /// The replica on this disk, in its present process.
    #[must_use]
    pub fn member(&self, id: ReplicaId) -> Member {
        let content = self.content();
        Member { id, store: content.store, incarnation: content.incarnation }
    }

    /// Queues a write.
    pub fn write(&self, id: WriteId, write: Write) {
        self.content().queue.push_back((id, write));
    }

    /// The last write that waits, if any does.
    #[must_use]
    pub fn last_waiting(&self) -> Option<WriteId> {
        self.content().queue.back().map(|(id, _)| *id)
    }

    /// Syncs everything up to a write; how many orders were cut off.
    ///
    /// # Errors
    /// What it was asked to do makes no log.
    pub fn sync(&self, upto: WriteId) -> Result<usize, String> {
        let (mut content, mut cut) = (self.content(), 0);
        while content.queue.front().is_some_and(|(id, _)| *id <= upto) {
            cut += content.apply_next()?;
        }
        Ok(cut)
    }

    /// The last order that is saved as committed, and the chains of those after `known`.
    #[must_use]
    pub fn committed(&self, known: usize) -> (Option<(OrderNumber, Chain)>, Vec<Chain>) {
        let content = self.content();
        let commit = content.commit.0 as usize;
        let last = content.entries.get(..commit).and_then(<[_]>::last);
        let news = content.entries.get(known..commit).unwrap_or_default();
        let last = last.map(|entry| (entry.number, entry.chain));
        (last, news.iter().map(|entry| entry.chain).collect())
    }

    /// The power goes: some writes may have reached the disk, and of the next one some orders. How
    /// many orders were cut off, and how many are there of the write that is not there as a whole.
    ///
    /// # Errors
    /// What it was asked to do makes no log.
    pub fn crash(&self, kept: usize, orders: usize) -> Result<(usize, usize), String> {
        let (mut content, mut cut) = (self.content(), 0);
        for _ in 0..kept.min(content.queue.len()) {
            cut += content.apply_next()?;
        }
        let next = content.queue.pop_front();
        let torn = next.map(|(id, write)| (id, content.torn(write, orders)));
        content.queue = torn.into_iter().collect();
        let left = content.queue.front().map_or(0, |(_, write)| write.entries.len());
        cut += content.apply_next()?;
        Ok((cut, left))
    }

    /// The database's id.
    #[must_use]
    pub fn store(&self) -> StoreId {
        self.content().store
    }

    /// The synced log.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.content().entries.clone()
    }

    /// The synced entry of a number.
    #[must_use]
    pub fn synced(&self, number: OrderNumber) -> Option<Entry> {
        self.content().entries.get((number.0 as usize).checked_sub(1)?).cloned()
    }
}

impl Content {
    fn last(&self) -> Position {
        self.entries.last().map_or(Position::ORIGIN, Entry::position)
    }

    /// What a crash leaves of a write: the promise and some of its orders, for they are written one
    /// after the other, and what is agreed and committed after them.
    fn torn(&self, mut write: Write, orders: usize) -> Write {
        write.entries.truncate(orders);
        Write { mark: self.mark, commit: self.commit, ..write }
    }

    fn apply_next(&mut self) -> Result<usize, String> {
        let Some((_, write)) = self.queue.pop_front() else { return Ok(0) };
        let mut cut = 0;
        if let Some(above) = write.truncate_above {
            if above < self.commit {
                return Err(format!("I1: cut above {above}, below the commit {}", self.commit));
            }
            for entry in self.entries.drain((above.0 as usize).min(self.entries.len())..) {
                self.keys.remove(&entry.purchase.key);
                cut += 1;
            }
        }
        for entry in write.entries {
            if !entry.follows(&self.last()) {
                return Err(format!("I2: {:?} does not follow {:?}", entry, self.last()));
            }
            let known = self.keys.insert(entry.purchase.key.clone(), entry.number);
            if let Some(known) = known {
                return Err(format!("I3: {:?} is order {known} already", entry));
            }
            self.entries.push(entry);
        }
        (self.cluster, self.promise) = (write.cluster, write.promise);
        (self.mark, self.commit) = (write.mark, write.commit);
        Ok(cut)
    }
}

impl Stored for Disk {
    fn entry(&self, number: OrderNumber) -> Result<Option<Entry>, Fatal> {
        Ok(self.synced(number))
    }

    fn number_of(&self, key: &OrderKey) -> Result<Option<OrderNumber>, Fatal> {
        Ok(self.content().keys.get(key).copied())
    }
}
