//! What is on its way: a multiset, so that everything may overtake everything else.

use toystore_domain::OrderNumber;
use toystore_replication::messages::{Answer, CatalogCall, PeerCall, PlaceOrder};
use toystore_replication::{CallId, ReplicaId};

use super::shared::Shared;

/// Who made a call; nobody any more, when the caller gave up or crashed, or when the network made
/// the copy.
pub type Caller = Option<(ReplicaId, CallId)>;

/// Something on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// A replica calls another.
    Peer(Caller, ReplicaId, PeerCall),
    /// A replica calls the catalog.
    Catalog(Caller, CatalogCall),
    /// An answer, or the news that there will be none.
    Answer(ReplicaId, CallId, Answer),
    /// A copy of an order.
    Order(ReplicaId, usize, u8, PlaceOrder),
    /// A look-up.
    Look(ReplicaId, usize, OrderNumber),
}

impl Message {
    /// Who made the call that this is.
    #[must_use]
    pub fn caller(&self) -> Caller {
        match self {
            Self::Peer(caller, ..) | Self::Catalog(caller, _) => *caller,
            Self::Answer(..) | Self::Order(..) | Self::Look(..) => None,
        }
    }

    /// The same, with nobody who waits for the answer; nothing, when it then changes nothing.
    #[must_use]
    pub fn orphan(&self) -> Option<Self> {
        match self {
            Self::Peer(_, _, PeerCall::Fetch(_))
            | Self::Catalog(_, CatalogCall::ReadView | CatalogCall::ListReservations(_))
            | Self::Answer(..)
            | Self::Look(..) => None,
            Self::Peer(_, to, call) => Some(Self::Peer(None, *to, call.clone())),
            Self::Catalog(_, call) => Some(Self::Catalog(None, call.clone())),
            Self::Order(to, attempt, _, place) => {
                Some(Self::Order(*to, *attempt, 0, place.clone()))
            }
        }
    }

    /// The same call under another name.
    #[must_use]
    pub fn called_by(&self, caller: (ReplicaId, CallId)) -> Self {
        match self {
            Self::Peer(_, to, call) => Self::Peer(Some(caller), *to, call.clone()),
            Self::Catalog(_, call) => Self::Catalog(Some(caller), call.clone()),
            other => other.clone(),
        }
    }

    /// Whether nobody waits for what comes of it.
    #[must_use]
    pub fn is_orphan(&self) -> bool {
        matches!(self, Self::Peer(None, ..) | Self::Catalog(None, _) | Self::Order(_, _, 0, _))
    }
}

/// What is on its way, in the order of the hashes, so that equal multisets are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wire(Vec<Shared<Message>>);

impl Wire {
    /// Everything on its way.
    pub fn iter(&self) -> impl Iterator<Item = &Shared<Message>> {
        self.0.iter()
    }

    /// Each different message once.
    pub fn different(&self) -> impl Iterator<Item = &Shared<Message>> {
        let again = |index: usize| index > 0 && self.0[index] == self.0[index - 1];
        self.0.iter().enumerate().filter(move |(index, _)| !again(*index)).map(|(_, item)| item)
    }

    /// Sends.
    pub fn put(&mut self, message: Message) {
        let message = Shared::new(message);
        let index = self.0.partition_point(|other| other.key() < message.key());
        self.0.insert(index, message);
    }

    /// Takes one such message off; whether there was one.
    pub fn take(&mut self, message: &Shared<Message>) -> bool {
        let found = self.0.iter().position(|other| other == message);
        found.map(|index| self.0.remove(index)).is_some()
    }

    /// Changes every message for which there is something to change, or takes it off.
    pub fn rewrite(&mut self, mut change: impl FnMut(&Message) -> Rewrite) {
        for message in std::mem::take(&mut self.0) {
            match change(&message) {
                Rewrite::Keep => self.put_shared(message),
                Rewrite::Replace(other) => self.put(*other),
                Rewrite::Drop => {}
            }
        }
    }

    fn put_shared(&mut self, message: Shared<Message>) {
        let index = self.0.partition_point(|other| other.key() < message.key());
        self.0.insert(index, message);
    }
}

/// What becomes of a message on its way.
pub enum Rewrite {
    /// It stays.
    Keep,
    /// Another takes its place.
    Replace(Box<Message>),
    /// It is taken off.
    Drop,
}

impl Rewrite {
    /// Another takes its place, or none.
    #[must_use]
    pub fn to(message: Option<Message>) -> Self {
        message.map_or(Self::Drop, |message| Self::Replace(Box::new(message)))
    }
}
