//! Whether a log is sound: dense keys, records that fit them, an unbroken hash chain, and no
//! idempotency key that two orders have. One pass, which also makes the index of the keys.

use std::path::Path;

use toystore_replication::{Entry, Position};

use crate::folder::sled_error;
use crate::schema::read_row;
use crate::{OrderReader, StorageError};

/// Checks a log; returns a reader of it, and where it stands.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(path: &Path, orders: sled::Tree) -> Result<(OrderReader, Position), StorageError> {
    let reader = OrderReader::of(orders.clone());
    let mut last = Position::ORIGIN;
    for row in orders.iter() {
        let (key, value) = row.map_err(|error| sled_error(path, &error))?;
        for entry in read_row(&key, &value).map_err(|error| StorageError::damaged(path, error))? {
            if !entry.follows(&last) {
                return Err(StorageError::damaged(path, broken(&entry, &last)));
            }
            last = entry.position();
            reader.add_new(&entry).map_err(|error| StorageError::damaged(path, error))?;
        }
    }
    Ok((reader, last))
}

fn broken(found: &Entry, last: &Position) -> String {
    let expected = last.number.next();
    if found.number == expected {
        format!("order {expected} does not follow the one before it")
    } else {
        format!("order {expected} is missing: {} follows {}", found.number, last.number)
    }
}
