//! One replica: its process, its disk, the writes between them, and who waits for its replies.

use std::collections::BTreeMap;
use std::fmt;

use toystore_domain::OrderNumber;
use toystore_replication::{CallId, Entry, Member, Replica, ReplicaId, Ticket, Write};

use super::disk::Disk;

/// A replica's process, which holds the disk, or the disk alone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Process {
    /// It runs.
    Up(Box<Replica<Disk>>),
    /// It crashed.
    Down(Disk),
}

/// Who waits for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A replica, with the call it made; nobody any more, when it gave up or crashed.
    Peer(Option<(ReplicaId, CallId)>),
    /// A front end: the attempt, and which copy of it; copy 0 is one that the network made.
    Copy(usize, u8),
    /// A front end: the look-up.
    Look(usize),
}

/// One replica.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// Its process.
    pub process: Process,
    /// Written, not synced.
    pub queue: Vec<Write>,
    /// Who waits.
    pub askers: BTreeMap<Ticket, Asker>,
}

impl Node {
    /// A replica that never ran.
    #[must_use]
    pub fn new(id: ReplicaId) -> Self {
        let process = Process::Down(Disk::new(id));
        Self { process, queue: Vec::new(), askers: BTreeMap::new() }
    }

    /// The core, while the process runs.
    #[must_use]
    pub fn core(&self) -> Option<&Replica<Disk>> {
        match &self.process {
            Process::Up(core) => Some(core),
            Process::Down(_) => None,
        }
    }

    /// The disk.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        match &self.process {
            Process::Up(core) => core.stored(),
            Process::Down(disk) => disk,
        }
    }

    /// The process that runs, or ran last.
    #[must_use]
    pub fn member(&self) -> Member {
        self.disk().member()
    }

    /// Somebody waits from now on.
    pub fn expect(&mut self, asker: Asker) -> Ticket {
        let free = (1..).map(Ticket).find(|ticket| !self.askers.contains_key(ticket));
        let ticket = free.unwrap_or_default();
        self.askers.insert(ticket, asker);
        ticket
    }

    /// What this replica knows to be committed, and its log, synced or not.
    #[must_use]
    pub fn log(&self) -> (OrderNumber, Vec<Entry>) {
        let Some(core) = self.core() else {
            return (self.disk().commit, self.disk().entries.clone());
        };
        let health = core.health();
        let entries = (1..=health.last.number.0).filter_map(|n| core.entry(OrderNumber(n)).ok()?);
        (health.commit, entries.collect())
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Node");
        if let Some(core) = self.core() {
            shown.field("health", &core.health());
        }
        shown.field("disk", self.disk()).field("queue", &self.queue).field("askers", &self.askers);
        shown.finish()
    }
}
