//! Trees, keys and records. Every record is a frame (`toystore_codec`) with its own version.

use serde::{Deserialize, Serialize};
use toystore_codec::FrameError;
use toystore_domain::OrderNumber;
use toystore_replication::{ClusterId, Entry, Epoch, Incarnation};

/// Version of an order's record.
pub const ENTRY_VERSION: u8 = 1;
/// Version of the rows that keep a database's state.
pub const STATE_VERSION: u8 = 1;
/// Version of the catalog's rows.
pub const ROW_VERSION: u8 = 1;

/// An order replica's tree: order number (u64, big endian) → [`Entry`].
pub const ORDERS: &str = "orders";
/// An order replica's tree: idempotency key → order number (u64, big endian).
pub const KEYS: &str = "keys";
/// One row of state.
pub const META: &str = "meta";
/// The key of the row of state in [`META`].
pub const STATE: &[u8] = b"state";

/// An order replica's state beside its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    /// The cluster, once known.
    pub cluster: Option<ClusterId>,
    /// Starts of a process on this database.
    pub incarnation: Incarnation,
    /// The highest epoch promised.
    pub promise: Epoch,
    /// The last epoch in which the log agreed with the leader's.
    pub mark: Epoch,
    /// A lower bound of what is committed.
    pub commit: OrderNumber,
}

/// The key of an order: big endian, so that sled's order is the numbers' order.
#[must_use]
pub fn order_key(number: OrderNumber) -> [u8; 8] {
    number.0.to_be_bytes()
}

/// Reads an order number out of a key or of the key index.
#[must_use]
pub fn read_number(bytes: &[u8]) -> Option<OrderNumber> {
    bytes.try_into().ok().map(u64::from_be_bytes).map(OrderNumber)
}

/// Reads an order's record.
///
/// # Errors
/// Says what is wrong with the bytes.
pub fn read_entry(bytes: &[u8]) -> Result<Entry, FrameError> {
    toystore_codec::decode(ENTRY_VERSION, bytes)
}
