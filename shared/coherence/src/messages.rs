//! What a front end and the catalog say to each other about products.

use serde::{Deserialize, Serialize};
use toystore_domain::{Cents, Product, ProductName, Version};

/// Names one unbroken lease of one front end; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

/// Front end → catalog: look a product up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookUp {
    /// Its name.
    pub name: ProductName,
    /// The lease under which the answer is to be kept; none when it is not to be kept.
    pub session: Option<SessionId>,
}

/// Catalog → front end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedUp {
    /// The product; none when there is none of this name.
    pub product: Option<Product>,
    /// The answer may be kept under the lease it was asked for, also that there is none: no change
    /// is under way, and the next one will be told.
    pub cacheable: bool,
}

/// Front end → catalog: a page of products by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListProducts {
    /// Only names above this one.
    pub after: Option<ProductName>,
    /// At most so many.
    pub limit: u32,
}

/// Front end → catalog: grant or renew a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewLease {
    /// Where invalidations reach this front end: `host:port`.
    pub address: String,
    /// The lease to renew; none at first.
    pub session: Option<SessionId>,
}

/// Catalog → front end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// The lease; another one than asked for means that invalidations may have been missed.
    pub session: SessionId,
    /// It runs so long, in milliseconds, from when the front end *sent* the request.
    pub millis: u64,
}

/// Catalog → front end: these products change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invalidate {
    /// The lease that obliges the catalog to tell.
    pub session: SessionId,
    /// What changes, to which version.
    pub products: Vec<(ProductName, Version)>,
}

/// Front end → catalog: how goes the restocking?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadRestocks;

/// Catalog → front end: what people want to know of restocking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restocks {
    /// Between two rounds, in milliseconds.
    pub interval_ms: u64,
    /// Until the next round, in milliseconds.
    pub next_in_ms: u64,
    /// Products that wait for it, as far as they were counted.
    pub sold_out: u64,
    /// Products restocked since the catalog started.
    pub restocked: u64,
    /// The last few of them, the latest last, and how many came in.
    pub latest: Vec<(ProductName, u64)>,
}

/// Front end → catalog: an administrator changes or creates a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutProduct {
    /// Its name.
    pub name: ProductName,
    /// The price, if it changes.
    pub price: Option<Cents>,
    /// The stock, if it changes.
    pub stock: Option<u64>,
}

/// Catalog → front end: the answer to a [`PutProduct`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Put {
    /// Durable and visible.
    Done(Product),
    /// A new product needs both a price and a stock.
    Incomplete,
}
