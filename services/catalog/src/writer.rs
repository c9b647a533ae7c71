//! The one thread that runs transactions. Whatever waits while one is under way goes into the
//! next; for each: run the commands, hide what changes, tell the lease holders while it is saved,
//! show it, answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use toystore_authority::{Command, Database, Failed, Outcome, Transaction, execute};
use toystore_domain::{ProductName, Version};
use toystore_host::Caller;
use toystore_host::limits::CATALOG_BATCH;

use crate::invalidation::invalidate;
use crate::shelf::Shelf;

type Job = (Command, oneshot::Sender<Outcome>);

/// Hands commands to the thread. Cheap to clone; when the last is dropped, the thread ends.
#[derive(Clone)]
pub struct Writer {
    queue: Sender<Job>,
}

/// The thread is gone; the process is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the catalog is stopping")]
pub struct Stopping;

impl Writer {
    /// Starts the thread. `ended` is told when it ends, with the error if there was one.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn<D: Database + Send + Sync + 'static>(
        shelf: Arc<Shelf<D>>,
        caller: Caller,
    ) -> std::io::Result<(Self, oneshot::Receiver<Result<(), Failed>>)> {
        let (queue, jobs) = channel();
        let (ended, end) = oneshot::channel();
        let runtime = Handle::current();
        std::thread::Builder::new().name("catalog-writer".to_owned()).spawn(move || {
            let _ = ended.send(run(&shelf, &caller, &runtime, &jobs));
        })?;
        Ok((Self { queue }, end))
    }

    /// Runs a command; answers when its outcome is durable and visible. The command is run even
    /// if nobody waits for the answer any more.
    ///
    /// # Errors
    /// [`Stopping`]: what came of it is not known.
    pub async fn run(&self, command: Command) -> Result<Outcome, Stopping> {
        let (answer, outcome) = oneshot::channel();
        self.queue.send((command, answer)).map_err(|_| Stopping)?;
        outcome.await.map_err(|_| Stopping)
    }
}

fn run<D: Database + Send + Sync + 'static>(
    shelf: &Arc<Shelf<D>>,
    caller: &Caller,
    runtime: &Handle,
    jobs: &Receiver<Job>,
) -> Result<(), Failed> {
    while let Ok(first) = jobs.recv() {
        let batch: Vec<Job> =
            std::iter::once(first).chain(jobs.try_iter().take(CATALOG_BATCH - 1)).collect();
        let outcomes = run_batch(shelf, caller, runtime, &batch)?;
        for ((_, answer), outcome) in batch.into_iter().zip(outcomes) {
            // Whoever hung up asks again, and gets the same answer.
            let _ = answer.send(outcome);
        }
    }
    Ok(())
}

fn run_batch<D: Database + Send + Sync + 'static>(
    shelf: &Arc<Shelf<D>>,
    caller: &Caller,
    runtime: &Handle,
    batch: &[Job],
) -> Result<Vec<Outcome>, Failed> {
    let mut tx = shelf.database.begin();
    let mut changed = BTreeSet::new();
    let mut outcomes = Vec::with_capacity(batch.len());
    for (command, _) in batch {
        outcomes.push(execute(&mut tx, command, &mut changed)?);
    }
    let view = tx.view()?;
    let telling = if changed.is_empty() {
        None
    } else {
        shelf.hide(changed.iter())?;
        let products = versions(&tx, &changed)?;
        Some(runtime.spawn(invalidate(shelf.clone(), caller.clone(), products)))
    };
    tx.commit()?;
    if let Some(telling) = telling {
        // A panic in there must not let the change become visible.
        runtime.block_on(telling).map_err(|_| Failed::Io)?;
        shelf.show(changed.iter());
    }
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
