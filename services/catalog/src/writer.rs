//! The one loop that runs transactions. Whatever waits while one is under way goes into the
//! next; for each: run the commands, hide what changes, tell the lease holders while it is saved,
//! show it, answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use toystore_authority::{Command, Database, Failed, Outcome, Transaction, execute};
use toystore_domain::{ProductName, Version};
use toystore_host::limits::CATALOG_BATCH;
use toystore_host::trace::{self, Trace};
use toystore_host::{Caller, ambient};
use toystore_mutants::{Mutant, broken};

use crate::fail_points;
use crate::invalidation::invalidate;
use crate::shelf::Shelf;

/// A command, who waits for its outcome, and the trace that it belongs to.
type Job = (Command, oneshot::Sender<Outcome>, Option<Trace>);
/// Commands that wait for their turn.
pub type Jobs = UnboundedReceiver<Job>;

/// Hands commands to the loop. Cheap to clone; when the last is dropped, the loop ends.
#[derive(Clone)]
pub struct Writer {
    queue: UnboundedSender<Job>,
}

/// The loop is gone; the process is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the catalog is stopping")]
pub struct Stopping;

impl Writer {
    /// A handle, and the commands that [`work`] runs.
    #[must_use]
    pub fn new() -> (Self, Jobs) {
        let (queue, jobs) = unbounded_channel();
        (Self { queue }, jobs)
    }

    /// Runs a command; answers when its outcome is durable and visible. The command is run even
    /// if nobody waits for the answer any more.
    ///
    /// # Errors
    /// [`Stopping`]: what came of it is not known.
    pub async fn run(&self, command: Command) -> Result<Outcome, Stopping> {
        let (answer, outcome) = oneshot::channel();
        self.queue.send((command, answer, trace::current())).map_err(|_| Stopping)?;
        outcome.await.map_err(|_| Stopping)
    }
}

/// Runs the loop on a thread of its own, which waits for the disk. The receiver is told when it
/// ends, with the error if there was one.
///
/// # Errors
/// The system gives no thread.
pub fn start<D: Database + Send + Sync + 'static>(
    shelf: Arc<Shelf<D>>,
    caller: Caller,
    jobs: Jobs,
) -> std::io::Result<oneshot::Receiver<Result<(), Failed>>> {
    let (ended, end) = oneshot::channel();
    let runtime = Handle::current();
    std::thread::Builder::new().name("catalog-writer".to_owned()).spawn(move || {
        let _ = ended.send(runtime.block_on(work(&shelf, &caller, jobs)));
    })?;
    Ok(end)
}

/// The loop. It ends when nobody can hand it a command any more.
///
/// # Errors
/// [`Failed`] when the process must end.
pub async fn work<D: Database + Send + Sync + 'static>(
    shelf: &Arc<Shelf<D>>,
    caller: &Caller,
    mut jobs: Jobs,
) -> Result<(), Failed> {
    let mut batch: Vec<Job> = Vec::new();
    while jobs.recv_many(&mut batch, CATALOG_BATCH).await > 0 {
        let outcomes = run_batch(shelf, caller, &batch).await?;
        for ((_, answer, _), outcome) in batch.drain(..).zip(outcomes) {
            // Whoever hung up asks again, and gets the same answer.
            let _ = answer.send(outcome);
        }
    }
    Ok(())
}

async fn run_batch<D: Database + Send + Sync + 'static>(
    shelf: &Arc<Shelf<D>>,
    caller: &Caller,
    batch: &[Job],
) -> Result<Vec<Outcome>, Failed> {
    shelf.counts.together(batch.len());
    let mut tx = shelf.database.begin();
    let mut changed = BTreeSet::new();
    let mut outcomes = Vec::with_capacity(batch.len());
    for (command, ..) in batch {
        outcomes.push(execute(&mut tx, command, &mut changed)?);
    }
    let view = tx.view()?;
    let mut telling = JoinSet::new();
    if !changed.is_empty() {
        shelf.hide(changed.iter())?;
        let products = versions(&tx, &changed)?;
        let told = invalidate(shelf.clone(), caller.clone(), products);
        let trace = Trace::of_all(batch.iter().filter_map(|(.., trace)| *trace));
        ambient::spawn(&mut telling, trace.scope(fail_points::telling(told)));
    }
    fail_points::before_saving(&mut telling).await;
    shelf.database.ready_to_commit().await;
    shelf.counts.flush(|| tx.commit())?;
    fail_points::saved(&outcomes);
    if broken(Mutant::ShowBeforeTold) {
        telling.detach_all();
    }
    while let Some(told) = telling.join_next().await {
        // A panic in there must not let the change become visible.
        told.map_err(|_| Failed::Io)?;
    }
    shelf.show(changed.iter());
    shelf.set_view(view);
    Ok(outcomes)
}

fn versions(
    tx: &impl Transaction,
    changed: &BTreeSet<ProductName>,
) -> Result<Vec<(ProductName, Version)>, Failed> {
    changed
        .iter()
        .map(|name| Ok((name.clone(), tx.books(name)?.map(|b| b.version).unwrap_or_default())))
        .collect()
}
