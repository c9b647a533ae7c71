//! What replicas, the catalog and the front ends say to each other about orders.

use serde::{Deserialize, Serialize};
use toystore_domain::{Order, OrderKey, OrderNumber, Purchase};

use crate::view::MemberChange;
use crate::{Attempt, Entry, Epoch, Member, Position, Sequence, StoreId, View};

/// Leader → follower: extend your log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Append {
    /// The leader's view: its cluster, its epoch, who is in sync.
    pub view: View,
    /// The database the leader means; a wiped one must not answer for the one it replaced.
    pub to: StoreId,
    /// Where the leader's log stood when its epoch began: whatever a follower holds above it from
    /// an earlier epoch is not in the leader's log.
    pub start: Position,
    /// The entries follow this one.
    pub previous: Position,
    /// The entries; none in a heartbeat.
    pub entries: Vec<Entry>,
    /// Everything up to here is committed.
    pub commit: OrderNumber,
}

/// Follower → leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Appended {
    /// The follower's log equals the leader's up to here, synced.
    Held {
        /// Who answers.
        member: Member,
        /// How far.
        upto: Position,
    },
    /// The follower does not hold the previous entry; it surely agrees up to `agreed`.
    Missing {
        /// Who answers.
        member: Member,
        /// Its last committed order.
        agreed: OrderNumber,
        /// Its last order.
        last: OrderNumber,
    },
    /// The follower promised a later epoch.
    Stale {
        /// That epoch.
        promise: Epoch,
    },
    /// Another database answers than the leader meant, or one of another cluster.
    Stranger {
        /// Who answers.
        member: Member,
    },
}

/// Replica that comes back → leader: what follows this entry?
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fetch {
    /// Who asks.
    pub member: Member,
    /// Its last entry.
    pub after: Position,
}

/// Leader → replica that comes back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fetched {
    /// The entries that follow.
    Page {
        /// As if the leader had sent them by itself.
        append: Box<Append>,
        /// There are more.
        more: bool,
    },
    /// The leader does not hold that entry: step back.
    StepBack,
    /// Ask another.
    NotLeader,
}

/// Replica that has caught up → leader: send me what follows and let me in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Join {
    /// Who asks.
    pub member: Member,
    /// Its last entry.
    pub last: OrderNumber,
}

/// Leader → replica that wants to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Joined {
    /// Appends follow.
    Welcome,
    /// Not now, or not here.
    NotNow,
}

/// Front end → leader: place an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlaceOrder {
    /// The epoch of the leader that is meant; an old copy of the request dies with its epoch.
    pub epoch: Epoch,
    /// Names this attempt over all its repeats.
    pub attempt: Attempt,
    /// Another copy of this attempt may be under way.
    pub repeat: bool,
    /// What to buy.
    pub purchase: Purchase,
    /// How long the front end will wait, in milliseconds.
    pub patience_ms: u32,
}

/// Front end → leader: place these orders. Each has an answer of its own, in the same order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlaceOrders {
    /// Each as if it came alone.
    pub orders: Vec<PlaceOrder>,
}

/// Leader → front end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderReply {
    /// Committed under this number.
    Placed(OrderNumber),
    /// Nothing was and will be done for this attempt.
    Refused(OrderRefusal),
    /// It may have been done.
    Unknown,
}

/// Why an order was not placed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderRefusal {
    /// Fewer left than asked for.
    OutOfStock,
    /// No such product.
    ProductNotFound,
    /// The key was used for another order.
    KeyReused,
    /// Too many orders wait.
    Busy,
    /// Fewer replicas are in sync than the operator demands.
    TooFewInSync,
    /// It waited for its turn until the front end's patience ended. True of this copy alone:
    /// another copy of the attempt may go on.
    Expired,
    /// This replica does not lead in that epoch.
    NotLeader(Option<View>),
}

/// Leader → front end: an order looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReadReply {
    /// Committed.
    Found(Order),
    /// Proven not to exist.
    NotFound,
    /// Ask another.
    NotLeader(Option<View>),
    /// It cannot be proven now.
    Unavailable,
}

/// Leader → front end: a page of orders.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ListReply {
    /// Committed orders, by number.
    Page(Vec<Order>),
    /// Ask another.
    NotLeader(Option<View>),
    /// It cannot be proven now.
    Unavailable,
}

/// Leader → catalog: one transaction on stock and reservations.
///
/// The catalog runs each sequence number of an epoch once and keeps the last answer, so that a
/// repeated or late copy changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transact {
    /// The leader's epoch; any other than the view's is fenced off.
    pub epoch: Epoch,
    /// The leader.
    pub leader: Member,
    /// Counts the transactions of this epoch.
    pub sequence: Sequence,
    /// Take these out of the stock.
    pub reserve: Vec<Purchase>,
    /// Be the second disk for these orders.
    pub record: Vec<Record>,
    /// These are sold.
    pub settle: Vec<OrderKey>,
    /// These are not; give the stock back.
    pub cancel: Vec<OrderKey>,
}

/// An order for which the catalog is the second disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    /// Its key; the reservation has the rest.
    pub key: OrderKey,
    /// Its number.
    pub number: OrderNumber,
}

/// Catalog → leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Transacted {
    /// Done and synced; one answer for each reservation asked for.
    Done(Vec<Reserved>),
    /// Another leader, or a later transaction, came first.
    Fenced(Option<View>),
}

/// The answer to one reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reserved {
    /// Taken out of the stock, and held.
    Granted,
    /// Fewer left than asked for.
    OutOfStock,
    /// No such product.
    ProductNotFound,
    /// The key holds a reservation for something else.
    KeyReused,
}

/// Leader that takes over → catalog: what is reserved?
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ListReservations {
    /// The leader's epoch.
    pub epoch: Epoch,
    /// The leader.
    pub leader: Member,
    /// Only keys above this one.
    pub after: Option<OrderKey>,
}

/// Catalog → leader that takes over.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reservations {
    /// A page, by key.
    Page {
        /// The rows.
        rows: Vec<Reservation>,
        /// There are more.
        more: bool,
    },
    /// Another leader came first.
    Fenced(Option<View>),
}

/// An outstanding reservation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reservation {
    /// What is held, under which key.
    pub purchase: Purchase,
    /// The epoch that asked for it, or took it over.
    pub epoch: Epoch,
    /// The number it got, when the catalog is the second disk for it.
    pub recorded: Option<OrderNumber>,
}

/// Catalog → leader: the answer to a [`MemberChange`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Changed {
    /// Durable.
    Accepted(View),
    /// Not done; this is the view.
    Refused(Option<View>),
}

/// A call to another replica.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PeerCall {
    /// See [`Append`].
    Append(Append),
    /// See [`Fetch`].
    Fetch(Fetch),
    /// See [`Join`].
    Join(Join),
}

/// A call to the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CatalogCall {
    /// See [`Transact`].
    Transact(Transact),
    /// See [`ListReservations`].
    ListReservations(ListReservations),
    /// See [`MemberChange`].
    ChangeMembers(MemberChange),
    /// The current view, as durable after this call arrived.
    ReadView,
}

/// The answer to a call that a replica made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// To an append.
    Appended(Appended),
    /// To a fetch.
    Fetched(Fetched),
    /// To a join.
    Joined(Joined),
    /// To a transaction.
    Transacted(Transacted),
    /// To a listing of reservations.
    Reservations(Reservations),
    /// To a change of members.
    Changed(Changed),
    /// To a read of the view.
    View(Option<View>),
    /// None came.
    None(NoAnswer),
}

/// Why a call got no answer. Whether it was done is unknown but for the first three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoAnswer {
    /// Nobody listens there.
    Refused,
    /// No connection came about in time; who is behind it may well live.
    Unreached,
    /// The other side is there and does not do it now.
    TurnedAway,
    /// The connection broke.
    Broken,
    /// The deadline passed.
    Late,
}

/// Anybody → catalog: the view as it is durable now; none before the first leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReadView;

/// Anybody → replica: how are you?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Status;

/// Catalog → leader: how are you, through your order task and your disk?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Probe;

/// Front end → replica: this is the view.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ViewNotice {
    /// The view.
    pub view: View,
}

/// Front end → leader, or a follower that answers what it knows: look an order up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReadOrder {
    /// Its number.
    pub number: OrderNumber,
    /// How long the front end will wait, in milliseconds.
    pub patience_ms: u32,
}

/// Front end → leader: list orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ListOrders {
    /// Only numbers above this one.
    pub after: OrderNumber,
    /// At most so many.
    pub limit: u32,
    /// How long the front end will wait, in milliseconds.
    pub patience_ms: u32,
}

/// Front end that cannot reach the leader → follower: pass this on to the leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Forward {
    /// An order.
    Order(PlaceOrder),
    /// A look-up.
    Read(ReadOrder),
    /// A listing.
    List(ListOrders),
}

/// Follower → front end: what the leader said.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Forwarded {
    /// To an order.
    Order(OrderReply),
    /// To a look-up.
    Read(ReadReply),
    /// To a listing.
    List(ListReply),
    /// The leader is not known here, or surely did not get it.
    NotSent,
    /// The leader did not answer; it may have been done.
    Unknown,
}

/// Inspector → replica: a page of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExportOrders {
    /// Only entries above this one.
    pub after: OrderNumber,
}

/// Replica → inspector.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OrdersPage {
    /// Who answers.
    pub member: Member,
    /// Everything up to here is known to be committed.
    pub commit: OrderNumber,
    /// The entries, as they are on disk.
    pub entries: Vec<Entry>,
    /// There are more.
    pub more: bool,
}
