//! What a front end adds to the metrics that every process has.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use toystore_host::ops::Metrics;

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
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let known = self.leadership.known();
        let leader = known.view.as_ref().map_or(0, |view| view.leader.id.0);
        let entries = self.cache.as_ref().map_or(0, |cache| cache.entries());
        for (name, help, value) in [
            ("epoch", "The epoch known; 0 before the first leader", known.epoch().0),
            ("leader", "The id of the leader known; 0 for none", u64::from(leader)),
            ("ready", "Whether orders can be placed", u64::from(known.ready().is_ok())),
            ("cache_entries", "Products in the cache", entries),
        ] {
            let gauge = ConstGauge::new(value);
            let kind = gauge.metric_type();
            gauge.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        Ok(())
    }
}
