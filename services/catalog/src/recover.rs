//! Rebuilding a lost catalog from the replicas.
//!
//! The most complete log leads: the one that agreed with a leader in the latest epoch, and among
//! those the one with the latest last entry. It holds every acknowledged order when every replica
//! answers, because one of them was in sync. What it holds counts as sold; the others catch up.

use std::collections::BTreeMap;

use toystore_domain::{Books, OrderNumber, ProductName, stock};
use toystore_host::limits::{CALL_TIMEOUT, LEASE_MAX};
use toystore_host::{Address, CallError};
use toystore_replication::choice::Health;
use toystore_replication::messages::{ExportOrders, Status};
use toystore_replication::{ClusterId, Entry, Epoch, ReplicaId, Revision, View};
use toystore_storage::CatalogStore;
use toystore_storage::catalog::Content;

use crate::CatalogError;
use crate::options::Recover;
use crate::seed;

/// Why the catalog cannot be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// A replica does not answer; it may be the one with the latest orders.
    #[error("replica {0} at {1} does not answer ({2}); every replica is needed, start it")]
    Silent(ReplicaId, Address, CallError),
    /// Replicas of different stores.
    #[error("the replicas do not belong to one store")]
    Mixed,
    /// No replica was ever part of a store.
    #[error("the replicas are empty; start the catalog on a new folder instead")]
    Empty,
    /// The log has a product that the file lacks.
    #[error("{0} was sold but is not among the products; add a line for it")]
    UnknownProduct(ProductName),
    /// The books do not take what was sold.
    #[error("more of {0} was sold than books can hold")]
    Overflow(ProductName),
}

/// Rebuilds the catalog's database in a new folder.
///
/// # Errors
/// Says what is missing.
pub async fn recover(options: Recover) -> Result<(), CatalogError> {
    let mut products: BTreeMap<_, _> =
        seed::read(&options.database.products)?.into_iter().collect();
    let (_, caller) = options.token.caller(&options.tls)?;
    let mut healths = Vec::new();
    for (id, address) in &options.cluster.replicas.replicas {
        let health = caller.call(address, &Status, CALL_TIMEOUT).await;
        let silent = |error| RecoverError::Silent(*id, address.clone(), error);
        healths.push((address, health.map_err(silent)?));
    }
    let cluster = cluster(healths.iter().map(|(_, health)| health))?;
    let best = healths.iter().max_by_key(|(_, h)| (h.mark, h.last.epoch, h.last.number));
    let (address, leader) = best.ok_or(RecoverError::Empty)?;
    let mut last = OrderNumber::ZERO;
    loop {
        let page = caller.call(address, &ExportOrders { after: last }, CALL_TIMEOUT).await;
        let id = leader.member.id;
        let page = page.map_err(|error| RecoverError::Silent(id, (*address).clone(), error))?;
        page.entries.iter().try_for_each(|entry| sell(&mut products, entry))?;
        last = page.entries.last().map_or(last, |entry| entry.number);
        if !page.more {
            break;
        }
    }
    let promised = healths.iter().map(|(_, h)| h.promise).max().unwrap_or_default();
    let seen = healths.iter().filter_map(|(_, h)| h.view.as_ref().map(|view| view.revision)).max();
    let view = View {
        cluster,
        // Later than every epoch that a replica may have heard of.
        epoch: Epoch(promised.0 + 2),
        revision: Revision(seen.unwrap_or_default().0 + 2),
        leader: leader.member,
        in_sync: vec![leader.member],
    };
    let products: Vec<_> = products.into_iter().collect();
    let content = Content {
        cluster,
        view: Some(&view),
        products: &products,
        reservations: &[],
        restocks: &[],
        // Front ends may still answer from what they cached of the lost catalog.
        lease_millis: u64::try_from(LEASE_MAX.as_millis()).unwrap_or(u64::MAX),
    };
    CatalogStore::create_with(&options.database.data, &content)?;
    println!(
        "rebuilt {} from replica {} with {} orders; start the catalog now",
        options.database.data.display(),
        leader.member.id,
        last
    );
    Ok(())
}

fn cluster<'a>(healths: impl Iterator<Item = &'a Health>) -> Result<ClusterId, RecoverError> {
    let mut clusters: Vec<_> = healths.filter_map(|health| health.cluster).collect();
    clusters.dedup();
    match clusters[..] {
        [cluster] => Ok(cluster),
        [] => Err(RecoverError::Empty),
        _ => Err(RecoverError::Mixed),
    }
}

/// Books one order as sold, adding stock where the store must have restocked.
fn sell(products: &mut BTreeMap<ProductName, Books>, entry: &Entry) -> Result<(), RecoverError> {
    let name = &entry.purchase.product;
    let books = products.get_mut(name).ok_or_else(|| RecoverError::UnknownProduct(name.clone()))?;
    let overflow = || RecoverError::Overflow(name.clone());
    let quantity = entry.purchase.quantity;
    let missing = quantity.get().saturating_sub(books.stock);
    if missing > 0 {
        // The ledger of restocks is lost: what came in is booked as the operator's adjustment.
        let stock = books.stock + missing.next_multiple_of(stock::RESTOCK_TO);
        stock::adjust(books, None, Some(stock)).map_err(|_| overflow())?;
    }
    stock::reserve(books, quantity).map_err(|_| overflow())?;
    stock::settle(books, quantity).map_err(|_| overflow())
}
