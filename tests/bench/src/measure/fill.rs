//! Orders put into the databases of replicas that do not run: what would take hours to buy.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_replication::{Entry, Epoch, Position, ReplicaId, Write};
use toystore_storage::OrderStore;
use toystore_storage::folder::copy;
use toystore_storage::schema::OrderState;
use toystore_tests::store::{PRODUCTS, Store, order};

/// Orders in one write.
const BATCH: u64 = 5000;
/// How long a store with very many orders may take to start.
const LONG: Duration = Duration::from_secs(600);

/// The order of this number, bought by one of many customers under a key like theirs.
fn purchase(number: OrderNumber) -> Option<Purchase> {
    let (customer, bought) = (number.0 % 64, number.0 / 64);
    let product = PRODUCTS[(number.0 % PRODUCTS.len() as u64) as usize];
    Some(Purchase {
        key: OrderKey::new(&format!("{:016x}-{customer}-{bought}", u64::MAX))?,
        product: ProductName::new(product)?,
        quantity: Quantity::new(1)?,
    })
}

/// Entries that follow a position, up to this many.
pub fn entries(after: &Position, epoch: Epoch, count: u64) -> Result<Vec<Entry>> {
    let mut last = *after;
    let entry = |_| {
        let purchase = purchase(last.number.next()).context("a purchase")?;
        let entry = Entry::after(&last, epoch, purchase);
        last = entry.position();
        Ok(entry)
    };
    (0..count).map(entry).collect()
}

/// Adds committed orders to one database until it has so many.
pub fn fill(folder: &Path, id: ReplicaId, orders: u64) -> Result<()> {
    let mut store = OrderStore::open(folder, id)?;
    let state = *store.state();
    while store.last().number.0 < orders {
        let count = BATCH.min(orders - store.last().number.0);
        let entries = entries(&store.last(), state.promise, count)?;
        let commit = OrderNumber(store.last().number.0 + count);
        let (cluster, promise, mark) = (state.cluster, state.promise, state.mark);
        let write = Write { truncate_above: None, entries, cluster, promise, mark, commit };
        store.apply(vec![write])?;
    }
    Ok(store.raise_mark()?)
}

/// The same for replicas of a store that were in sync when they stopped. One is filled; the others
/// get a copy of its content, which differs in nothing, under their own FORMAT.
pub fn fill_all(store: &Store, replicas: &[u8], orders: u64) -> Result<()> {
    let folder = |id: &u8| store.data(&order(*id));
    let content = |id: &u8| -> Result<(OrderState, Position)> {
        let database = OrderStore::open(&folder(id), ReplicaId(*id))?;
        // How much is known to be committed is all that replicas in sync may differ in.
        let state = OrderState { commit: OrderNumber::ZERO, ..*database.state() };
        Ok((state, database.last()))
    };
    let contents = replicas.iter().map(content).collect::<Result<Vec<_>>>()?;
    ensure!(contents.windows(2).all(|pair| pair[0] == pair[1]), "the replicas are not in sync");
    let Some((first, others)) = replicas.split_first() else { return Ok(()) };
    fill(&folder(first), ReplicaId(*first), orders)?;
    for other in others {
        fs::remove_dir_all(folder(other).join("sled"))?;
        copy(&folder(first).join("sled"), &folder(other).join("sled"))?;
        fs::copy(folder(first).join("MARK"), folder(other).join("MARK"))?;
    }
    Ok(())
}

/// Starts processes of a store that has very much to read, and waits until orders are taken and
/// all of its replicas that run are in sync.
pub fn start(store: &mut Store, names: &[String]) -> Result<()> {
    names.iter().for_each(|name| store.run(name));
    let replicas = names.iter().filter(|name| name.starts_with("order-")).count();
    let deadline = Instant::now() + LONG;
    while !takes_orders_with(store, replicas) {
        ensure!(Instant::now() < deadline, "the store is not ready after {LONG:?}");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn takes_orders_with(store: &Store, replicas: usize) -> bool {
    let ready = store.get(1, "/readyz").is_ok_and(|(status, _)| status == 200);
    let in_sync = store.cluster(1).and_then(|cluster| Some(cluster["in_sync"].as_array()?.len()));
    ready && in_sync == Some(replicas)
}

/// Stops all processes of a store that run, each as it should be.
pub fn stop(store: &mut Store) {
    for name in store.names().into_iter().rev() {
        if store.runs(&name) {
            store.terminate(&name);
        }
    }
}
