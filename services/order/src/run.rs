//! Opening the database, serving, ending.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::oneshot;
use toystore_host::limits::{
    APPEND_PAGE, MAX_REQUESTS_UNDER_WAY, ORDER_BATCH, SILENCE_TICKS, STUCK_TICKS,
};
use toystore_host::ops::Metrics;
use toystore_host::set_up::SetUpError;
use toystore_host::{Port, ServeOptions, Shutdown, disk, serve};
use toystore_replication::{Event, Fatal, Replica, ReplicaId, Settings};
use toystore_storage::{OrderStore, OrderWriter, StorageError, folder, space};

use crate::Options;
use crate::desk::Shared;
use crate::edge::CallingEdge;
use crate::metrics::{self, Seen};
use crate::node::{self, Node};
use crate::routes::routes;

/// Why a replica cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Its id has no address.
    #[error("replica {0} is not named in --replicas; add {0}=HOST:PORT there")]
    NotConfigured(ReplicaId),
    /// More copies are demanded than there are replicas.
    #[error("--min-in-sync {0} can never be met by {1} replicas; lower it or add to --replicas")]
    TooFewReplicas(usize, usize),
    /// Its database is damaged.
    #[error(
        "{0}; start it with --replace-damaged (scripts/restart.sh passes it on) to set that folder \
         aside and catch up from the other replicas"
    )]
    Damaged(StorageError),
    /// Its database cannot be used.
    #[error("{0}")]
    Storage(StorageError),
    /// Its log and the leader's cannot both be right; the folder was set aside.
    #[error("{0}; the database was moved to {1}; start again to catch up from the other replicas")]
    SetAside(Fatal, PathBuf),
    /// Its database cannot be relied on any more.
    #[error("{0}")]
    Fatal(Fatal),
    /// A task ended that never should.
    #[error("a task of the replica broke off; see the log above; start it again")]
    Broken,
    /// It lacks what every service needs.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
}

impl From<StorageError> for OrderError {
    fn from(error: StorageError) -> Self {
        if error.is_damage() { Self::Damaged(error) } else { Self::Storage(error) }
    }
}

/// Runs a replica until `shutdown` is requested or its database fails.
///
/// # Errors
/// Says why the replica cannot start or go on, and how to mend it.
pub async fn run(
    options: Options,
    port: impl Into<Port>,
    shutdown: Shutdown,
) -> Result<(), OrderError> {
    options.check_min_in_sync()?;
    let (token, caller) = options.token.caller(&options.tls.files)?;
    space::check(space::existing(&options.data))?;
    let store = open(&options)?;
    let member = store.member();
    tracing::info!(%member, last = %store.last().number, "database opened");
    let (saved, reader) = (store.saved(), store.reader());
    let (node, inputs) = Node::new();
    let (tell_failure, mut failure) = oneshot::channel();
    let (saved_node, seen) = (node.clone(), Seen::default());
    let flushes = seen.clone();
    let writer = OrderWriter::spawn(
        store,
        move |id, took| {
            flushes.flushed(took);
            saved_node.tell(Event::Saved(id));
        },
        move |error| {
            let _ = tell_failure.send(error);
        },
    )?;
    let (replicas, catalog) = (options.cluster.replicas.clone(), options.catalog.catalog.clone());
    let save = Box::new(move |id, write| writer.write(id, write));
    let edge = CallingEdge::new(save, caller.clone(), replicas.clone(), catalog, node.inbox())
        .counted(seen.clone());
    let metrics = Metrics::of_process("order", &caller);
    metrics::register(&metrics, &node, &seen, options.data.clone());
    let replica = Replica::new(settings(&options), saved, reader.clone());
    let loops = node.clone();
    let mut core = tokio::spawn(async move { node::drive(&loops, inputs, replica, edge).await });
    let full = Arc::new(AtomicBool::new(false));
    let watching = disk::watch(&full, || space::check(&options.data), || std::future::ready(()));
    let shared = Shared { node: node.clone(), caller, replicas, full: full.clone() };
    let routes = routes(shared, reader, token, metrics);
    let serving = serve(port, routes, ServeOptions::default(), shutdown);
    tokio::pin!(serving);
    let core = tokio::select! {
        () = &mut serving => {
            node.stop();
            core.await
        }
        core = &mut core => core,
        error = &mut failure => match error {
            Ok(error) => return Err(OrderError::Storage(error)),
            // The writer ended without one: with the core, which says why, or broken off.
            Err(_) => {
                node.stop();
                match core.await {
                    Ok(Ok(())) => return Err(OrderError::Broken),
                    ended => ended,
                }
            }
        },
        () = watching => Ok(Ok(())),
    };
    match core {
        Ok(Ok(())) => Ok(()),
        Ok(Err(fatal)) => Err(end_fatally(fatal, &options.data)),
        Err(_) => Err(OrderError::Broken),
    }
}

fn settings(options: &Options) -> Settings {
    Settings {
        min_in_sync: options.min_in_sync,
        batch: ORDER_BATCH,
        page: APPEND_PAGE,
        queue: MAX_REQUESTS_UNDER_WAY,
        silence_ticks: SILENCE_TICKS,
        stuck_ticks: STUCK_TICKS,
    }
}

/// Opens the database; makes one only where there is nothing at all.
fn open(options: &Options) -> Result<OrderStore, OrderError> {
    if !options.data.exists() {
        tracing::info!(path = %options.data.display(), "making a new database");
        OrderStore::create(&options.data, options.id)?;
    }
    let mut store = match OrderStore::open(&options.data, options.id) {
        Err(error) if error.is_damage() && options.replaces_damaged() => {
            let aside = folder::set_aside(&options.data)?;
            tracing::error!(%error, aside = %aside.display(), "set a damaged database aside");
            OrderStore::create(&options.data, options.id)?;
            OrderStore::open(&options.data, options.id)?
        }
        other => other?,
    };
    store.start()?;
    Ok(store)
}

/// A log that cannot be reconciled is kept for a person to look at, never overwritten.
fn end_fatally(fatal: Fatal, data: &Path) -> OrderError {
    match fatal {
        Fatal::Diverged(_) | Fatal::ChainBroken(_) => match folder::set_aside(data) {
            Ok(aside) => OrderError::SetAside(fatal, aside),
            Err(error) => OrderError::Storage(error),
        },
        Fatal::MissingEntry(_) | Fatal::Unreadable => OrderError::Fatal(fatal),
    }
}
