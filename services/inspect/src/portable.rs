//! Portable dumps: one file that holds a replica's log, a catalog, or a whole store, and shows
//! when a bit of it is missing or changed.
//!
//! ```text
//! "toystore dump 1\n"     what it is, and the version of this layout
//! head                    of what, and how many orders follow
//! rows …                  orders, then products, reservations and restocks
//! end                     how many rows there were; BLAKE3 of all bytes before this frame
//! ```
//!
//! Each part is a frame (`toystore_codec`): a length, a checksum, and a decoding that claims little
//! memory whatever the bytes are. A reader holds one frame at a time.
//!
//! | file | holds |
//! |---|---|
//! | `reader` | reading a dump, and all that may be wrong with one |
//! | `writer` | writing one under another name until it is whole |
//! | `dump` | a dump as a source, like a folder |

mod dump;
mod reader;
mod writer;

use serde::{Deserialize, Serialize};
use toystore_authority::Restocked;
use toystore_domain::{Books, OrderNumber, ProductName};
use toystore_replication::messages::Reservation;
use toystore_replication::{ClusterId, Entry, Member, ReplicaId, StoreId, View};
use toystore_storage::schema::OrderState;

pub use dump::Dump;
pub use reader::{Fault, Reader};
pub use writer::{Unwritten, Writer, Written};

/// What every dump begins with; the number is the version of the layout.
pub const MAGIC: &[u8; 16] = b"toystore dump 1\n";
/// The version of each frame.
const VERSION: u8 = 1;
/// Rows in one frame: with the longest names and keys a tenth of what a frame may hold.
pub const ROWS: usize = 500;

/// A part of a dump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Block {
    /// The first.
    Head(Head),
    /// Orders, dense from 1.
    Orders(Vec<Entry>),
    /// Products and their books, by name.
    Products(Vec<(ProductName, Books)>),
    /// Outstanding reservations, by key.
    Reservations(Vec<Reservation>),
    /// The ledger of restocks, by product and version.
    Restocks(Vec<Restocked>),
    /// The last.
    End(End),
}

/// What a dump is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Head {
    /// An order replica's log and state.
    Replica {
        /// Its number.
        id: ReplicaId,
        /// Its database.
        store: StoreId,
        /// Its state beside the log.
        state: OrderState,
        /// Its last order here.
        last: OrderNumber,
    },
    /// The catalog's rows.
    Catalog {
        /// The cluster.
        cluster: ClusterId,
        /// The view, once there is one.
        view: Option<View>,
    },
    /// A whole store: a log, and the catalog's rows as that log leaves them.
    Store {
        /// The view at the cut.
        view: View,
        /// Whose log it is.
        from: Member,
        /// The last order before the cut.
        last: OrderNumber,
    },
}

/// What a whole dump amounts to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Rows of all kinds.
    pub rows: u64,
    /// BLAKE3 of everything before the frame of this.
    pub hash: [u8; 32],
}

impl Head {
    /// What it is of, in words.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Replica { id, last, .. } => format!("order-{id}, orders up to {last}"),
            Self::Catalog { .. } => "catalog".to_owned(),
            Self::Store { last, .. } => format!("whole store, orders up to {last}"),
        }
    }

    /// The last order in it.
    #[must_use]
    pub fn last(&self) -> OrderNumber {
        match self {
            Self::Replica { last, .. } | Self::Store { last, .. } => *last,
            Self::Catalog { .. } => OrderNumber::ZERO,
        }
    }

    /// Whether rows of a kind, and in this order, belong into such a dump.
    fn has(&self, rows: &Block) -> bool {
        match (self, rows) {
            (_, Block::Head(_) | Block::End(_)) => false,
            (Self::Replica { .. }, rows) => matches!(rows, Block::Orders(_)),
            (Self::Catalog { .. }, rows) => !matches!(rows, Block::Orders(_)),
            // Of a whole store nothing is left outstanding: see `cut`.
            (Self::Store { .. }, rows) => !matches!(rows, Block::Reservations(_)),
        }
    }
}

impl Block {
    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Head(_) | Self::End(_) => 0,
            Self::Orders(rows) => rows.len(),
            Self::Products(rows) => rows.len(),
            Self::Reservations(rows) => rows.len(),
            Self::Restocks(rows) => rows.len(),
        }
    }

    /// Its place among the parts of a dump.
    fn rank(&self) -> u8 {
        match self {
            Self::Head(_) => 0,
            Self::Orders(_) => 1,
            Self::Products(_) => 2,
            Self::Reservations(_) => 3,
            Self::Restocks(_) => 4,
            Self::End(_) => 5,
        }
    }
}
