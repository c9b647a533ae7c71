//! What a front end answers to other processes: invalidations.

use toystore_coherence::messages::Invalidate;
use toystore_domain::Refusal;
use toystore_host::Desk;
use toystore_host::ops::Metrics;

use crate::products::Products;

/// Everything that a front end answers beside its public API.
#[must_use]
pub fn desk(products: &Products, metrics: Metrics) -> Desk {
    Desk::new(metrics).on(products, invalidate)
}

async fn invalidate(products: Products, call: Invalidate) -> Result<(), Refusal> {
    if let Some(cache) = products.cache() {
        cache.invalidate(&call);
    }
    Ok(())
}
