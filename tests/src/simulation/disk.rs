//! A disk that loses what was not synced.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use toystore_domain::{OrderKey, OrderNumber};
use toystore_replication::{
    ClusterId, Entry, Epoch, Fatal, Incarnation, Member, Position, ReplicaId, Saved, StoreId,
    Stored, Write, WriteId,
};

/// What is on a disk.
#[derive(Debug)]
pub struct Content {
    /// The database's id.
    pub store: StoreId,
    /// Starts of a process.
    pub incarnation: Incarnation,
    /// The synced log.
    pub entries: Vec<Entry>,
    keys: BTreeMap<OrderKey, OrderNumber>,
    cluster: Option<ClusterId>,
    promise: Epoch,
    mark: Epoch,
    commit: OrderNumber,
    /// Written, not synced.
    queue: VecDeque<(WriteId, Write)>,
}

/// A disk, shared by the core that reads it and the world that syncs it.
#[derive(Clone, Debug)]
pub struct Disk(Rc<RefCell<Content>>);

impl Disk {
    /// An empty disk.
    #[must_use]
    pub fn new(store: StoreId) -> Self {
        Self(Rc::new(RefCell::new(Content {
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

    /// Counts a start and says what is saved.
    #[must_use]
    pub fn start(&self, id: ReplicaId) -> Saved {
        let mut content = self.0.borrow_mut();
        content.incarnation = content.incarnation.next();
        let me = Member { id, store: content.store, incarnation: content.incarnation };
        let last = content.entries.last().map_or(Position::ORIGIN, Entry::position);
        let Content { cluster, promise, mark, commit, .. } = *content;
        Saved { me, cluster, promise, mark, commit, last }
    }

    /// Queues a write.
    pub fn write(&self, id: WriteId, write: Write) {
        self.0.borrow_mut().queue.push_back((id, write));
    }

    /// Syncs everything up to a write.
    pub fn sync(&self, upto: WriteId) {
        let mut content = self.0.borrow_mut();
        while content.queue.front().is_some_and(|(id, _)| *id <= upto) {
            let (_, write) = content.queue.pop_front().unwrap();
            content.apply(write);
        }
    }

    /// The power goes: some of what was written may have reached the disk.
    pub fn crash(&self, kept: usize) {
        let mut content = self.0.borrow_mut();
        for _ in 0..kept.min(content.queue.len()) {
            let (_, write) = content.queue.pop_front().unwrap();
            content.apply(write);
        }
        content.queue.clear();
    }

    /// How many writes wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.borrow().queue.len()
    }

    /// The database's id.
    #[must_use]
    pub fn store(&self) -> StoreId {
        self.0.borrow().store
    }

    /// The synced log.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.0.borrow().entries.clone()
    }

    /// The synced entry of a number.
    #[must_use]
    pub fn synced(&self, number: OrderNumber) -> Option<Entry> {
        self.0.borrow().entries.get(number.0 as usize - 1).cloned()
    }
}

impl Content {
    fn apply(&mut self, write: Write) {
        if let Some(above) = write.truncate_above {
            while self.entries.last().is_some_and(|entry| entry.number > above) {
                let entry = self.entries.pop().unwrap();
                self.keys.remove(&entry.purchase.key);
            }
        }
        for entry in write.entries {
            let last = self.entries.last().map_or(Position::ORIGIN, Entry::position);
            assert!(entry.follows(&last), "the disk was asked to leave a gap");
            let known = self.keys.insert(entry.purchase.key.clone(), entry.number);
            assert_eq!(known, None, "a key is in the log twice");
            self.entries.push(entry);
        }
        self.cluster = write.cluster;
        self.promise = write.promise;
        self.mark = write.mark;
        self.commit = write.commit;
    }
}

impl Stored for Disk {
    fn entry(&self, number: OrderNumber) -> Result<Option<Entry>, Fatal> {
        Ok(self.synced(number))
    }

    fn number_of(&self, key: &OrderKey) -> Result<Option<OrderNumber>, Fatal> {
        Ok(self.0.borrow().keys.get(key).copied())
    }
}
