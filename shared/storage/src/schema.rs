//! Trees, keys and records. Every record is a frame (`toystore_codec`) with its own version.

use serde::{Deserialize, Serialize};
use toystore_codec::FrameError;
use toystore_domain::OrderNumber;
use toystore_replication::{ClusterId, Entry, Epoch, Incarnation};

/// Version of a row of the log.
pub const ENTRIES_VERSION: u8 = 2;
/// Version of the rows that keep a database's state.
pub const STATE_VERSION: u8 = 1;
/// Version of the catalog's rows.
pub const ROW_VERSION: u8 = 1;

/// An order replica's tree: number of a row's last order (u64, big endian) → its orders, several
/// [`Entry`]s: sled spends far more on a row than on its bytes.
pub const ORDERS: &str = "orders";
/// Orders in one row at most: looking one up reads them all.
pub const ROW_ENTRIES: usize = 64;
/// Bytes in one row at most. sled keeps up to 20 rows in a leaf for a moment, and puts a leaf above
/// 128 KiB into a file of its own, which nobody syncs: a power cut would lose it.
pub const ROW_BYTES: usize = 6000;
/// Bytes of an order beside its key and its name at most: lengths, numbers and hash.
const ENTRY_BYTES: usize = 49;
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

/// Reads an order number out of a key.
#[must_use]
pub fn read_number(bytes: &[u8]) -> Option<OrderNumber> {
    bytes.try_into().ok().map(u64::from_be_bytes).map(OrderNumber)
}

/// A key, and its record.
pub type Row = ([u8; 8], Vec<u8>);

/// The rows of consecutive entries, each of as many as fit.
///
/// # Errors
/// One does not fit into a frame.
pub fn rows_of(mut entries: &[Entry]) -> Result<Vec<Row>, FrameError> {
    let mut rows = Vec::new();
    while !entries.is_empty() {
        let (row, rest) = entries.split_at(fitting(entries, ROW_ENTRIES, ROW_BYTES));
        let last = row.last().map_or(OrderNumber::ZERO, |entry| entry.number);
        rows.push((order_key(last), toystore_codec::encode(ENTRIES_VERSION, &row)?));
        entries = rest;
    }
    Ok(rows)
}

/// How many of these are no more than so many and so many bytes: one at least.
pub(crate) fn fitting(entries: &[Entry], count: usize, most: usize) -> usize {
    let upto = entries.iter().take(count).scan(0, |bytes, Entry { purchase, .. }| {
        *bytes += purchase.key.as_str().len() + purchase.product.as_str().len() + ENTRY_BYTES;
        Some(*bytes)
    });
    upto.take_while(|bytes| *bytes <= most).count().max(1)
}

/// What is wrong with a row of the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Its key.
    #[error("a key of the log is no order number")]
    Key,
    /// Its record does not decode.
    #[error("the row up to order {0}: {1}")]
    Record(OrderNumber, FrameError),
    /// Its record is not that of its key.
    #[error("the row up to order {0} holds other orders")]
    Misplaced(OrderNumber),
}

/// Reads a row of the log: one order at least, and the last is that of its key.
///
/// # Errors
/// Says what is wrong with it.
pub fn read_row(key: &[u8], record: &[u8]) -> Result<Vec<Entry>, RowError> {
    let upto = read_number(key).ok_or(RowError::Key)?;
    let entries: Vec<Entry> = toystore_codec::decode(ENTRIES_VERSION, record)
        .map_err(|error| RowError::Record(upto, error))?;
    match entries.last() {
        Some(last) if last.number == upto => Ok(entries),
        _ => Err(RowError::Misplaced(upto)),
    }
}
