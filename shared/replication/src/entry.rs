//! One order in the log, and the hash chain that makes equal logs recognisable by one value.

use std::fmt;

use serde::{Deserialize, Serialize};
use toystore_domain::{Order, OrderNumber, Purchase};

use crate::Epoch;

/// The hash of a log up to an entry: equal chains mean equal logs. BLAKE3, cut to 128 bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chain(pub [u8; 16]);

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}…", self.0[0], self.0[1])
    }
}

/// Where a log stands: its last entry's number and epoch, and the hash of everything up to it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position {
    /// Number of the entry; 0 is before the first.
    pub number: OrderNumber,
    /// Epoch in which that entry was numbered.
    pub epoch: Epoch,
    /// Hash of the log up to and with that entry.
    pub chain: Chain,
}

impl Position {
    /// Before the first entry.
    pub const ORIGIN: Self =
        Self { number: OrderNumber::ZERO, epoch: Epoch(0), chain: Chain([0; 16]) };
}

/// One order in the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// Its number; numbers are dense from 1.
    pub number: OrderNumber,
    /// The epoch of the leader that numbered it.
    pub epoch: Epoch,
    /// What was bought, under which key.
    pub purchase: Purchase,
    /// Hash of the log up to and with this entry.
    pub chain: Chain,
}

impl Entry {
    /// The entry that follows `previous`.
    #[must_use]
    pub fn after(previous: &Position, epoch: Epoch, purchase: Purchase) -> Self {
        let number = previous.number.next();
        let chain = link(previous.chain, number, epoch, &purchase);
        Self { number, epoch, purchase, chain }
    }

    /// Where a log that ends with this entry stands.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { number: self.number, epoch: self.epoch, chain: self.chain }
    }

    /// Whether the entry is the one that follows `previous`: its number and its hash fit.
    #[must_use]
    pub fn follows(&self, previous: &Position) -> bool {
        self.number == previous.number.next()
            && self.chain == link(previous.chain, self.number, self.epoch, &self.purchase)
    }

    /// The order as a customer sees it.
    #[must_use]
    pub fn order(&self) -> Order {
        Order {
            number: self.number,
            product: self.purchase.product.clone(),
            quantity: self.purchase.quantity,
        }
    }
}

fn link(previous: Chain, number: OrderNumber, epoch: Epoch, purchase: &Purchase) -> Chain {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&previous.0);
    hasher.update(&number.0.to_be_bytes());
    hasher.update(&epoch.0.to_be_bytes());
    hasher.update(&purchase.quantity.get().to_be_bytes());
    for text in [purchase.key.as_str(), purchase.product.as_str()] {
        // The length first, so that no two pairs of texts hash the same bytes.
        hasher.update(&(text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    let mut chain = [0; 16];
    hasher.finalize_xof().fill(&mut chain);
    Chain(chain)
}
