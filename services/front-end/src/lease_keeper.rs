//! Keeping the lease: renewed at a third of its length, counted from when a renewal was sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use toystore_coherence::Renewal;
use toystore_coherence::messages::RenewLease;
use toystore_host::ambient::boot_millis;
use toystore_host::limits::{HEALTH_TIMEOUT, LEASE};
use toystore_host::{Address, CallError, Shutdown};
use toystore_mutants::{Mutant, broken};

use crate::cache::ProductCache;
use crate::peers::Peers;

/// Pause after a renewal that failed at once.
const FAILED_PAUSE: Duration = Duration::from_millis(50);

/// Renews the lease until `shutdown`. The catalog invalidates at `address`.
pub async fn keep(
    cache: Arc<ProductCache>,
    peers: Peers,
    address: Address,
    mut shutdown: Shutdown,
) {
    let renewing = async {
        // How long leases are is the catalog's affair; until it says so, the usual length.
        let mut third = LEASE / 3;
        loop {
            match renew(&cache, &peers, &address, third.max(HEALTH_TIMEOUT)).await {
                Ok(millis) => {
                    third = Duration::from_millis(millis) / 3;
                    sleep(third).await;
                }
                Err(error) => {
                    tracing::debug!(%error, "the lease was not renewed");
                    sleep(FAILED_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = shutdown.requested() => {}
        () = renewing => {}
    }
}

/// Renews once; how long the lease runs, in milliseconds.
async fn renew(
    cache: &ProductCache,
    peers: &Peers,
    address: &Address,
    timeout: Duration,
) -> Result<u64, CallError> {
    let call = RenewLease { address: address.to_string(), session: cache.session() };
    let sent = boot_millis();
    let granted = peers.catalog(&call, timeout).await?;
    let sent = if broken(Mutant::LeaseFromAnswer) { boot_millis() } else { sent };
    if cache.granted(granted, sent) == Renewal::Started {
        cache.counts().sessions.inc();
        tracing::info!(session = granted.session.0, "a lease begins, with an empty cache");
    }
    Ok(granted.millis.max(1))
}
