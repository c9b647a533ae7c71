//! An order replica's database: the log, and one row of state.
//!
//! A crash leaves a beginning of what was written, in sled's one sequence of writes. So a promise
//! goes first: it binds, and claims nothing. Then comes the log; what is agreed and committed goes
//! last. In between a crash leaves what a shorter append would have left.

use std::path::Path;

use sled::transaction::{ConflictableTransactionError, TransactionError};
use toystore_domain::OrderNumber;
use toystore_replication::{
    ClusterId, Entry, Epoch, Member, Position, ReplicaId, Saved, Stored, Write,
};

use crate::disk::UNSYNCED_BYTES;
use crate::folder::{CACHE_BYTES, Folder, Kind, StorageError, guarded, sled_error};
use crate::mark::{Mark, MarkFile};
use crate::schema::{
    META, ORDERS, OrderState, STATE, STATE_VERSION, fitting, order_key, read_row, rows_of,
};
use crate::verify::verify;

mod reader;

pub use reader::OrderReader;

/// An open database of an order replica.
pub struct OrderStore {
    folder: Folder,
    reader: OrderReader,
    meta: sled::Tree,
    state: OrderState,
    /// The state as it was written.
    written: OrderState,
    last: Position,
    mark: MarkFile<Mark>,
    id: ReplicaId,
}

impl OrderStore {
    /// Makes an empty database under a new store id.
    ///
    /// # Errors
    /// [`StorageError::Exists`] when there is something at `path`.
    pub fn create(path: &Path, id: ReplicaId) -> Result<(), StorageError> {
        let nothing = std::iter::empty::<Result<Vec<Entry>, StorageError>>();
        Self::create_with(path, id, &OrderState::default(), nothing)
    }

    /// Makes a database of these orders and this state, under a new store id. Only a page of the
    /// orders is in memory at a time.
    ///
    /// # Errors
    /// [`StorageError::Exists`] when there is something at `path`; [`StorageError::Damaged`] when
    /// the orders are no log; and what the pages fail with. Nothing is at `path` then.
    pub fn create_with<E: From<StorageError>>(
        path: &Path,
        id: ReplicaId,
        state: &OrderState,
        pages: impl IntoIterator<Item = Result<Vec<Entry>, E>>,
    ) -> Result<(), E> {
        Folder::create(path, Kind::Order(id.0), |db, folder| {
            let open = |tree| db.open_tree(tree).map_err(|error| sled_error(folder, &error));
            let (reader, meta) = (OrderReader::of(open(ORDERS)?), open(META)?);
            let mut last = Position::ORIGIN;
            for page in pages {
                last = insert(folder, &reader, last, &page?)?;
            }
            let row = encode_state(folder, state)?;
            meta.insert(STATE, row).map_err(|error| sled_error(folder, &error))?;
            Ok(MarkFile::create(folder, Mark::of(&last, state.promise))?)
        })
    }

    /// Opens and verifies a database.
    ///
    /// # Errors
    /// Says what is wrong with it; a log shorter than its synced mark was rolled back.
    pub fn open(path: &Path, id: ReplicaId) -> Result<Self, StorageError> {
        Self::open_with(path, id, CACHE_BYTES)
    }

    /// Opens and verifies a database with a page cache of so many bytes, [`CACHE_BYTES`] usually.
    ///
    /// # Errors
    /// As [`OrderStore::open`].
    pub fn open_with(path: &Path, id: ReplicaId, cache_bytes: u64) -> Result<Self, StorageError> {
        let folder = Folder::open(path, Kind::Order(id.0), cache_bytes)?;
        let (orders, meta) = (folder.tree(ORDERS)?, folder.tree(META)?);
        let state = read_state(path, &meta)?;
        let (reader, last) = guarded(path, || verify(path, orders))?;
        let mark = MarkFile::open(path)?;
        check_mark(path, &mark.last(), &reader, &state)?;
        if state.commit > last.number {
            let what = format!("it committed order {} and ends at {}", state.commit, last.number);
            return Err(StorageError::damaged(path, what));
        }
        Ok(Self { folder, reader, meta, state, written: state, last, mark, id })
    }

    /// Counts one more start of a process, durably. Before anything else is done with the store.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn start(&mut self) -> Result<(), StorageError> {
        self.state.incarnation = self.state.incarnation.next();
        self.put_state(self.state)?;
        self.folder.sync()
    }

    /// What the protocol's core needs to know.
    #[must_use]
    pub fn saved(&self) -> Saved {
        Saved {
            me: self.member(),
            cluster: self.state.cluster,
            promise: self.state.promise,
            mark: self.state.mark,
            commit: self.state.commit,
            last: self.last,
        }
    }

    /// The replica, this database, this start.
    #[must_use]
    pub fn member(&self) -> Member {
        let incarnation = self.state.incarnation;
        Member { id: self.id, store: self.folder.store(), incarnation }
    }

    /// The row of state.
    #[must_use]
    pub fn state(&self) -> &OrderState {
        &self.state
    }

    /// Where the log stands.
    #[must_use]
    pub fn last(&self) -> Position {
        self.last
    }

    /// A reader beside this writer.
    #[must_use]
    pub fn reader(&self) -> OrderReader {
        self.reader.clone()
    }

    /// Bytes on disk.
    #[must_use]
    pub fn size_on_disk(&self) -> u64 {
        self.folder.size_on_disk()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Applies writes in their order and syncs them, all at once where none cuts the log.
    ///
    /// # Errors
    /// The process must end: what is on disk is not known.
    pub fn apply(&mut self, writes: Vec<Write>) -> Result<(), StorageError> {
        let mut entries = Vec::new();
        for write in writes {
            if let Some(above) = write.truncate_above {
                self.put(&std::mem::take(&mut entries))?;
                self.promise(write.cluster, write.promise)?;
                self.folder.sync()?;
                self.truncate_above(above)?;
            }
            self.state = OrderState {
                cluster: write.cluster,
                incarnation: self.state.incarnation,
                promise: write.promise,
                mark: write.mark,
                commit: write.commit,
            };
            entries.extend(write.entries);
        }
        self.put(&entries)?;
        self.folder.sync()
    }

    /// Brings the synced mark up to the synced log.
    ///
    /// # Errors
    /// It cannot be written; the process must end.
    pub fn raise_mark(&mut self) -> Result<(), StorageError> {
        let known = self.mark.last();
        if (known.number, known.promise) == (self.last.number, self.state.promise) {
            return Ok(());
        }
        self.mark.put(Mark::of(&self.last, self.state.promise))
    }

    fn put(&mut self, entries: &[Entry]) -> Result<(), StorageError> {
        self.promise(self.state.cluster, self.state.promise)?;
        let mut rest = entries;
        while !rest.is_empty() {
            let (portion, after) = rest.split_at(fitting(rest, usize::MAX, UNSYNCED_BYTES));
            self.append(portion)?;
            if !after.is_empty() {
                self.folder.sync()?;
            }
            rest = after;
        }
        self.put_state(self.state)?;
        self.last = entries.last().map_or(self.last, Entry::position);
        Ok(())
    }

    /// Writes a promise ahead of what is done under it: it binds, and claims nothing.
    fn promise(&mut self, cluster: Option<ClusterId>, promise: Epoch) -> Result<(), StorageError> {
        self.put_state(OrderState { cluster, promise, ..self.written })
    }

    fn append(&self, entries: &[Entry]) -> Result<(), StorageError> {
        let path = self.folder.path();
        put_rows(path, &self.reader, entries)?;
        let index = |entry: &Entry| self.reader.keys.add(&entry.purchase.key, entry.number);
        entries.iter().try_for_each(index).map_err(|error| StorageError::damaged(path, error))
    }

    fn put_state(&mut self, state: OrderState) -> Result<(), StorageError> {
        if state != self.written {
            let path = self.folder.path();
            let row = encode_state(path, &state)?;
            self.meta.insert(STATE, row).map_err(|error| sled_error(path, &error))?;
            self.written = state;
        }
        Ok(())
    }

    /// Cuts the log, a bounded piece at a time from its end, so that a crash leaves a dense log.
    fn truncate_above(&mut self, above: OrderNumber) -> Result<(), StorageError> {
        const ROWS: usize = 16;
        let path = self.folder.path().to_path_buf();
        let read =
            |number| self.reader.entry(number).map_err(|error| StorageError::damaged(&path, error));
        let position = match read(above)? {
            Some(entry) => entry.position(),
            None => Position::ORIGIN,
        };
        if self.mark.last().number > above {
            self.mark.put(Mark::of(&position, self.state.promise))?;
        }
        let failed = |error: sled::Error| sled_error(&path, &error);
        loop {
            let (mut rows, mut entries) = (Vec::new(), Vec::new());
            for row in self.reader.orders.range(order_key(above.next())..).rev().take(ROWS) {
                let (key, record) = row.map_err(failed)?;
                let row = read_row(&key, &record);
                entries.extend(row.map_err(|error| StorageError::damaged(&path, error))?);
                rows.push(key);
            }
            if rows.is_empty() {
                break;
            }
            // The row in which the log is cut keeps its beginning.
            let (kept, cut): (Vec<_>, Vec<_>) =
                entries.into_iter().partition(|entry| entry.number <= above);
            let kept = rows_of(&kept).map_err(|error| StorageError::damaged(&path, error))?;
            let done = self.reader.orders.transaction(|orders| {
                for key in &rows {
                    orders.remove(key)?;
                }
                for (key, record) in &kept {
                    orders.insert(key, record.as_slice())?;
                }
                Ok::<_, ConflictableTransactionError<()>>(())
            });
            done.map_err(|error| transaction_error(&path, &error))?;
            for Entry { number, purchase, .. } in &cut {
                self.reader.keys.remove(&purchase.key, *number);
            }
            self.folder.sync()?;
        }
        self.last = position;
        Ok(())
    }
}

/// Adds orders to a database that is being made; returns where its log stands then.
fn insert(
    path: &Path,
    reader: &OrderReader,
    mut last: Position,
    entries: &[Entry],
) -> Result<Position, StorageError> {
    for entry in entries {
        if !entry.follows(&last) {
            let what = format!("order {} does not follow order {}", entry.number, last.number);
            return Err(StorageError::damaged(path, what));
        }
        last = entry.position();
    }
    put_rows(path, reader, entries)?;
    for entry in entries {
        reader.add_new(entry).map_err(|error| StorageError::damaged(path, error))?;
    }
    Ok(last)
}

/// Writes orders row by row: sled frees the pages that it replaces as fast as it is called, and a
/// batch is one call; a transaction would cost two more writes to the disk, and its threads two more
/// calls.
fn put_rows(path: &Path, reader: &OrderReader, entries: &[Entry]) -> Result<(), StorageError> {
    for (key, record) in rows_of(entries).map_err(|error| StorageError::damaged(path, error))? {
        reader.orders.insert(key, record).map_err(|error| sled_error(path, &error))?;
    }
    Ok(())
}

fn encode_state(path: &Path, state: &OrderState) -> Result<Vec<u8>, StorageError> {
    toystore_codec::encode(STATE_VERSION, state).map_err(|error| StorageError::damaged(path, error))
}

fn read_state(path: &Path, meta: &sled::Tree) -> Result<OrderState, StorageError> {
    let row = guarded(path, || meta.get(STATE).map_err(|error| sled_error(path, &error)))?
        .ok_or_else(|| StorageError::damaged(path, "its state is missing"))?;
    toystore_codec::decode(STATE_VERSION, &row)
        .map_err(|error| StorageError::damaged(path, format!("its state: {error}")))
}

fn check_mark(
    path: &Path,
    mark: &Mark,
    reader: &OrderReader,
    state: &OrderState,
) -> Result<(), StorageError> {
    let number = mark.number;
    let chain = match number {
        OrderNumber::ZERO => Some(Position::ORIGIN.chain),
        _ => reader
            .entry(number)
            .map_err(|error| StorageError::damaged(path, error))?
            .map(|entry| entry.chain),
    };
    let what = match chain {
        None => format!("it was rolled back: order {number} was synced and is gone"),
        Some(chain) if chain != mark.chain => {
            format!("it was rolled back: order {number} is not the one that was synced")
        }
        Some(_) if state.promise < mark.promise => {
            format!("it was rolled back: it promised epoch {}", mark.promise)
        }
        Some(_) => return Ok(()),
    };
    Err(StorageError::damaged(path, what))
}

fn transaction_error(path: &Path, error: &TransactionError<()>) -> StorageError {
    match error {
        TransactionError::Storage(error) => sled_error(path, error),
        TransactionError::Abort(()) => StorageError::damaged(path, "a transaction was aborted"),
    }
}
