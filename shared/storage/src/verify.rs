//! Whether a log is sound: dense keys, records that fit them, an unbroken hash chain, and a key
//! index that says the same as the log. One pass over each tree.
//!
//! The index is written before the log, so a crash may leave the keys of orders that would have come
//! next; nobody was told of these.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use toystore_domain::OrderNumber;
use toystore_replication::{Entry, Position};

use crate::StorageError;
use crate::folder::sled_error;
use crate::schema::{read_number, read_row};

/// Walks over the log in order, checks each record, and hands it to `each`.
///
/// # Errors
/// The first thing that is wrong.
pub fn walk(
    path: &Path,
    orders: &sled::Tree,
    mut each: impl FnMut(&Entry),
) -> Result<Position, StorageError> {
    let mut last = Position::ORIGIN;
    for row in orders.iter() {
        let (key, value) = row.map_err(|error| sled_error(path, &error))?;
        for entry in read_row(&key, &value).map_err(|error| StorageError::damaged(path, error))? {
            if !entry.follows(&last) {
                return Err(StorageError::damaged(path, broken(&entry, &last)));
            }
            last = entry.position();
            each(&entry);
        }
    }
    Ok(last)
}

fn broken(found: &Entry, last: &Position) -> String {
    let expected = last.number.next();
    if found.number == expected {
        format!("order {expected} does not follow the one before it")
    } else {
        format!("order {expected} is missing: {} follows {}", found.number, last.number)
    }
}

/// A sound log.
#[derive(Debug)]
pub struct Verified {
    /// Where it stands.
    pub last: Position,
    /// Keys in the index whose orders were not written any more.
    pub unfinished: Vec<Vec<u8>>,
}

/// Checks the log and its key index.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(
    path: &Path,
    orders: &sled::Tree,
    keys: &sled::Tree,
) -> Result<Verified, StorageError> {
    // Equal sums of hashes mean equal sets of (key, number): no look-up for each order.
    let (mut in_log, mut in_index, mut indexed) = (0_u64, 0_u64, 0_u64);
    let mut above = BTreeMap::new();
    let last = walk(path, orders, |entry| {
        in_log = in_log.wrapping_add(pair(entry.purchase.key.as_str().as_bytes(), entry.number));
    })?;
    for row in keys.iter() {
        let (key, value) = row.map_err(|error| sled_error(path, &error))?;
        let number = read_number(&value)
            .ok_or_else(|| StorageError::damaged(path, "a row of the key index"))?;
        if number > last.number {
            above.insert(number, key.to_vec());
            continue;
        }
        in_index = in_index.wrapping_add(pair(&key, number));
        indexed += 1;
    }
    let dense = above.keys().zip(last.number.next().0..).all(|(number, next)| number.0 == next);
    if dense && (in_log, last.number.0) == (in_index, indexed) {
        return Ok(Verified { last, unfinished: above.into_values().collect() });
    }
    let what = format!("its key index has {indexed} rows that do not fit {} orders", last.number);
    Err(StorageError::damaged(path, what))
}

fn pair(key: &[u8], number: OrderNumber) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, number.0).hash(&mut hasher);
    hasher.finish()
}
