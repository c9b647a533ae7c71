//! Opening the database, serving, ending.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::time::timeout;
use toystore_authority::Failed;
use toystore_coherence::{Grants, SessionId};
use toystore_host::ambient::boot_millis;
use toystore_host::limits::MAX_PRODUCTS_COUNTED;
use toystore_host::ops::Metrics;
use toystore_host::set_up::SetUpError;
use toystore_host::{Port, ServeOptions, Shutdown, disk, serve};
use toystore_replication::ClusterId;
use toystore_storage::{CatalogStore, StorageError, folder, space};

use crate::desk::Shared;
use crate::metrics;
use crate::operator::OperatorError;
use crate::options::Serve;
use crate::recover::RecoverError;
use crate::restock::restock;
use crate::routes::routes;
use crate::seed::{self, SeedError};
use crate::shelf::Shelf;
use crate::survey::Survey;
use crate::writer::{self, Writer};

/// A batch under way ends once its lease holders are told; who stops does not wait longer.
const LAST_BATCH: Duration = Duration::from_secs(1);

/// Why the catalog cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The database is damaged.
    #[error(
        "{0}; move that folder away and rebuild it from the order replicas with toystore-catalog \
         recover"
    )]
    Damaged(StorageError),
    /// The database cannot be used.
    #[error("{0}")]
    Storage(StorageError),
    /// A transaction failed.
    #[error("{0}; the process ends, because what is on disk is not known")]
    Failed(#[from] Failed),
    /// The products cannot be read.
    #[error("{0}")]
    Seed(#[from] SeedError),
    /// It lacks what every service needs.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// An operator's command failed.
    #[error("{0}")]
    Operator(#[from] OperatorError),
    /// The catalog cannot be rebuilt.
    #[error("{0}")]
    Recover(#[from] RecoverError),
}

impl From<StorageError> for CatalogError {
    fn from(error: StorageError) -> Self {
        if error.is_damage() { Self::Damaged(error) } else { Self::Storage(error) }
    }
}

/// Runs the catalog until `shutdown` is requested or its database fails.
///
/// # Errors
/// Says why it cannot start or go on, and how to mend it.
pub async fn run(
    options: Serve,
    port: impl Into<Port>,
    shutdown: Shutdown,
) -> Result<(), CatalogError> {
    let (token, caller) = options.token.caller(&options.tls.files)?;
    space::check(space::existing(&options.database.data))?;
    let database = open(&options)?;
    let grants = grants(&database, &options)?;
    let shelf = Shelf::new(database, grants)?;
    let (writer, jobs) = Writer::new();
    let mut ended =
        writer::start(shelf.clone(), caller.clone(), jobs).map_err(CatalogError::Thread)?;
    let full = Arc::new(AtomicBool::new(false));
    let replicas = options.cluster.replicas.clone();
    let (metrics, survey) = (Metrics::of_process("catalog", &caller), Arc::<Survey>::default());
    metrics::register(&metrics, &shelf, &survey, options.database.data.clone(), full.clone());
    let shared = Shared {
        shelf: shelf.clone(),
        writer: writer.clone(),
        caller,
        replicas,
        full: full.clone(),
    };
    let restocking = tokio::spawn(restock(shelf.clone(), writer, options.restock));
    let watching = tokio::spawn(watch_disk(shelf.clone(), full, lease_millis(&options)));
    let surveying = tokio::spawn(survey.keep(shelf.clone()));
    let routes = routes(&shared, token, metrics);
    drop(shared);
    let served = tokio::select! {
        () = serve(port, routes, ServeOptions::default(), shutdown) => None,
        end = &mut ended => Some(end),
    };
    watching.abort();
    restocking.abort();
    surveying.abort();
    let _ = restocking.await;
    // Nobody hands the writer commands any more: it ends when those under way are done.
    let outcome = match served {
        Some(end) => end,
        None => match timeout(LAST_BATCH, ended).await {
            Ok(end) => end,
            // The disk hangs in the middle of it; what it holds is found out at the next start.
            Err(_) => return Ok(()),
        },
    };
    shelf.database.raise_mark()?;
    outcome.unwrap_or(Err(Failed::Io)).map_err(CatalogError::Failed)
}

/// Opens the database; makes one only where there is nothing at all.
fn open(options: &Serve) -> Result<CatalogStore, CatalogError> {
    if !options.database.data.exists() {
        let products = seed::read(&options.database.products)?;
        tracing::info!(products = products.len(), "making a new database");
        let cluster = ClusterId(folder::random()?);
        CatalogStore::create(&options.database.data, cluster, &products, None)?;
    }
    Ok(CatalogStore::open(&options.database.data)?)
}

/// The database keeps the longest lease that may still run, for the next process to wait out.
fn grants(database: &CatalogStore, options: &Serve) -> Result<Grants, CatalogError> {
    let earlier = database.lease_millis()?;
    let millis = lease_millis(options);
    if earlier < millis {
        database.put_lease_millis(millis)?;
    }
    let first = SessionId((folder::random()? >> 66) as u64);
    Ok(Grants::new(millis, first, earlier, MAX_PRODUCTS_COUNTED, boot_millis()))
}

/// Only this process's leases run now.
fn shorten_lease(database: &CatalogStore, millis: u64) -> Result<(), Failed> {
    if database.lease_millis()? == millis { Ok(()) } else { database.put_lease_millis(millis) }
}

fn lease_millis(options: &Serve) -> u64 {
    u64::try_from(options.lease.as_millis()).unwrap_or(u64::MAX)
}

/// Keeps `full` and the database's mark up to date; never ends.
async fn watch_disk(shelf: Arc<Shelf<CatalogStore>>, full: Arc<AtomicBool>, lease: u64) {
    shelf.earlier_leases_over().await;
    if let Err(error) = shorten_lease(&shelf.database, lease) {
        tracing::error!(%error, "the length of leases cannot be written");
    }
    let check = || space::check(shelf.database.path());
    disk::watch(&full, check, || raise_mark(shelf.clone())).await;
}

async fn raise_mark(shelf: Arc<Shelf<CatalogStore>>) {
    let marked = tokio::task::spawn_blocking(move || shelf.database.raise_mark()).await;
    if let Ok(Err(error)) = marked {
        tracing::error!(%error, "the mark cannot be written");
    }
}
