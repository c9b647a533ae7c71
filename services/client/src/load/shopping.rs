//! What the customers of a store look at and buy under load.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use toystore_domain::ProductName;
use toystore_domain::api::OrderRequest;

use crate::load::connection::Connection;
use crate::load::engine::Customer;
use crate::load::figures::Outcome;

/// What they do.
#[derive(Clone, Debug)]
pub struct Shopping {
    /// Which toys they look at and buy.
    pub products: Vec<ProductName>,
    /// How many of their requests are purchases.
    pub probability: f64,
    /// Decides what they do, and is part of their keys.
    pub seed: u64,
}

/// A request for a toy that is ready to be sent.
#[derive(Debug)]
struct Toy {
    page: String,
    order: Bytes,
}

/// A customer.
pub struct Shopper {
    connection: Connection,
    toys: Vec<Toy>,
    probability: f64,
    random: StdRng,
    key: String,
    bought: u64,
}

impl Shopper {
    /// The customer of this number.
    #[must_use]
    pub fn new(connection: Connection, shopping: &Shopping, number: usize) -> Self {
        let toys = shopping.products.iter().map(|name| {
            let order = OrderRequest { name: name.to_string(), quantity: 1 };
            let page = utf8_percent_encode(name.as_str(), NON_ALPHANUMERIC);
            Toy {
                page: format!("/products/{page}"),
                order: serde_json::to_vec(&order).unwrap_or_default().into(),
            }
        });
        Self {
            connection,
            toys: toys.collect(),
            probability: shopping.probability,
            random: StdRng::seed_from_u64(shopping.seed.wrapping_add(number as u64)),
            key: format!("{:016x}-{number}", shopping.seed),
            bought: 0,
        }
    }
}

impl Customer for Shopper {
    async fn request(&mut self) -> (&'static str, Outcome) {
        let toy = self.random.random_range(0..self.toys.len());
        let Some(toy) = self.toys.get(toy) else { return ("look", Outcome::Lost) };
        let buys = self.random.random_bool(self.probability);
        let request = if buys {
            self.bought += 1;
            Request::builder()
                .method(Method::POST)
                .uri("/orders")
                .header("idempotency-key", format!("{}-{}", self.key, self.bought))
                .body(Full::new(toy.order.clone()))
        } else {
            Request::builder().uri(&toy.page).body(Full::new(Bytes::new()))
        };
        let kind = if buys { "buy" } else { "look" };
        match request {
            Ok(request) => (kind, self.connection.send(request).await),
            Err(_) => (kind, Outcome::Lost),
        }
    }
}
