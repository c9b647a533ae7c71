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
    // Two front ends may have one address by mistake: a yes of this one for the other's lease would
    // let a change become visible that the other has not heard of.
    match products.cache() {
        Some(cache) if cache.invalidate(&call) => Ok(()),
        _ => Err(Refusal::NoSuchLease),
    }
}
