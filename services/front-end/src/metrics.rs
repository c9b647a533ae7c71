//! What a front end adds to the metrics that every process has.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use toystore_host::ops::Metrics;
use toystore_host::scrape::Page;

use crate::cache::ProductCache;
use crate::leader::Leadership;
use crate::parts::Parts;

/// Registers the cache's counts, and gauges that are read at each scrape.
pub fn register(metrics: &Metrics, parts: &Parts) {
    let (leadership, cache) = (parts.relay.shared_leadership(), parts.products.cache().cloned());
    metrics.register(|registry| {
        if let Some(cache) = &cache {
            let counts = cache.counts();
            for (name, help, counter) in [
                ("cache_hits", "Look-ups answered from the cache", &counts.hits),
                ("cache_misses", "Look-ups sent on to the catalog", &counts.misses),
                ("cache_invalidations", "Products invalidated", &counts.invalidations),
                ("lease_sessions", "Leases begun, each with an empty cache", &counts.sessions),
            ] {
                registry.register(name, help, counter.clone());
            }
        }
        registry.register_collector(Box::new(Gauges { leadership, cache }));
    });
}

#[derive(Debug)]
struct Gauges {
    leadership: Arc<Leadership>,
    cache: Option<Arc<ProductCache>>,
}

impl Collector for Gauges {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let (mut page, known) = (Page::from(encoder), self.leadership.known());
        let leader = known.view.as_ref().map_or(0, |view| view.leader.id.0);
        let in_sync = known.view.as_ref().map_or(0, |view| view.in_sync.len());
        let of = |read: fn(&ProductCache) -> u64| self.cache.as_deref().map_or(0, read);
        page.gauges([
            ("epoch", "The epoch known; 0 before the first leader", known.epoch().0),
            ("leader", "The id of the leader known; 0 for none", u64::from(leader)),
            ("in_sync_replicas", "Replicas that acknowledge each order", in_sync as u64),
            ("ready", "Whether orders can be placed", u64::from(known.ready().is_ok())),
            ("catalog_up", "Whether the catalog answered", u64::from(known.catalog)),
            ("cache_entries", "Products in the cache", of(ProductCache::entries)),
            ("lease_held", "Whether the cache may answer", of(leased)),
        ])
    }
}

fn leased(cache: &ProductCache) -> u64 {
    u64::from(cache.valid_session().is_some())
}
