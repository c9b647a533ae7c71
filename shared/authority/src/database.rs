//! The one interface between the catalog's rules and whatever keeps its rows.

use serde::{Deserialize, Serialize};
use toystore_domain::{Books, OrderKey, ProductName, Version};
use toystore_replication::messages::{Reservation, Reserved};
use toystore_replication::{ClusterId, Epoch, Sequence, View};

/// The database cannot go on; the process must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Failed {
    /// A row cannot be read or written.
    #[error("the catalog's database cannot be read or written")]
    Io,
    /// A row is damaged.
    #[error("a row of the catalog's database is damaged")]
    Damaged,
    /// The books of a product do not allow a change that they must allow.
    #[error("the books of {0} do not balance")]
    Unbalanced(ProductNameText),
}

/// A product's name cut to 32 bytes, so that the error stays a plain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProductNameText([u8; 32]);

impl From<&ProductName> for ProductNameText {
    fn from(name: &ProductName) -> Self {
        let mut text = [b' '; 32];
        text.iter_mut().zip(name.as_str().bytes()).for_each(|(to, from)| *to = from);
        Self(text)
    }
}

impl std::fmt::Display for ProductNameText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(String::from_utf8_lossy(&self.0).trim_end())
    }
}

/// The last transaction of a leader: an earlier one is too late, the same one is answered again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// The leader's epoch.
    pub epoch: Epoch,
    /// The last transaction run.
    pub sequence: Sequence,
    /// Its answers.
    pub answers: Vec<Reserved>,
}

/// A restock, as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Restocked {
    /// Which product.
    pub product: ProductName,
    /// The product's version after it.
    pub version: Version,
    /// How many were added.
    pub amount: u64,
}

/// Reads see the transaction's own writes. Nothing is durable, or visible to others, before
/// [`Transaction::commit`] returns; a dropped transaction leaves no trace.
///
/// # Errors
/// Every method fails with [`Failed`] only when the process must end.
pub trait Transaction {
    /// The cluster this catalog is the authority of.
    fn cluster(&self) -> Result<ClusterId, Failed>;
    /// The view, once there is one.
    fn view(&self) -> Result<Option<View>, Failed>;
    /// Replaces the view.
    fn put_view(&mut self, view: &View) -> Result<(), Failed>;
    /// The fence.
    fn fence(&self) -> Result<Fence, Failed>;
    /// Replaces the fence.
    fn put_fence(&mut self, fence: &Fence) -> Result<(), Failed>;
    /// A product's books.
    fn books(&self, product: &ProductName) -> Result<Option<Books>, Failed>;
    /// Replaces a product's books, and keeps the index of sold-out products.
    fn put_books(&mut self, product: &ProductName, books: &Books) -> Result<(), Failed>;
    /// Products in order of their names, after this one, at most so many.
    fn products(
        &self,
        after: Option<&ProductName>,
        limit: usize,
    ) -> Result<Vec<(ProductName, Books)>, Failed>;
    /// Products without stock, at most so many: by index, not by a scan.
    fn sold_out(&self, limit: usize) -> Result<Vec<ProductName>, Failed>;
    /// An outstanding reservation.
    fn reservation(&self, key: &OrderKey) -> Result<Option<Reservation>, Failed>;
    /// Adds or replaces a reservation, under its purchase's key.
    fn put_reservation(&mut self, reservation: &Reservation) -> Result<(), Failed>;
    /// Removes a reservation.
    fn remove_reservation(&mut self, key: &OrderKey) -> Result<(), Failed>;
    /// Outstanding reservations in order of their keys, after this one, at most so many.
    fn reservations(
        &self,
        after: Option<&OrderKey>,
        limit: usize,
    ) -> Result<Vec<Reservation>, Failed>;
    /// Adds a row to the ledger of restocks.
    fn add_restock(&mut self, restock: &Restocked) -> Result<(), Failed>;
    /// Rows of the ledger in order of products and their versions, after this one, at most so many.
    fn restocks(
        &self,
        after: Option<(&ProductName, Version)>,
        limit: usize,
    ) -> Result<Vec<Restocked>, Failed>;
    /// Makes everything durable, synced, then visible.
    fn commit(self) -> Result<(), Failed>;
}

/// Where transactions begin. One runs at a time.
pub trait Database {
    /// One transaction on it.
    type Transaction<'a>: Transaction
    where
        Self: 'a;

    /// Begins a transaction.
    fn begin(&self) -> Self::Transaction<'_>;

    /// Waits until a commit will do; at once where committing itself waits for the disk.
    fn ready_to_commit(&self) -> impl Future<Output = ()> {
        std::future::ready(())
    }
}
