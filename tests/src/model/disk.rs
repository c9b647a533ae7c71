//! A replica's disk: what is synced. What is not is in the replica's queue, and lost in a crash.

use toystore_domain::{OrderKey, OrderNumber};
use toystore_replication::{
    ClusterId, Entry, Epoch, Fatal, Incarnation, Member, Position, ReplicaId, Saved, StoreId,
    Stored, Write,
};

use super::told::Broken;

/// What is synced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Disk {
    id: ReplicaId,
    incarnation: Incarnation,
    /// The log.
    pub entries: Vec<Entry>,
    cluster: Option<ClusterId>,
    promise: Epoch,
    mark: Epoch,
    /// A lower bound of what is committed.
    pub commit: OrderNumber,
}

impl Disk {
    /// An empty disk.
    #[must_use]
    pub fn new(id: ReplicaId) -> Self {
        Self {
            id,
            incarnation: Incarnation(0),
            entries: Vec::new(),
            cluster: None,
            promise: Epoch(0),
            mark: Epoch(0),
            commit: OrderNumber::ZERO,
        }
    }

    /// The process that runs on it, or ran last.
    #[must_use]
    pub fn member(&self) -> Member {
        let store = StoreId(u128::from(self.id.0));
        Member { id: self.id, store, incarnation: self.incarnation }
    }

    /// Counts a start and says what is saved.
    #[must_use]
    pub fn start(&mut self) -> Saved {
        self.incarnation = self.incarnation.next();
        let last = self.entries.last().map_or(Position::ORIGIN, Entry::position);
        let Self { cluster, promise, mark, commit, .. } = *self;
        Saved { me: self.member(), cluster, promise, mark, commit, last }
    }

    /// Syncs a write.
    ///
    /// # Errors
    /// It would leave a gap, or a key twice in the log (I2, I3).
    pub fn sync(&mut self, write: Write) -> Result<(), Broken> {
        if let Some(above) = write.truncate_above {
            self.entries.retain(|entry| entry.number <= above);
        }
        for entry in write.entries {
            let last = self.entries.last().map_or(Position::ORIGIN, Entry::position);
            if !entry.follows(&last) {
                return Err(Broken::Gap(entry.number));
            }
            if self.entries.iter().any(|other| other.purchase.key == entry.purchase.key) {
                return Err(Broken::TwoNumbers(entry.purchase.key));
            }
            self.entries.push(entry);
        }
        self.cluster = write.cluster;
        self.promise = write.promise;
        self.mark = write.mark;
        self.commit = write.commit;
        Ok(())
    }

    /// The synced entry of a number.
    #[must_use]
    pub fn synced(&self, number: OrderNumber) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.number == number)
    }
}

impl Stored for Disk {
    fn entry(&self, number: OrderNumber) -> Result<Option<Entry>, Fatal> {
        Ok(self.synced(number).cloned())
    }

    fn number_of(&self, key: &OrderKey) -> Result<Option<OrderNumber>, Fatal> {
        let mut with_key = self.entries.iter().filter(|entry| entry.purchase.key == *key);
        Ok(with_key.next().map(|entry| entry.number))
    }
}
