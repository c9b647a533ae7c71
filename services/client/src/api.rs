//! One request, one reply, or one kind of trouble. Nothing here repeats a request by itself.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use rustls::ClientConfig;
use serde::de::DeserializeOwned;
use toystore_domain::api::{Data, Failure as FailureReply, OrderRequest};
use toystore_domain::{OrderNumber, ProductName, Purchase};
use toystore_tls::is_doubt;

use crate::Failure;
use crate::options::FrontEnd;

/// Longest wait for a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for a reply: longer than the 5 s within which the store always answers.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(6);
/// Larger than any reply: a thousand products or orders, each with the longest name.
const MAX_REPLY_BYTES: usize = 4 << 20;
/// Idle connections are given up before the store closes them, at 30 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// What can be asked of the store.
#[derive(Clone, Debug)]
pub enum Request {
    /// A page of products, from the first name after this one.
    Products(Option<String>),
    /// One product.
    Product(ProductName),
    /// An order, under its key.
    Buy(Purchase),
    /// What an order says.
    Order(OrderNumber),
    /// Who leads and who keeps up.
    Cluster,
}

impl Request {
    fn path(&self) -> String {
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        match self {
            Self::Products(None) => "/products".into(),
            Self::Products(Some(after)) => format!("/products?after={}", encoded(after)),
            Self::Product(name) => format!("/products/{}", encoded(name.as_str())),
            Self::Buy(_) => "/orders".into(),
            Self::Order(number) => format!("/orders/{number}"),
            Self::Cluster => "/cluster".into(),
        }
    }
}

/// Why there is no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No connection: the request was not sent.
    #[error("no connection to the store")]
    NotSent,
    /// Not sent: who answers there shows no certificate that is believed.
    #[error("the certificate of the store is not believed")]
    Distrusted,
    /// Sent, and no reply in time.
    #[error("the store did not reply in time")]
    TimedOut,
    /// Sent, and the connection broke before the whole reply was there.
    #[error("the connection to the store broke")]
    BrokenOff,
    /// The store says no.
    #[error("{message} ({status})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The store's words.
        message: String,
        /// Whether it asks to be tried again later.
        later: bool,
    },
    /// A reply that means nothing to this program.
    #[error("the reply is not the store's")]
    Malformed,
}

impl Trouble {
    /// The name it is counted under.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::NotSent => "no connection".into(),
            Self::Distrusted => "certificate not believed".into(),
            Self::TimedOut => "timed out".into(),
            Self::BrokenOff => "connection broken".into(),
            Self::Refused { status, .. } => status.to_string(),
            Self::Malformed => "malformed reply".into(),
        }
    }

    /// What can be done about it, where that is known.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotSent => {
                "Nobody answers there. Start the store (scripts/start.sh) or the front end alone \
                 (scripts/restart.sh front-end), or name another with --front-end URL."
            }
            Self::Distrusted => {
                "Name the certificate of the authority that has signed the store's with --tls-ca \
                 FILE, and the front end by a name that is in it."
            }
            Self::TimedOut | Self::BrokenOff => {
                "The front end may be stopped or cut off (scripts/status.sh shows what runs), or it \
                 speaks TLS (https://, --tls-ca FILE). Ask again, or another one with --front-end \
                 URL."
            }
            Self::Refused { status: 503 | 429, .. } => {
                "Nothing was done. Ask again in a moment; `toystore-client status` shows who leads."
            }
            Self::Refused { status: 422, .. } => "Leave out --key to place a new order.",
            Self::Malformed => "Is that a front end of a toy store?",
            Self::Refused { .. } => return None,
        })
    }

    /// Whether the network or the front end's process is to blame.
    #[must_use]
    pub fn is_transport(&self) -> bool {
        matches!(self, Self::NotSent | Self::Distrusted | Self::TimedOut | Self::BrokenOff)
    }

    /// Whether the same request may well succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.is_transport() || self.has_status(429) || self.is_server_error()
    }

    /// Whether it leaves open if the order of this attempt was or will be placed.
    #[must_use]
    pub fn leaves_order_open(&self) -> bool {
        let sent = matches!(self, Self::TimedOut | Self::BrokenOff | Self::Malformed);
        // By the store's contract 503 promises that nothing was and will be done.
        sent || self.is_server_error() && !self.has_status(503)
    }

    /// Whether the store refused with this status.
    #[must_use]
    pub fn has_status(&self, wanted: u16) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == wanted)
    }

    fn is_server_error(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status >= 500)
    }
}

impl From<reqwest::Error> for Trouble {
    fn from(error: reqwest::Error) -> Self {
        // A connection attempt that ran into its timeout is both; it was not sent.
        if is_doubt(&error) {
            Self::Distrusted
        } else if error.is_connect() || error.is_builder() {
            Self::NotSent
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::BrokenOff
        }
    }
}

/// A complete reply.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    later: bool,
    body: Vec<u8>,
}

impl Reply {
    /// What was asked for, or why the store says no.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        if (200..300).contains(&self.status) {
            let read: Data<T> =
                serde_json::from_slice(&self.body).map_err(|_| Trouble::Malformed)?;
            return Ok(read.data);
        }
        let message = match serde_json::from_slice::<FailureReply>(&self.body) {
            Ok(failure) => failure.error.message,
            Err(_) => "refused without a reason".into(),
        };
        Err(Trouble::Refused { status: self.status, message, later: self.later })
    }

    /// The body as it came.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The store, through one of its front ends at a time, over a connection of its own.
#[derive(Debug)]
pub struct Store {
    http: reqwest::Client,
    front_ends: Vec<FrontEnd>,
    current: usize,
}

impl Store {
    /// A store behind these front ends, believed as `tls` says; `first`, modulo their number, is
    /// tried first.
    pub fn new(front_ends: &[FrontEnd], first: usize, tls: ClientConfig) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REPLY_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tls_backend_preconfigured(tls)
            .build()
            .map_err(|error| Failure::SetUp(error.to_string()))?;
        Ok(Self { http, front_ends: front_ends.to_vec(), current: first })
    }

    /// How many front ends there are to try.
    #[must_use]
    pub fn front_ends(&self) -> usize {
        self.front_ends.len()
    }

    /// Sends the request once, to the current front end. After trouble on the way there or back
    /// the next front end is current: a stopped process refuses nothing, it is only silent.
    pub async fn send(&mut self, request: &Request) -> Result<Reply, Trouble> {
        let sent = self.attempt(request).await;
        if sent.is_err() {
            self.current = self.current.wrapping_add(1);
        }
        sent
    }

    /// Sends the request to each front end in turn until one replies.
    pub async fn send_to_any(&mut self, request: &Request) -> Result<Reply, Trouble> {
        let mut last = self.send(request).await;
        for _ in 1..self.front_ends() {
            if last.is_ok() {
                break;
            }
            last = self.send(request).await;
        }
        last
    }

    async fn attempt(&self, request: &Request) -> Result<Reply, Trouble> {
        let at = self.current.checked_rem(self.front_ends()).unwrap_or(0);
        let front_end = self.front_ends.get(at).ok_or(Trouble::NotSent)?;
        let url = front_end.page(&request.path());
        let asked = match request {
            Request::Buy(purchase) => {
                let name = purchase.product.to_string();
                let body = OrderRequest { name, quantity: purchase.quantity.get() };
                let body = serde_json::to_vec(&body).map_err(|_| Trouble::NotSent)?;
                let asked = self.http.post(url).header(CONTENT_TYPE, "application/json");
                asked.header("Idempotency-Key", purchase.key.as_str()).body(body)
            }
            _ => self.http.get(url),
        };
        let reply = asked.send().await?;
        let status = reply.status().as_u16();
        let later = reply.headers().contains_key(RETRY_AFTER);
        Ok(Reply { status, later, body: read_body(reply).await? })
    }
}

/// Reads a whole reply, as far as it can be the store's.
async fn read_body(mut reply: reqwest::Response) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(piece) = reply.chunk().await? {
        if body.len() + piece.len() > MAX_REPLY_BYTES {
            return Err(Trouble::Malformed);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded() {
        let name = ProductName::new("Connect Four/é?").unwrap();
        assert_eq!(Request::Product(name).path(), "/products/Connect%20Four%2F%C3%A9%3F");
        let page = Request::Products(Some("A&B".into()));
        assert_eq!(page.path(), "/products?after=A%26B");
    }

    #[test]
    fn only_what_may_have_arrived_leaves_an_order_open() {
        let refused = |status| Trouble::Refused { status, message: String::new(), later: false };
        for sure in [Trouble::NotSent, refused(503), refused(429), refused(409), refused(400)] {
            assert!(!sure.leaves_order_open(), "{sure:?}");
        }
        for open in [Trouble::TimedOut, Trouble::BrokenOff, refused(504), refused(500)] {
            assert!(open.leaves_order_open() && open.is_transient(), "{open:?}");
        }
        assert!(refused(503).is_transient() && refused(429).is_transient());
        assert!(!refused(409).is_transient() && !Trouble::Malformed.is_transient());
    }
}
