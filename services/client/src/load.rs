//! Load: as many requests as a store takes, or as many as are wanted per second, with exact times.
//!
//! | file | rule |
//! |---|---|
//! | [`engine`] | who sends when, and from when the time of a request counts |
//! | [`figures`] | what is counted, and what is told of it |
//! | [`connection`] | one HTTP/1.1 connection, made anew when it breaks |
//! | [`shopping`] | what the customers of a store look at and buy |

pub mod connection;
pub mod engine;
pub mod figures;
pub mod shopping;

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsConnector;
use toystore_domain::ProductName;
use toystore_domain::api::ProductBody;

use crate::api::{Request, Store};
use crate::load::connection::Connection;
use crate::load::engine::Plan;
use crate::load::shopping::{Shopper, Shopping};
use crate::options::Load;
use crate::{Exit, Failure, say};

/// Puts a store under load.
pub async fn load(options: Load) -> Result<Exit, Failure> {
    let names = if options.products.is_empty() {
        all_products(&options).await?
    } else {
        options.products.clone()
    };
    let seed = match options.seed {
        Some(seed) => seed,
        None => getrandom::u64().map_err(|error| Failure::SetUp(error.to_string()))?,
    };
    let shopping = Shopping { products: names, probability: options.probability, seed };
    let plan = Plan {
        connections: options.connections,
        threads: options.threads,
        warm_up: options.warm_up,
        measured: options.seconds,
        rate: options.rate,
    };
    let front_ends = options.reach.front_ends().to_vec();
    let tls = TlsConnector::from(Arc::new(options.reach.tls()?));
    let working = tokio::task::spawn_blocking(move || {
        engine::run(&plan, |number| {
            let front_end = &front_ends[number % front_ends.len()];
            let connection = Connection::new(front_end.authority());
            let connection = match front_end.is_secure() {
                true => connection.over(tls.clone()),
                false => connection,
            };
            Shopper::new(connection, &shopping, number)
        })
    });
    let figures = working.await.map_err(|error| Failure::SetUp(error.to_string()))?;
    let figures = figures.map_err(|error| Failure::SetUp(error.to_string()))?;
    if options.json {
        let json = serde_json::to_string(&figures.report());
        say(&json.map_err(|error| Failure::SetUp(error.to_string()))?);
    } else {
        say(&figures.report().in_words());
    }
    Ok(if figures.answered() { Exit::Fine } else { Exit::Unreachable })
}

async fn all_products(options: &Load) -> Result<Vec<ProductName>, Failure> {
    let mut store = Store::new(options.reach.front_ends(), 0, options.reach.tls()?)?;
    let reply = store.send_to_any(&Request::Products(None)).await.map_err(Failure::Listing)?;
    let listed: Vec<ProductBody> = reply.read().map_err(Failure::Listing)?;
    let names: Vec<_> = listed.iter().filter_map(|body| ProductName::new(&body.name)).collect();
    if names.is_empty() { Err(Failure::NothingForSale) } else { Ok(names) }
}

/// A request that is not answered within this time is given up.
pub const PATIENCE: Duration = Duration::from_secs(10);
