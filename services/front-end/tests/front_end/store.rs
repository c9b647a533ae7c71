//! A whole store in one process: a real front end on a free port, everything else stand-ins.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use toystore_front_end::{CacheConfig, Config, run};
use toystore_host::reply::Response;
use toystore_host::{
    Address, AdminToken, ClusterConfig, ClusterToken, ServeOptions, Shutdown, Trigger, serve,
};
use toystore_replication::ReplicaId;
use warp::Filter;

use crate::catalog::Catalog;
use crate::customer::{Answer, Customer};
use crate::replica::{Replica, World};

/// Longer than anything in these tests should take; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);
pub const ADMIN: &str = "admin-0123456789abcdef";
pub const CLUSTER: &str = "cluster-0123456789abcdef";

pub fn cluster_token() -> ClusterToken {
    ClusterToken::new(CLUSTER).unwrap()
}

/// State that a stand-in's handlers and the test share.
#[derive(Debug, Default)]
pub struct Shared<T>(Arc<Mutex<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Shared<T> {
    pub fn new(state: T) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server of a stand-in's.
pub struct Running {
    pub at: Address,
    serving: JoinHandle<()>,
    _trigger: Trigger,
}

impl Running {
    pub async fn start<F>(routes: F) -> Self
    where
        F: Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap().into();
        let (trigger, shutdown) = Shutdown::manual();
        let serving = tokio::spawn(serve(listener, routes, ServeOptions::default(), shutdown));
        Self { at, serving, _trigger: trigger }
    }

    /// As SIGKILL does: connections break, nobody listens any more.
    pub async fn kill(&mut self) {
        self.serving.abort();
        let _ = (&mut self.serving).await;
    }
}

/// How a store is set up.
pub struct Setup {
    pub replicas: u8,
    pub cache: bool,
    pub lease_ms: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self { replicas: 3, cache: true, lease_ms: 60_000 }
    }
}

pub struct Store {
    pub at: Address,
    pub catalog: Catalog,
    pub replicas: Vec<Replica>,
    pub world: Shared<World>,
    config: Config,
    triggers: Vec<Trigger>,
}

impl Store {
    /// Starts everything, and waits for nothing.
    pub async fn start(setup: Setup) -> Self {
        let catalog = Catalog::start(setup.lease_ms).await;
        let world = Shared::new(World::default());
        let mut replicas = Vec::new();
        for id in 1..=setup.replicas {
            replicas.push(Replica::start(ReplicaId(id), &world).await);
        }
        let addresses = replicas.iter().map(|replica| (replica.id, replica.server.at.clone()));
        let cluster = ClusterConfig { replicas: addresses.collect() };
        let config = Config {
            advertise: None,
            catalog: catalog.server.at.clone(),
            cluster,
            cluster_token: cluster_token(),
            admin_token: AdminToken::new(ADMIN).unwrap(),
            tls: None,
            cache: setup.cache.then_some(CacheConfig { capacity: 1000, drift_ms: 0 }),
            heartbeat: Duration::from_millis(20),
        };
        let (at, trigger) = front_end(config.clone()).await;
        Self { at, catalog, replicas, world, config, triggers: vec![trigger] }
    }

    /// Another front end of the same store.
    pub async fn second_front_end(&mut self) -> Customer {
        let (at, trigger) = front_end(self.config.clone()).await;
        self.triggers.push(trigger);
        Customer { at }
    }

    /// Starts everything and waits until orders can be placed, and the cache has its lease.
    pub async fn open(setup: Setup) -> Self {
        let cached = setup.cache;
        let store = Self::start(setup).await;
        store.until("/readyz", |answer| answer.status == 200).await;
        if cached {
            store.until("/products/Tux", Answer::is_hit).await;
        }
        store
    }

    pub fn customer(&self) -> Customer {
        Customer { at: self.at.clone() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.customer().get(path).await
    }

    pub async fn buy(&self, key: &str) -> Answer {
        self.customer().buy(key).await
    }

    /// Asks again and again until the answer is right.
    pub async fn until(&self, path: &str, right: impl Fn(&Answer) -> bool) -> Answer {
        let asking = async {
            loop {
                let answer = self.get(path).await;
                if right(&answer) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("the right answer in time")
    }

    pub fn replica(&self, id: u8) -> &Replica {
        &self.replicas[usize::from(id) - 1]
    }

    pub async fn kill(&mut self, id: u8) {
        self.replicas[usize::from(id) - 1].server.kill().await;
    }
}

async fn front_end(config: Config) -> (Address, Trigger) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().into();
    let (trigger, shutdown) = Shutdown::manual();
    tokio::spawn(run(config, listener, shutdown));
    (at, trigger)
}
