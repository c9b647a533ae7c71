//! The public JSON: `{"data": …}` or `{"error": {"code": …, "message": …}}`.

use serde::{Deserialize, Serialize};

use crate::{Cents, Order, OrderNumber, Product, Refusal};

/// A successful reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Data<T> {
    /// What was asked for.
    pub data: T,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What went wrong.
    pub error: FailureBody,
}

/// What went wrong, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureBody {
    /// The HTTP status once more.
    pub code: u16,
    /// A sentence for people.
    pub message: String,
}

impl From<&Refusal> for Failure {
    fn from(refusal: &Refusal) -> Self {
        Self { error: FailureBody { code: refusal.status(), message: refusal.to_string() } }
    }
}

/// A product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProductBody {
    /// Its name.
    pub name: String,
    /// Price of one.
    pub price: f64,
    /// How many can be bought now.
    pub quantity: u64,
}

impl From<&Product> for ProductBody {
    fn from(product: &Product) -> Self {
        Self {
            name: product.name.to_string(),
            price: product.price.to_decimal(),
            quantity: product.stock,
        }
    }
}

/// An order asked for: `POST /orders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRequest {
    /// Which product.
    pub name: String,
    /// How many.
    pub quantity: u64,
}

/// The number an order got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// Its number.
    pub order_number: u64,
}

impl From<OrderNumber> for OrderPlaced {
    fn from(number: OrderNumber) -> Self {
        Self { order_number: number.0 }
    }
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderBody {
    /// Its number.
    pub number: u64,
    /// The product bought.
    pub name: String,
    /// How many.
    pub quantity: u64,
}

impl From<&Order> for OrderBody {
    fn from(order: &Order) -> Self {
        Self {
            number: order.number.0,
            name: order.product.to_string(),
            quantity: order.quantity.get(),
        }
    }
}

/// An administrator's change: `PUT /products/<name>`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProductChange {
    /// The new price, if it changes.
    pub price: Option<Cents>,
    /// The new stock, if it changes.
    pub quantity: Option<u64>,
}

/// The state of the cluster: `GET /cluster`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterBody {
    /// The current epoch; 0 before the first leader.
    pub epoch: u64,
    /// Who leads.
    pub leader: Option<u8>,
    /// Who acknowledges each order.
    pub in_sync: Vec<u8>,
    /// Every configured replica.
    pub replicas: Vec<ReplicaBody>,
    /// The catalog.
    pub catalog: CatalogBody,
    /// This front end's cache.
    pub cache: CacheBody,
    /// How the restocking goes; absent when the catalog does not answer.
    #[serde(default)]
    pub restock: Option<RestockBody>,
}

/// One replica, as this front end sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaBody {
    /// Its id.
    pub id: u8,
    /// Where it listens.
    pub address: String,
    /// Whether it answered.
    pub healthy: bool,
    /// Its last committed order; absent when it did not answer.
    pub last_order: Option<u64>,
    /// What it does: `leader`, `follower`, `catching up`, …
    pub role: Option<String>,
    /// The last order in its log, committed or not.
    #[serde(default)]
    pub log_end: Option<u64>,
    /// The hash of its log up to there: equal hashes mean equal logs.
    #[serde(default)]
    pub hash: Option<String>,
}

/// The catalog, as this front end sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogBody {
    /// Where it listens.
    pub address: String,
    /// Whether it answered.
    pub healthy: bool,
}

/// A front end's cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheBody {
    /// Whether it is in use.
    pub enabled: bool,
    /// Products in it.
    pub entries: u64,
    /// Look-ups answered from it.
    pub hits: u64,
    /// Look-ups sent on to the catalog.
    pub misses: u64,
    /// Invalidations received.
    pub invalidations: u64,
}

/// How the restocking of sold-out products goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestockBody {
    /// Between two rounds, in milliseconds.
    pub interval_ms: u64,
    /// Until the next round, in milliseconds.
    pub next_in_ms: u64,
    /// Products that wait for it; 1000 stands for any more.
    pub sold_out: u64,
    /// Products restocked since the catalog started.
    pub restocked: u64,
    /// The last few of them, the latest last.
    pub latest: Vec<RestockedBody>,
}

/// A product that was restocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestockedBody {
    /// Its name.
    pub name: String,
    /// How many came in.
    pub quantity: u64,
}
