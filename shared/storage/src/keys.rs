//! The index of keys: which order has an idempotency key. It is in memory and made of the log.
//!
//! Opening a database reads every order anyway, so an index on the disk would only be one more thing
//! that a crash can tear from the log, and that each order pays for: sled keeps sixteen rows in a
//! leaf, copies a leaf for a row, and holds hundreds of bytes in memory for each leaf.
//!
//! The index does not hold keys: for each order it has some bits of the key's hash and the number.
//! Who looks a key up reads the orders that may have it, nearly always one or none. The hash is
//! secret, so that nobody can choose keys that look alike.

use std::array;
use std::hash::{BuildHasher, RandomState};
use std::sync::{PoisonError, RwLock};

use hashbrown::HashTable;
use toystore_domain::{OrderKey, OrderNumber};
use toystore_replication::Entry;

/// Tables; each grows by itself, so that none takes long to.
const SHARDS: usize = 256;
/// Bits of a number in a [`Slot`]; the rest is of the hash.
const NUMBER_BITS: u32 = 40;
/// The highest number that fits: at ten thousand orders per second it is reached after three years.
pub const MAX_NUMBER: OrderNumber = OrderNumber((1 << NUMBER_BITS) - 1);

/// The index. Written by one thread, read by any.
pub struct KeyIndex {
    hasher: RandomState,
    shards: [RwLock<HashTable<Slot>>; SHARDS],
}

/// An order has a number above [`MAX_NUMBER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a database holds no more than {MAX_NUMBER} orders")]
pub struct TooMany;

/// An order's number, and above it what its key's hash begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot(u64);

impl Slot {
    fn new(hash: u64, number: OrderNumber) -> Self {
        Self(hash >> NUMBER_BITS << NUMBER_BITS | number.0)
    }

    fn number(self) -> OrderNumber {
        OrderNumber(self.0 & MAX_NUMBER.0)
    }

    /// Whether it may be that of a key with this hash.
    fn fits(self, hash: u64) -> bool {
        (self.0 ^ hash) >> NUMBER_BITS == 0
    }

    /// Its place in the table: the same for all slots that fit a hash. The table looks at the lowest
    /// and at the highest bits.
    fn place(self) -> u64 {
        place(self.0)
    }
}

/// Of what a slot keeps of a hash.
fn place(hash: u64) -> u64 {
    /// Knuth's multiplicative hashing, with the golden ratio.
    const RATIO: u64 = 0x9e37_79b9_7f4a_7c15;
    (hash >> NUMBER_BITS).wrapping_mul(RATIO).rotate_right(32)
}

impl Default for KeyIndex {
    fn default() -> Self {
        let shards = array::from_fn(|_| RwLock::new(HashTable::new()));
        Self { hasher: RandomState::new(), shards }
    }
}

impl KeyIndex {
    /// Adds an order's key.
    ///
    /// # Errors
    /// The number does not fit.
    pub fn add(&self, key: &OrderKey, number: OrderNumber) -> Result<(), TooMany> {
        if number > MAX_NUMBER {
            return Err(TooMany);
        }
        let (hash, shard) = self.of(key);
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let slot = Slot::new(hash, number);
        shard.insert_unique(slot.place(), slot, |slot| slot.place());
        Ok(())
    }

    /// Takes an order's key out.
    pub fn remove(&self, key: &OrderKey, number: OrderNumber) {
        let (hash, shard) = self.of(key);
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let slot = Slot::new(hash, number);
        if let Ok(found) = shard.find_entry(slot.place(), |other| *other == slot) {
            found.remove();
        }
    }

    /// The orders that may have this key; the one that has it is among them.
    fn candidates(&self, key: &OrderKey) -> Vec<OrderNumber> {
        let (hash, shard) = self.of(key);
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        let alike = shard.iter_hash(place(hash)).filter(|slot| slot.fits(hash));
        alike.map(|slot| slot.number()).collect()
    }

    /// The order that has this key; `entry` reads an order of the log, which has the last word.
    ///
    /// # Errors
    /// Those of `entry`.
    pub fn find<E>(
        &self,
        key: &OrderKey,
        entry: impl Fn(OrderNumber) -> Result<Option<Entry>, E>,
    ) -> Result<Option<OrderNumber>, E> {
        for number in self.candidates(key) {
            if entry(number)?.is_some_and(|entry| entry.purchase.key == *key) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// The hash of a key, and its table.
    fn of(&self, key: &OrderKey) -> (u64, &RwLock<HashTable<Slot>>) {
        let hash = self.hasher.hash_one(key.as_str());
        (hash, &self.shards[hash as usize % SHARDS])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn key(number: u64) -> OrderKey {
        OrderKey::new(&format!("key-{number}")).unwrap()
    }

    #[test]
    fn every_key_is_found_until_it_is_taken_out() {
        const KEYS: u64 = 100_000;
        let index = KeyIndex::default();
        (1..=KEYS).for_each(|number| index.add(&key(number), OrderNumber(number)).unwrap());
        (1..=KEYS).step_by(2).for_each(|number| index.remove(&key(number), OrderNumber(number)));
        let mut in_vain = 0;
        for number in 1..=2 * KEYS {
            let found = index.candidates(&key(number));
            let there = number <= KEYS && number % 2 == 0;
            assert_eq!(found.contains(&OrderNumber(number)), there, "{number}");
            in_vain += found.len() - usize::from(there);
        }
        assert!(in_vain < 100, "{in_vain} orders were to be read in vain");
    }

    #[test]
    fn the_highest_number_is_told_whole_and_none_above() {
        let index = KeyIndex::default();
        index.add(&key(1), MAX_NUMBER).unwrap();
        assert_eq!(index.add(&key(2), MAX_NUMBER.next()), Err(TooMany));
        assert_eq!(index.candidates(&key(1)), [MAX_NUMBER]);
    }
}
