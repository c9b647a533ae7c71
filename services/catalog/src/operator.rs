//! The unclean choice: an operator lets a replica lead that may miss acknowledged orders.

use toystore_authority::messages::{ForceLeader as ForceLeaderCall, Forced};
use toystore_host::CallError;
use toystore_host::limits::CATALOG_CALL_TIMEOUT;
use toystore_replication::ReplicaId;

use crate::CatalogError;
use crate::options::ForceLeader;

/// Why the command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The operator did not say that losses are accepted.
    #[error(
        "this can lose acknowledged orders for good: start the replicas that are in sync instead \
         (scripts/status.sh names them), or repeat with --accept-lost-orders"
    )]
    NotAccepted,
    /// The catalog does not answer.
    #[error("the catalog at {0} does not answer: {1}")]
    Catalog(String, CallError),
    /// The replica does not answer.
    #[error("replica {0} does not answer the catalog; start it first")]
    Unreachable(ReplicaId),
    /// There is nothing to force yet.
    #[error("the store has had no leader yet; start every replica")]
    NoView,
}

/// Carries the command out at the running catalog.
///
/// # Errors
/// Says why not.
pub async fn force_leader(options: ForceLeader) -> Result<(), CatalogError> {
    if !options.accept_lost_orders {
        return Err(OperatorError::NotAccepted.into());
    }
    let (_, caller) = options.token.caller(&options.tls)?;
    let call = ForceLeaderCall { replica: options.replica };
    let forced = caller.call(&options.catalog.catalog, &call, CATALOG_CALL_TIMEOUT).await;
    let catalog = options.catalog.catalog.to_string();
    match forced.map_err(|error| OperatorError::Catalog(catalog, error))? {
        Forced::Done(view) => {
            println!("replica {} leads alone in epoch {}", view.leader.id, view.epoch);
            Ok(())
        }
        Forced::Unreachable => Err(OperatorError::Unreachable(options.replica).into()),
        Forced::NoView => Err(OperatorError::NoView.into()),
    }
}
