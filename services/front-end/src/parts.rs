//! The working parts of a front end, put together: what its public API stands on.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use toystore_host::{Address, Shutdown, ambient};

use crate::cache::ProductCache;
use crate::choosing::Chooser;
use crate::leader::Leadership;
use crate::peers::Peers;
use crate::products::Products;
use crate::relay::Relay;
use crate::{CacheConfig, lease_keeper};

/// The parts that requests are answered with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The products.
    pub products: Products,
    /// The way to the leader.
    pub relay: Relay,
}

impl Parts {
    /// Starts the tasks that watch the leader, at each `heartbeat`, and keep the lease of the cache
    /// if there is one; the catalog invalidates it at the address. They end with `shutdown`.
    #[must_use]
    pub fn start(
        peers: Peers,
        cache: Option<(CacheConfig, Address)>,
        heartbeat: Duration,
        shutdown: &Shutdown,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let leadership = Arc::new(Leadership::new());
        let cache = cache.map(|(config, address)| {
            let cache = Arc::new(ProductCache::new(config));
            let (peers, shutdown) = (peers.clone(), shutdown.clone());
            let keeping = lease_keeper::keep(Arc::clone(&cache), peers, address, shutdown);
            ambient::spawn(tasks, keeping);
            cache
        });
        let chooser = Chooser::new(Arc::clone(&leadership), peers.clone(), heartbeat);
        ambient::spawn(tasks, chooser.run(shutdown.clone()));
        Self { products: Products::new(peers.clone(), cache), relay: Relay::new(leadership, peers) }
    }
}
