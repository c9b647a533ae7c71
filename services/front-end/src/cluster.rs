//! The state of the cluster, as this front end sees it: for operators.

use std::collections::BTreeMap;

use toystore_coherence::messages::{ReadRestocks, Restocks};
use toystore_domain::api::{
    CacheBody, CatalogBody, ClusterBody, ReplicaBody, RestockBody, RestockedBody,
};
use toystore_host::ClusterConfig;
use toystore_host::limits::HEALTH_TIMEOUT;
use toystore_replication::choice::Health;
use toystore_replication::messages::ReadView;
use toystore_replication::{Member, ReplicaId, View};

use crate::cache::ProductCache;
use crate::leader::Leadership;
use crate::peers::Peers;

/// Asks everyone at once how they are.
pub async fn state(
    peers: &Peers,
    leadership: &Leadership,
    cache: Option<&ProductCache>,
) -> ClusterBody {
    let (read, restocks, healths) = tokio::join!(
        peers.catalog(&ReadView, HEALTH_TIMEOUT),
        peers.catalog(&ReadRestocks, HEALTH_TIMEOUT),
        peers.statuses()
    );
    let healthy = read.is_ok();
    if let Ok(view) = read {
        leadership.read(view);
    }
    let known = leadership.known();
    ClusterBody {
        epoch: known.epoch().0,
        leader: known.view.as_ref().map(|view| view.leader.id.0),
        in_sync: known.view.iter().flat_map(|view| in_sync(view, &healths)).collect(),
        replicas: replicas(peers.cluster(), &healths),
        catalog: CatalogBody { address: peers.catalog_address().to_string(), healthy },
        cache: cache_body(cache),
        restock: restocks.ok().map(restock_body),
    }
}

/// The in-sync set, without those whose database was lost: a new one under the old number is a
/// stranger.
fn in_sync(view: &View, healths: &BTreeMap<ReplicaId, Health>) -> Vec<u8> {
    let lost = |member: &Member| {
        healths.get(&member.id).is_some_and(|health| health.member.store != member.store)
    };
    view.in_sync.iter().filter(|member| !lost(member)).map(|member| member.id.0).collect()
}

fn replicas(config: &ClusterConfig, healths: &BTreeMap<ReplicaId, Health>) -> Vec<ReplicaBody> {
    let body = |(id, address): (&ReplicaId, &toystore_host::Address)| {
        let health = healths.get(id);
        ReplicaBody {
            id: id.0,
            address: address.to_string(),
            healthy: health.is_some(),
            last_order: health.map(|health| health.commit.0),
            role: health.map(|health| health.role.to_string()),
            log_end: health.map(|health| health.last.number.0),
            hash: health.map(|health| health.last.chain.to_string()),
        }
    };
    config.replicas.iter().map(body).collect()
}

fn restock_body(restocks: Restocks) -> RestockBody {
    let Restocks { interval_ms, next_in_ms, sold_out, restocked, latest } = restocks;
    let body = |(name, quantity): (_, u64)| RestockedBody { name: String::from(name), quantity };
    let latest = latest.into_iter().map(body).collect();
    RestockBody { interval_ms, next_in_ms, sold_out, restocked, latest }
}

fn cache_body(cache: Option<&ProductCache>) -> CacheBody {
    let count = |of: fn(&ProductCache) -> u64| cache.map_or(0, of);
    CacheBody {
        enabled: cache.is_some(),
        entries: count(ProductCache::entries),
        hits: count(|cache| cache.counts().hits.get()),
        misses: count(|cache| cache.counts().misses.get()),
        invalidations: count(|cache| cache.counts().invalidations.get()),
    }
}
