//! Telling every lease holder of a change, or waiting its lease out.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use toystore_authority::Database;
use toystore_coherence::Holder;
use toystore_coherence::messages::Invalidate;
use toystore_domain::{ProductName, Version};
use toystore_host::clock::boot_millis;
use toystore_host::limits::INVALIDATE_TIMEOUT;
use toystore_host::{Address, Caller};

use crate::shelf::Shelf;

/// Returns when no front end can answer with the old value any more. The products must be hidden
/// before: a lease granted later cannot cache them.
pub async fn invalidate<D: Database + Send + Sync + 'static>(
    shelf: Arc<Shelf<D>>,
    caller: Caller,
    products: Vec<(ProductName, Version)>,
) {
    let holders = shelf.grants().holders(boot_millis());
    let mut told = JoinSet::new();
    for holder in holders {
        let (shelf, caller, products) = (shelf.clone(), caller.clone(), products.clone());
        told.spawn(async move { tell(&shelf, &caller, holder, products).await });
    }
    while told.join_next().await.is_some() {}
}

async fn tell<D: Database>(
    shelf: &Shelf<D>,
    caller: &Caller,
    holder: Holder,
    products: Vec<(ProductName, Version)>,
) {
    let call = Invalidate { session: holder.session, products };
    if let Ok(address) = holder.address.parse::<Address>()
        && caller.call(&address, &call, INVALIDATE_TIMEOUT).await.is_ok()
    {
        return;
    }
    // No renewal from now on; what was granted before runs out by itself.
    let Some(holder) = shelf.grants().revoke(holder.session) else { return };
    tracing::warn!(front_end = %holder.address, "does not answer; waiting for its lease to end");
    let left = holder.until.saturating_sub(boot_millis());
    tokio::time::sleep(Duration::from_millis(left)).await;
}
