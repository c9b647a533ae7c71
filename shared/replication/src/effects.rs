//! What a step wants done, as data; the order of the fields is the order in which it is done.

use toystore_domain::{OrderKey, OrderNumber};

use crate::choice::Health;
use crate::messages::{
    Appended, CatalogCall, Fetched, Joined, ListReply, OrderReply, PeerCall, ReadReply,
};
use crate::{CallId, ClusterId, Entry, Epoch, Member, ReplicaId, Ticket, WriteId};

/// What to put on disk: cluster and promise, then cut the log, then extend it, then mark and commit.
/// A crash may leave a part of it, in this order: entries cut from the end, and appended from the
/// first on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Write {
    /// Remove the entries above this one.
    pub truncate_above: Option<OrderNumber>,
    /// Append these; they follow what is left.
    pub entries: Vec<Entry>,
    /// The cluster, once known.
    pub cluster: Option<ClusterId>,
    /// The highest epoch promised.
    pub promise: Epoch,
    /// The last epoch in which the log agreed with the leader's.
    pub mark: Epoch,
    /// A lower bound of what is committed.
    pub commit: OrderNumber,
}

/// A call to make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// To another replica.
    Peer(ReplicaId, PeerCall),
    /// To the catalog.
    Catalog(CatalogCall),
}

/// A reply to a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// To an append.
    Appended(Appended),
    /// To a fetch.
    Fetched(Fetched),
    /// To a join.
    Joined(Joined),
    /// To an order.
    Order(OrderReply),
    /// To a look-up.
    Read(ReadReply),
    /// To a listing.
    List(ListReply),
    /// To a status request or a probe.
    Health(Box<Health>),
}

/// Something that a person or a counter wants to know of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// This replica was made leader and begins to take over.
    TakingOver(Epoch),
    /// This replica takes orders now; it settled and cancelled so many reservations.
    Serving {
        /// In this epoch.
        epoch: Epoch,
        /// Reservations found in the log.
        kept: usize,
        /// Reservations found in no log, given back.
        cancelled: usize,
    },
    /// This replica leads no longer.
    SteppedDown(Epoch),
    /// The in-sync set changed.
    InSync(Vec<ReplicaId>),
    /// A follower answered late, not at all, or wrongly, and is to be removed.
    LostFollower(Member, &'static str),
    /// This replica pulls what it missed, from after this order.
    CatchingUp(OrderNumber),
    /// This replica asked to join with everything up to this order.
    AskedToJoin(OrderNumber),
    /// A tail that no leader holds was cut off above this order.
    Truncated {
        /// The last order kept.
        above: OrderNumber,
        /// How many were cut off.
        count: u64,
    },
    /// A view of another cluster, or of a past epoch, was refused.
    RefusedView(&'static str),
    /// An acknowledged order cannot be kept: only after an operator's unclean choice.
    LostOrder(OrderKey, OrderNumber),
}

/// What a step wants done, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Effects {
    /// First: hand these to the disk, in order. Each is answered by `Event::Saved` once synced.
    pub writes: Vec<(WriteId, Write)>,
    /// Then make these calls. None of them depends on a write of the same step being synced.
    pub calls: Vec<(CallId, Call)>,
    /// Then let these replies go.
    pub replies: Vec<(Ticket, Reply)>,
    /// Last, tell people.
    pub notices: Vec<Notice>,
}

/// Where effects become acts: sockets and disks in a service, data structures in a simulator.
pub trait Edge {
    /// Starts to save; `Event::Saved(id)` follows when it is synced, in the order of the ids.
    fn write(&mut self, id: WriteId, write: Write);
    /// Starts a call; `Event::Answered(id, …)` follows exactly once.
    fn call(&mut self, id: CallId, call: Call);
    /// Lets a reply go.
    fn reply(&mut self, ticket: Ticket, reply: Reply);
    /// Tells people.
    fn notice(&mut self, notice: Notice);
}

impl Effects {
    /// Does everything, in the order of the fields.
    pub fn perform(self, edge: &mut impl Edge) {
        self.writes.into_iter().for_each(|(id, write)| edge.write(id, write));
        self.calls.into_iter().for_each(|(id, call)| edge.call(id, call));
        self.replies.into_iter().for_each(|(ticket, reply)| edge.reply(ticket, reply));
        self.notices.into_iter().for_each(|notice| edge.notice(notice));
    }
}
