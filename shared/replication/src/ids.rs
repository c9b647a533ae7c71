//! Every number of the protocol is a type of its own.

use std::fmt;

use serde::{Deserialize, Serialize};
use toystore_mutants::{Mutant, broken};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize,
            Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The one after this one; the highest stays, since any may come from outside.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A configured replica's number, 1 to 9.
    ReplicaId(u8)
);
number!(
    /// Grows with every start of a leader; 0 is before the first.
    Epoch(u64)
);
number!(
    /// Grows with every change of the view; 0 is before the first.
    Revision(u64)
);
number!(
    /// Counts the starts of a replica's process on one database.
    Incarnation(u64)
);
number!(
    /// Numbers a leader's transactions at the catalog within its epoch, from 1.
    Sequence(u64)
);
number!(
    /// Names one attempt of a front end to place an order, over all its repeats of that attempt.
    Attempt(u64)
);
number!(
    /// Names a write that a replica asked for; writes are saved in this order.
    WriteId(u64)
);
number!(
    /// Names a call that a replica made, so that its answer finds its way back.
    CallId(u64)
);
number!(
    /// Names a request that waits for a replica's reply.
    Ticket(u64)
);

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u128);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:08x}…)", stringify!($name), self.0 >> 96)
            }
        }
    };
}

random_id!(
    /// Random; made when a replica's database is created, so that a wiped one is a stranger.
    StoreId
);
random_id!(
    /// Random; made when the catalog's database is created, so that a foreign one is refused.
    ClusterId
);

/// A replica's process: which replica, on which database, after how many starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    /// Which replica.
    pub id: ReplicaId,
    /// Its database.
    pub store: StoreId,
    /// Its process.
    pub incarnation: Incarnation,
}

impl Member {
    /// Whether both are the same replica on the same database, in whatever process.
    #[must_use]
    pub fn same_store(&self, other: &Self) -> bool {
        self.id == other.id && (self.store == other.store || broken(Mutant::AcceptWipedStore))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:08x}.{}", self.id, self.store.0 >> 96, self.incarnation)
    }
}
