//! What one front end needs to know to run, and why it may not start.

use std::io;
use std::time::Duration;

use toystore_host::set_up::SetUpError;
use toystore_host::tls::Tls;
use toystore_host::{Address, AdminToken, ClusterConfig, ClusterToken};

/// One front end's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the catalog reaches it; none is where it listens.
    pub advertise: Option<Address>,
    /// Where the catalog listens.
    pub catalog: Address,
    /// The order replicas.
    pub cluster: ClusterConfig,
    /// What the store's own processes show each other.
    pub cluster_token: ClusterToken,
    /// What an administrator shows.
    pub admin_token: AdminToken,
    /// What is spoken to the catalog and the replicas; none for plain HTTP.
    pub tls: Option<Tls>,
    /// The cache of products; none to ask the catalog every time.
    pub cache: Option<CacheConfig>,
    /// Between two looks at the leader.
    pub heartbeat: Duration,
}

/// The cache of products.
#[derive(Clone, Copy, Debug)]
pub struct CacheConfig {
    /// How many products it holds at most.
    pub capacity: usize,
    /// Taken off every lease, in milliseconds: how far two machines' clocks may drift apart.
    pub drift_ms: u64,
}

/// Why a front end does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It lacks what every service needs.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// The system does not say where the process listens.
    #[error("cannot tell the own address: {0}; give it with --advertise")]
    Address(#[source] io::Error),
}
