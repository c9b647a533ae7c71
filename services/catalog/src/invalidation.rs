//! Telling every lease holder that may keep what changes, or waiting its lease out.

use std::sync::Arc;

use tokio::task::JoinSet;
use toystore_authority::Database;
use toystore_coherence::Holder;
use toystore_coherence::grants::Changes;
use toystore_coherence::messages::Invalidate;
use toystore_host::ambient::{self, boot_millis, sleep_until_millis};
use toystore_host::limits::INVALIDATE_TIMEOUT;
use toystore_host::{Address, CallError, Caller, trace};
use toystore_mutants::{Mutant, broken};

use crate::shelf::Shelf;

/// Returns when no front end can answer with the old value any more. The products must be hidden
/// before: a lease granted later cannot cache them.
pub async fn invalidate<D: Database + Send + Sync + 'static>(
    shelf: Arc<Shelf<D>>,
    caller: Caller,
    changes: Changes,
) {
    let _timed = shelf.counts.telling(changes.len());
    let to_tell = shelf.grants().to_tell(&changes, boot_millis());
    let mut told = JoinSet::new();
    for (holder, products) in to_tell {
        let (shelf, caller) = (shelf.clone(), caller.clone());
        let tell = async move { tell(&shelf, &caller, holder, products).await };
        ambient::spawn(&mut told, trace::carry(tell));
    }
    // A panic of one is one of all: the change must not become visible.
    told.join_all().await;
}

async fn tell<D: Database>(shelf: &Shelf<D>, caller: &Caller, holder: Holder, products: Changes) {
    let call = Invalidate { session: holder.session, products };
    let why = match holder.address.parse::<Address>() {
        Ok(address) => match caller.call(&address, &call, INVALIDATE_TIMEOUT).await {
            Ok(()) => return,
            // Another front end is there: one that was started again, or has the same address.
            Err(CallError::Refused(409)) => "the lease is not held there".to_owned(),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    };
    // No renewal from now on; what was granted before runs out by itself.
    let Some(holder) = shelf.grants().revoke(holder.session) else { return };
    shelf.counts.revoked.inc();
    tracing::warn!(front_end = %holder.address, why, "was not told; waiting for its lease to end");
    if !broken(Mutant::DropLeaseAtOnce) {
        sleep_until_millis(holder.until).await;
    }
}
