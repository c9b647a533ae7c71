//! One request and what its answer says, as a [`Call`].

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use reqwest::blocking::{Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use toystore_domain::api::{Data, OrderBody, OrderPlaced, OrderRequest, ProductBody};
use toystore_domain::{
    Cents, Order, OrderNumber, Product, ProductName, Purchase, Quantity, Version,
};

use super::Shared;
use crate::history::{Call, OrderRead, Placing, ProductRead, What, Why};
use crate::store::http;

/// A front end that is there answers within its deadline, which is shorter.
const PATIENCE: Duration = Duration::from_secs(7);

/// The way to the front ends.
#[derive(Clone)]
pub(super) struct Exchange {
    pub shared: Arc<Shared>,
    http: Client,
    front_ends: Vec<(u8, String)>,
}

/// An answer: its status, and itself to be read; none when it did not arrive.
type Answer = Option<(u16, Response)>;

impl Exchange {
    pub fn new(shared: Arc<Shared>, front_ends: Vec<(u8, String)>) -> Self {
        let http = http(None).connect_timeout(Duration::from_secs(1)).timeout(PATIENCE).build();
        Self { shared, http: http.expect("an HTTP client"), front_ends }
    }

    /// How many front ends there are.
    pub fn front_ends(&self) -> usize {
        self.front_ends.len()
    }

    /// Sends a request to the front end at this place of the list.
    fn call(
        &self,
        at: usize,
        request: impl FnOnce(&Client, &str) -> RequestBuilder,
        read: impl FnOnce(&Self, Answer) -> What,
    ) -> Call {
        let (front_end, url) = &self.front_ends[at];
        let request = request(&self.http, url);
        let begun = self.shared.moment();
        let answer = request.send().ok().map(|response| (response.status().as_u16(), response));
        let what = read(self, answer);
        Call { front_end: *front_end, begun, ended: Some(self.shared.moment()), what }
    }

    fn strange(&self, asked: &str, status: u16) {
        let mut strange = self.shared.strange.lock().unwrap_or_else(PoisonError::into_inner);
        strange.push(format!("{asked}: {status}"));
    }

    fn heard_of(&self, number: u64) {
        self.shared.highest.fetch_max(number, Ordering::Relaxed);
    }

    pub fn place(&self, at: usize, purchase: &Purchase) -> Call {
        let Purchase { key, product, quantity } = purchase;
        let body = OrderRequest { name: product.to_string(), quantity: quantity.get() };
        let send = |http: &Client, url: &str| {
            http.post(format!("{url}/orders")).header("Idempotency-Key", key.as_str()).json(&body)
        };
        self.call(at, send, |this, answer| {
            let outcome = match answer {
                Some((200, response)) => match data::<OrderPlaced>(response) {
                    Some(OrderPlaced { order_number }) => {
                        this.heard_of(order_number);
                        let front_end = &this.front_ends[at].0;
                        this.shared.acknowledged[front_end].fetch_add(1, Ordering::Relaxed);
                        Placing::Placed(OrderNumber(order_number))
                    }
                    None => Placing::Unknown,
                },
                Some((404, _)) => Placing::Refused(Why::ProductNotFound),
                Some((409, _)) => Placing::Refused(Why::OutOfStock),
                Some((422, _)) => Placing::Refused(Why::KeyReused),
                Some((503, _)) => Placing::Refused(Why::Unavailable),
                Some((504, _)) | None => Placing::Unknown,
                Some((status, _)) => {
                    this.strange("POST /orders", status);
                    Placing::Unknown
                }
            };
            What::Place { purchase: purchase.clone(), outcome }
        })
    }

    pub fn read_order(&self, at: usize, number: OrderNumber) -> Call {
        let send = |http: &Client, url: &str| http.get(format!("{url}/orders/{number}"));
        self.call(at, send, |this, answer| {
            let outcome = match answer {
                Some((200, response)) => data(response)
                    .as_ref()
                    .and_then(order)
                    .map_or(OrderRead::Unavailable, OrderRead::Found),
                Some((404, _)) => OrderRead::NotFound,
                Some((503, _)) | None => OrderRead::Unavailable,
                Some((status, _)) => {
                    this.strange("GET /orders/NUMBER", status);
                    OrderRead::Unavailable
                }
            };
            What::ReadOrder { number, outcome }
        })
    }

    pub fn list_orders(&self, at: usize, after: OrderNumber, limit: u32) -> Call {
        let query = format!("after={after}&limit={limit}");
        let send = |http: &Client, url: &str| http.get(format!("{url}/orders?{query}"));
        self.call(at, send, |this, answer| {
            let page = match answer {
                Some((200, response)) => data::<Vec<OrderBody>>(response)
                    .and_then(|page| page.iter().map(order).collect::<Option<Vec<_>>>()),
                Some((503, _)) | None => None,
                Some((status, _)) => {
                    this.strange("GET /orders", status);
                    None
                }
            };
            if let Some(last) = page.as_ref().and_then(|page| page.last()) {
                this.heard_of(last.number.0);
            }
            What::ListOrders { after, limit, page }
        })
    }

    pub fn look_up(&self, at: usize, product: &ProductName) -> Call {
        let send = |http: &Client, url: &str| http.get(format!("{url}/products/{product}"));
        self.call(at, send, |this, answer| {
            let outcome = match answer {
                Some((200, response)) => {
                    let version = version(&response);
                    let body = data::<ProductBody>(response);
                    let found = body.zip(version).and_then(|(body, version)| shown(&body, version));
                    found.map_or(ProductRead::Unavailable, ProductRead::Found)
                }
                Some((404, _)) => ProductRead::NotFound,
                Some((503, _)) | None => ProductRead::Unavailable,
                Some((status, _)) => {
                    this.strange("GET /products/NAME", status);
                    ProductRead::Unavailable
                }
            };
            What::LookUp { product: product.clone(), outcome }
        })
    }
}

/// The data of an answer; none when it breaks off.
fn data<T: DeserializeOwned>(response: Response) -> Option<T> {
    response.json::<Data<T>>().ok().map(|reply| reply.data)
}

fn order(body: &OrderBody) -> Option<Order> {
    let (product, quantity) = (ProductName::new(&body.name)?, Quantity::new(body.quantity)?);
    Some(Order { number: OrderNumber(body.number), product, quantity })
}

/// The `ETag` is the product's version in quotes.
fn version(response: &Response) -> Option<Version> {
    let tag = response.headers().get("etag")?.to_str().ok()?;
    tag.trim_matches('"').parse().ok().map(Version)
}

fn shown(body: &ProductBody, version: Version) -> Option<Product> {
    let (name, price) = (ProductName::new(&body.name)?, Cents::from_decimal(body.price)?);
    Some(Product { name, price, stock: body.quantity, version })
}
