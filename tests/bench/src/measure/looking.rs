//! Customers who look at any of very many toys.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use toystore_client::load::connection::Connection;
use toystore_client::load::engine::Customer;
use toystore_client::load::figures::Outcome;

use crate::measure::load::{LOOK, toy};

/// One of them.
pub struct Looker {
    connection: Connection,
    toys: usize,
    random: StdRng,
}

impl Looker {
    /// Of a store with so many toys of [`toy`]'s names.
    pub fn new(address: String, toys: usize, seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self { connection: Connection::new(address), toys, random }
    }
}

impl Customer for Looker {
    async fn request(&mut self) -> (&'static str, Outcome) {
        let toy = toy(self.random.random_range(0..self.toys));
        let request = Request::builder().uri(format!("/products/{toy}"));
        match request.body(Full::new(Bytes::new())) {
            Ok(request) => (LOOK, self.connection.send(request).await),
            Err(_) => (LOOK, Outcome::Lost),
        }
    }
}
