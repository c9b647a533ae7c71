//! The front end: the public HTTP API, a cache of products, and the choice of who leads.
//!
//! It keeps nothing that matters: any number of front ends may run, and each may die at any time.
//!
//! | file | rule |
//! |---|---|
//! | [`options`] | the command line and its bounds |
//! | [`config`] | what a front end needs to know |
//! | [`routes`] | each path, its methods, its answers |
//! | [`requests`] | what a request says, read strictly |
//! | [`products`] | products, from the cache or the catalog |
//! | [`page`] | a product as customers get it |
//! | [`cache`] | when a cached product is an answer, and what may be cached |
//! | [`lease_keeper`] | keeping the lease under which the cache answers |
//! | [`orders`] | placing an order: one attempt, many copies, and when its outcome is known |
//! | [`reads`] | reading orders: what is there, and what is proven not to be |
//! | [`relay`] | asking the leader, by itself or through a follower |
//! | [`shipping`] | orders on their way to a leader, many in one call |
//! | [`leader`] | what is known about who leads |
//! | [`choosing`] | watching the leader, and choosing another |
//! | [`peers`] | the processes this one talks to |
//! | [`desk`] | what it answers to them |
//! | [`parts`] | the working parts, put together |
//! | [`cluster`] | the state of the cluster, for operators |
//! | [`console`] | what the console is told while somebody looks at it |
//! | [`web`] | the storefront and the console as files |
//! | [`file`] | a file inside the program, with its entity tag |
//! | [`openapi`] | the public API, described for programs |
//! | [`metrics`] | what is counted and shown beside the usual |

pub mod cache;
pub mod choosing;
pub mod cluster;
pub mod config;
pub mod console;
pub mod desk;
pub mod file;
pub mod leader;
pub mod lease_keeper;
pub mod metrics;
pub mod openapi;
pub mod options;
pub mod orders;
pub mod page;
pub mod parts;
pub mod peers;
pub mod products;
pub mod reads;
pub mod relay;
pub mod requests;
pub mod routes;
pub mod shipping;
pub mod web;

use tokio::task::JoinSet;
use toystore_host::ops::Metrics;
use toystore_host::set_up::SetUpError;
use toystore_host::{Address, Caller, Port, ServeOptions, Shutdown, ambient, serve};

pub use config::{CacheConfig, Config, StartError};
pub use options::Options;

use console::Console;
use parts::Parts;
use peers::Peers;
use routes::Shop;

/// Serves customers on `port` until `shutdown`.
///
/// # Errors
/// Why it cannot start; once it serves there is none.
pub async fn run(
    config: Config,
    port: impl Into<Port>,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let port = port.into();
    let own = port.local_addr().map_err(StartError::Address)?;
    let caller = Caller::speaking(config.cluster_token.clone(), config.tls.as_ref())
        .map_err(SetUpError::from)?;
    let peers = Peers::new(caller.clone(), config.catalog, config.cluster);
    if config.cache.is_some() && config.advertise.is_none() && own.ip().is_unspecified() {
        tracing::warn!(listen = %own, "a catalog elsewhere cannot reach it; use --advertise");
    }
    let address = config.advertise.unwrap_or_else(|| Address::from(own));
    let cache = config.cache.map(|cache| (cache, address));
    let mut tasks = JoinSet::new();
    let parts = Parts::start(peers, cache, config.heartbeat, &shutdown, &mut tasks);
    let metrics = Metrics::of_process("front-end", &caller);
    metrics::register(&metrics, &parts);
    let console = Console::new(&parts);
    ambient::spawn(&mut tasks, console.clone().run(shutdown.clone()));
    let shop = Shop {
        parts,
        console,
        cluster_token: config.cluster_token,
        admin_token: config.admin_token,
        metrics,
    };
    tracing::info!(address = %own, "open");
    serve(port, routes::all(&shop), ServeOptions::default(), shutdown).await;
    Ok(())
}
