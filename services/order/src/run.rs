//! Opening the database, serving, ending.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use toystore_host::limits::{
    APPEND_PAGE, MAX_REQUESTS_UNDER_WAY, ORDER_BATCH, SILENCE_TICKS, STUCK_TICKS,
};
use toystore_host::listen::ListenError;
use toystore_host::ops::Metrics;
use toystore_host::tokens::TokenError;
use toystore_host::wire::CallerError;
use toystore_host::{Caller, ClusterToken, ServeOptions, Shutdown, serve};
use toystore_replication::{Event, Fatal, Replica, ReplicaId, Settings};
use toystore_storage::{OrderStore, OrderWriter, StorageError, folder, space};

use crate::Options;
use crate::desk::Shared;
use crate::edge::CallingEdge;
use crate::metrics::{self, Seen};
use crate::node::{self, Node};
use crate::routes::routes;

/// How often the free space of the disk is looked at.
const SPACE_CHECK: Duration = Duration::from_secs(1);

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
    /// The cluster token cannot be read.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// The HTTP client does not start.
    #[error("{0}")]
    Caller(#[from] CallerError),
    /// The port cannot be opened.
    #[error("{0}")]
    Listen(#[from] ListenError),
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
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
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), OrderError> {
    let configured = options.replicas.replicas.len();
    if options.min_in_sync > configured {
        return Err(OrderError::TooFewReplicas(options.min_in_sync, configured));
    }
    let token = ClusterToken::read(&options.cluster_token)?;
    let caller = Caller::new(token.clone())?;
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
    let (replicas, catalog) = (options.replicas.clone(), options.catalog.clone());
    let save = Box::new(move |id, write| writer.write(id, write));
    let edge = CallingEdge::new(save, caller.clone(), replicas.clone(), catalog, node.inbox())
        .counted(seen.clone());
    let metrics = Metrics::of_process("order", &caller);
    metrics::register(&metrics, &node, &seen, options.data.clone());
    let replica = Replica::new(settings(&options), saved, reader.clone());
    let loops = node.clone();
    let mut core = tokio::spawn(async move { node::drive(&loops, inputs, replica, edge).await });
    let full = Arc::new(AtomicBool::new(false));
    let shared = Shared { node: node.clone(), caller, replicas, full: full.clone() };
    let routes = routes(shared, reader, token, metrics);
    let serving = serve(listener, routes, ServeOptions::default(), shutdown);
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
        () = watch_space(options.data.clone(), full) => Ok(Ok(())),
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

/// Keeps `full` up to date; never ends.
async fn watch_space(data: PathBuf, full: Arc<AtomicBool>) {
    loop {
        let now = match space::check(&data) {
            Ok(()) => false,
            Err(error) => {
                tracing::error!(%error, "orders are refused until the disk has room");
                true
            }
        };
        full.store(now, Ordering::Relaxed);
        tokio::time::sleep(SPACE_CHECK).await;
    }
}
