//! The processes this one talks to: the catalog and the order replicas.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use toystore_host::limits::HEALTH_TIMEOUT;
use toystore_host::{Address, Call, CallError, Caller, ClusterConfig};
use toystore_replication::ReplicaId;
use toystore_replication::choice::Health;
use toystore_replication::messages::Status;

/// Everyone a front end calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Peers {
    caller: Caller,
    places: Arc<Places>,
}

/// Where they listen.
#[derive(Debug)]
struct Places {
    catalog: Address,
    cluster: ClusterConfig,
}

impl Peers {
    /// The catalog and the replicas, called with `caller`.
    #[must_use]
    pub fn new(caller: Caller, catalog: Address, cluster: ClusterConfig) -> Self {
        Self { caller, places: Arc::new(Places { catalog, cluster }) }
    }

    /// Where the catalog listens.
    #[must_use]
    pub fn catalog_address(&self) -> &Address {
        &self.places.catalog
    }

    /// The configured replicas.
    #[must_use]
    pub fn cluster(&self) -> &ClusterConfig {
        &self.places.cluster
    }

    /// Asks the catalog.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn catalog<C: Call>(
        &self,
        call: &C,
        timeout: Duration,
    ) -> Result<C::Reply, CallError> {
        self.caller.call(&self.places.catalog, call, timeout).await
    }

    /// Asks a replica; one that is not configured is not reachable.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn replica<C: Call>(
        &self,
        id: ReplicaId,
        call: &C,
        timeout: Duration,
    ) -> Result<C::Reply, CallError> {
        match self.places.cluster.address(id) {
            Some(address) => self.caller.call(address, call, timeout).await,
            None => Err(CallError::NotSent),
        }
    }

    /// Asks every replica at once how it is; those that do not answer in time are left out.
    pub async fn statuses(&self) -> BTreeMap<ReplicaId, Health> {
        self.statuses_of(self.places.cluster.replicas.keys()).await
    }

    /// The same of these replicas.
    pub async fn statuses_of<'a>(
        &self,
        ids: impl Iterator<Item = &'a ReplicaId>,
    ) -> BTreeMap<ReplicaId, Health> {
        let asked = ids.map(|id| async {
            let health = self.replica(*id, &Status, HEALTH_TIMEOUT).await.ok()?;
            // A replica that listens at another's address must not be taken for it.
            (health.member.id == *id).then_some((*id, health))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}
