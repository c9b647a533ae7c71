//! An order replica: its state, and its log from the first order to the last.

use std::vec::IntoIter;

use toystore_domain::OrderNumber;
use toystore_replication::choice::Health;
use toystore_replication::{Entry, Position, ReplicaId, StoreId};
use toystore_storage::mark::Mark;
use toystore_storage::salvage::{Salvage, Tree};
use toystore_storage::schema::{OrderState, STATE, STATE_VERSION, order_key, read_row};
use toystore_storage::{OrderStore, StorageError};

use crate::portable::Dump;
use crate::service::Link;
use crate::source::Stop;

/// Orders read at once from a folder.
const PAGE: usize = 1000;
/// Rows read at once from a damaged folder.
const ROWS: usize = 16;

/// An order replica.
pub struct Orders {
    /// What to call it.
    pub name: String,
    /// Its number.
    pub id: ReplicaId,
    /// Its database.
    pub store: StoreId,
    /// Its state beside the log; none where it cannot be read.
    pub state: Option<OrderState>,
    /// The synced high-water mark, of a folder where it can be read.
    pub synced: Option<Mark>,
    /// Bytes on disk, of a folder.
    pub size: Option<u64>,
    /// What it does, of a running one.
    pub role: Option<String>,
    /// Why a service would not open it.
    pub damage: Option<String>,
    /// Where its orders are.
    pub log: Log,
}

/// Where orders are.
pub enum Log {
    /// In a folder that opened as a service opens it.
    Sound(Box<OrderStore>),
    /// In a damaged folder, where sled opens it at all.
    Damaged(Option<Salvage>),
    /// At a running replica; orders above its commit number may still change.
    Service(Link, OrderNumber),
    /// In a dump.
    Portable(Box<Dump>),
}

impl Orders {
    /// A replica's folder.
    #[must_use]
    pub fn in_folder(
        id: ReplicaId,
        store: StoreId,
        size: u64,
        synced: Option<Mark>,
        log: Log,
        damage: Option<String>,
    ) -> Self {
        let state = match &log {
            Log::Sound(store) => Some(*store.state()),
            Log::Damaged(Some(salvage)) => read_state(salvage).ok(),
            Log::Damaged(None) | Log::Service(..) | Log::Portable(_) => None,
        };
        let name = format!("order-{id}");
        Self { name, id, store, state, synced, size: Some(size), role: None, damage, log }
    }

    /// A running replica.
    #[must_use]
    pub fn at_service(link: Link, health: &Health) -> Self {
        let state = OrderState {
            cluster: health.cluster,
            incarnation: health.member.incarnation,
            promise: health.promise,
            mark: health.mark,
            commit: health.commit,
        };
        Self {
            name: format!("order-{}", health.member.id),
            id: health.member.id,
            store: health.member.store,
            state: Some(state),
            synced: None,
            size: None,
            role: Some(health.role.to_string()),
            damage: None,
            log: Log::Service(link, health.commit),
        }
    }

    /// A replica's log and state in a dump.
    #[must_use]
    pub fn in_dump(id: ReplicaId, store: StoreId, state: OrderState, dump: Dump) -> Self {
        let (name, state, size) = (format!("order-{id}"), Some(state), Some(dump.size()));
        let log = Log::Portable(Box::new(dump));
        Self { name, id, store, state, synced: None, size, role: None, damage: None, log }
    }

    /// The orders above `after`, each checked against the one before it.
    #[must_use]
    pub fn entries(&self, after: OrderNumber) -> Entries<'_> {
        let page = Vec::new().into_iter();
        // The order before the first one wanted is read too: the chain starts there.
        let start = (after != OrderNumber::ZERO).then_some(after);
        let last = Position { number: after.previous(), ..Position::ORIGIN };
        Entries { orders: self, page, last, start, stop: None, ended: false }
    }

    /// A page of the log, and why there is no next one.
    fn page(&self, after: OrderNumber) -> (Vec<Entry>, Option<Next>) {
        match &self.log {
            Log::Sound(store) => match store.reader().page(after, PAGE) {
                Ok(entries) if entries.len() < PAGE => (entries, Some(Next::End)),
                Ok(entries) => (entries, None),
                Err(error) => (Vec::new(), Some(Next::Stop(Stop::Damaged(error.to_string())))),
            },
            Log::Damaged(Some(salvage)) => salvaged(salvage, after),
            Log::Damaged(None) => {
                let what = self.damage.clone().unwrap_or_default();
                (Vec::new(), Some(Next::Stop(Stop::Damaged(what))))
            }
            Log::Service(link, _) => match link.orders(after) {
                Ok(page) if page.member.store != self.store => {
                    let error = link.changed("it has another database now");
                    (Vec::new(), Some(Next::Stop(error.into())))
                }
                Ok(page) => {
                    let end = !page.more || page.entries.is_empty();
                    (page.entries, end.then_some(Next::End))
                }
                Err(error) => (Vec::new(), Some(Next::Stop(error.into()))),
            },
            Log::Portable(dump) => match dump.page(after) {
                Ok(orders) if orders.is_empty() => (orders, Some(Next::End)),
                Ok(orders) => (orders, None),
                Err(fault) => (Vec::new(), Some(Next::Stop(Stop::Damaged(fault.to_string())))),
            },
        }
    }

    /// What it means that `entry` does not follow the one before it.
    fn broken(&self, entry: &Entry, last: &Position) -> Stop {
        let expected = last.number.next();
        match &self.log {
            // A tail that is not committed may be cut while it is read.
            Log::Service(link, commit) if expected > *commit => {
                link.changed("orders that were not committed are gone").into()
            }
            _ if entry.number != expected => Stop::Damaged(format!(
                "order {expected} is missing: {} follows {}",
                entry.number, last.number
            )),
            _ => Stop::Damaged(format!(
                "order {expected} does not follow the one before it: its hash does not fit"
            )),
        }
    }
}

/// Why there is no further page.
enum Next {
    End,
    Stop(Stop),
}

/// The orders of a log, in order. After an error there is nothing more.
pub struct Entries<'a> {
    orders: &'a Orders,
    page: IntoIter<Entry>,
    last: Position,
    /// This one is only read to know what its successor has to follow.
    start: Option<OrderNumber>,
    /// What comes after the page.
    stop: Option<Next>,
    ended: bool,
}

impl Entries<'_> {
    fn read(&mut self) -> Option<Result<Entry, Stop>> {
        loop {
            if let Some(entry) = self.page.next() {
                return Some(Ok(entry));
            }
            match self.stop.take() {
                Some(Next::End) => return None,
                Some(Next::Stop(stop)) => return Some(Err(stop)),
                None => {
                    let (page, stop) = self.orders.page(self.last.number);
                    self.page = page.into_iter();
                    self.stop = stop;
                }
            }
        }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let entry = match self.read() {
                Some(Ok(entry)) => entry,
                other => {
                    self.ended = true;
                    return other;
                }
            };
            if self.start.take() == Some(entry.number) {
                self.last = entry.position();
                continue;
            }
            if !entry.follows(&self.last) {
                self.ended = true;
                return Some(Err(self.orders.broken(&entry, &self.last)));
            }
            self.last = entry.position();
            return Some(Ok(entry));
        }
        None
    }
}

fn salvaged(salvage: &Salvage, after: OrderNumber) -> (Vec<Entry>, Option<Next>) {
    let from = order_key(after);
    let after_key = (after != OrderNumber::ZERO).then_some(from.as_slice());
    let (rows, stopped) = salvage.rows(Tree::Orders, after_key, ROWS);
    let full = rows.len() == ROWS;
    let mut entries = Vec::new();
    for (key, record) in rows {
        match read_row(&key, &record) {
            Ok(row) => entries.extend(row.into_iter().filter(|entry| entry.number > after)),
            Err(error) => return (entries, Some(Next::Stop(Stop::Damaged(error.to_string())))),
        }
    }
    let next = match stopped {
        Some(error) => Some(Next::Stop(error.into())),
        None => (!full).then_some(Next::End),
    };
    (entries, next)
}

/// Decodes the row of state.
///
/// # Errors
/// It is missing or damaged.
pub fn read_state(salvage: &Salvage) -> Result<OrderState, String> {
    let row = salvage.row(Tree::Meta, STATE).map_err(|error| short(&error))?;
    let row = row.ok_or("its row of state is missing")?;
    toystore_codec::decode(STATE_VERSION, &row).map_err(|error| format!("its state: {error}"))
}

/// What is damaged, without the name of the private copy it was found in.
#[must_use]
pub fn short(error: &StorageError) -> String {
    match error {
        StorageError::Damaged { what, .. } => what.clone(),
        other => other.to_string(),
    }
}
