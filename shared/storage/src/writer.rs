//! The one thread that writes an order replica's database: it gathers what waits, applies it,
//! syncs once, and tells.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use toystore_replication::{Write, WriteId};

use crate::mark::INTERVAL;
use crate::{OrderStore, StorageError};

/// Writes gathered for one sync.
const GATHER: usize = 256;

/// Hands writes to the writer's thread. When it is dropped, the thread finishes what waits.
pub struct OrderWriter {
    queue: Option<Sender<(WriteId, Write)>>,
    thread: Option<JoinHandle<()>>,
}

impl OrderWriter {
    /// Starts the thread. `saved` is called after each sync with the last write it covers, and how
    /// long it took to apply and sync what was gathered; `failed` once, when the database can no longer be written: the process must end.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(
        store: OrderStore,
        saved: impl FnMut(WriteId, Duration) + Send + 'static,
        failed: impl FnOnce(StorageError) + Send + 'static,
    ) -> Result<Self, StorageError> {
        let (queue, writes) = channel();
        let path = store.path().to_path_buf();
        let thread = std::thread::Builder::new()
            .name("order-writer".to_owned())
            .spawn(move || {
                if let Err(error) = run(store, &writes, saved) {
                    failed(error);
                }
            })
            .map_err(StorageError::io("start a thread for", &path))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues a write; `saved` is called once it is synced.
    pub fn write(&self, id: WriteId, write: Write) {
        if let Some(queue) = &self.queue {
            // The thread is gone only after `failed`: then nothing is saved any more.
            let _ = queue.send((id, write));
        }
    }
}

impl Drop for OrderWriter {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    mut store: OrderStore,
    writes: &Receiver<(WriteId, Write)>,
    mut saved: impl FnMut(WriteId, Duration),
) -> Result<(), StorageError> {
    let mut marked = Instant::now();
    loop {
        let first = match writes.recv_timeout(INTERVAL) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => {
                store.raise_mark()?;
                marked = Instant::now();
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return store.raise_mark(),
        };
        let gathered: Vec<_> =
            std::iter::once(first).chain(writes.try_iter().take(GATHER - 1)).collect();
        let last = gathered.last().map(|(id, _)| *id);
        let begun = Instant::now();
        store.apply(gathered.into_iter().map(|(_, write)| write).collect())?;
        last.into_iter().for_each(|id| saved(id, begun.elapsed()));
        if marked.elapsed() >= INTERVAL {
            store.raise_mark()?;
            marked = Instant::now();
        }
    }
}
