//! An order as one transaction of etcd: if the order is not there yet, put the stock and the order.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use http::uri::PathAndQuery;
use prost::Message;
use tokio::time::{sleep, timeout};
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use toystore_client::load::engine::Customer;
use toystore_client::load::figures::Outcome;
use toystore_tests::store::{PRODUCTS, STOCK};

use crate::etcd::rpc::{
    Compare, RequestOp, StatusRequest, StatusResponse, TxnRequest, TxnResponse,
};
use crate::measure::load::BUY;

const TXN: PathAndQuery = PathAndQuery::from_static("/etcdserverpb.KV/Txn");
const STATUS: PathAndQuery = PathAndQuery::from_static("/etcdserverpb.Maintenance/Status");

/// Between trouble and the next try, as the store's customers wait.
const PAUSE: Duration = Duration::from_millis(5);

/// A connection to one member; clones share it.
#[derive(Clone)]
pub struct Client(Grpc<Channel>);

impl Client {
    /// Connects with the first request.
    pub fn new(endpoint: &str) -> Result<Self> {
        let endpoint = Endpoint::from_shared(endpoint.to_owned())?
            .tcp_nodelay(true)
            .connect_timeout(Duration::from_millis(200));
        Ok(Self(Grpc::new(endpoint.connect_lazy())))
    }

    async fn ask<A, B>(&mut self, path: PathAndQuery, message: A) -> Result<B, Status>
    where
        A: Message + Send + Sync + 'static,
        B: Message + Default + Send + Sync + 'static,
    {
        let unavailable = |error: tonic::transport::Error| Status::unavailable(error.to_string());
        self.0.ready().await.map_err(unavailable)?;
        let codec = ProstCodec::<A, B>::default();
        Ok(self.0.unary(Request::new(message), path, codec).await?.into_inner())
    }

    /// Whether this member leads.
    pub async fn leads(&mut self) -> Result<bool, Status> {
        let status: StatusResponse = self.ask(STATUS, StatusRequest {}).await?;
        Ok(status.header.is_some_and(|header| header.member_id == status.leader))
    }
}

/// Connections that customers share.
pub struct Pool {
    endpoints: Vec<String>,
    /// So many customers on one connection.
    share: usize,
    made: Mutex<Vec<Vec<Client>>>,
}

impl Pool {
    /// Each customer has one to each of these members, and asks the first while it answers.
    pub fn new(endpoints: Vec<String>, share: usize) -> Self {
        Self { endpoints, share, made: Mutex::default() }
    }

    /// The connections of the customer of this number. None only where no address makes sense.
    fn clients(&self, number: usize) -> Vec<Client> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let group = number / self.share;
        while made.len() <= group {
            let clients = self.endpoints.iter().filter_map(|endpoint| Client::new(endpoint).ok());
            made.push(clients.collect());
        }
        made[group].clone()
    }
}

/// A customer whose orders are transactions.
pub struct Buyer {
    clients: Vec<Client>,
    /// Which of them is asked.
    current: usize,
    patience: Duration,
    key: String,
    number: usize,
    bought: u64,
}

impl Buyer {
    /// The customer of this number; it asks another member after trouble, or when it was patient
    /// for so long. The seed is part of its keys.
    pub fn new(pool: &Pool, number: usize, seed: u64, patience: Duration) -> Self {
        let key = format!("{seed:016x}-{number}");
        Self { clients: pool.clients(number), current: 0, patience, key, number, bought: 0 }
    }

    fn next(&mut self) -> TxnRequest {
        self.bought += 1;
        let toy = PRODUCTS[(self.number + self.bought as usize) % PRODUCTS.len()];
        let order = format!("order/{}-{}", self.key, self.bought).into_bytes();
        let left = (STOCK - self.bought).to_string().into_bytes();
        TxnRequest {
            compare: vec![Compare::absent(order.clone())],
            success: vec![
                RequestOp::put(format!("stock/{toy}").into_bytes(), left),
                RequestOp::put(order, format!("{toy} 1").into_bytes()),
            ],
        }
    }
}

impl Customer for Buyer {
    async fn request(&mut self) -> (&'static str, Outcome) {
        let transaction = self.next();
        let count = self.clients.len();
        let Some(client) = self.clients.get_mut(self.current) else { return (BUY, Outcome::Lost) };
        let asked = timeout(self.patience, client.ask::<_, TxnResponse>(TXN, transaction)).await;
        let outcome = match asked {
            Ok(Ok(TxnResponse { succeeded: true })) => Outcome::Done,
            Ok(Ok(_)) => Outcome::Refused(409),
            Ok(Err(_)) | Err(_) => {
                self.current = (self.current + 1) % count;
                sleep(PAUSE).await;
                Outcome::Lost
            }
        };
        (BUY, outcome)
    }
}
