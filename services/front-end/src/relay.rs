//! Asking the leader: by itself, or through a follower when it cannot be reached from here.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use toystore_host::retry::{Backoff, RetryBudget};
use toystore_host::{Call, CallError};
use toystore_replication::messages::{
    Forward, Forwarded, ListOrders, OrderReply, PlaceOrder, ReadOrder,
};
use toystore_replication::{ClusterId, Epoch, ReplicaId, View};

use crate::leader::{Known, Leadership, Reach};
use crate::peers::Peers;
use crate::shipping::Shipping;

/// A call that a follower passes on.
pub trait Relayed: Call {
    /// As the follower gets it.
    fn forward(self) -> Forward;
    /// The leader's answer, if it is one to this kind of call.
    fn answer(forwarded: Forwarded) -> Option<Self::Reply>;
    /// Asks the leader itself.
    fn direct(
        self,
        relay: &Relay,
        leader: ReplicaId,
        timeout: Duration,
    ) -> impl Future<Output = Result<Self::Reply, CallError>> + Send;
}

macro_rules! relayed {
    ($($call:ty: $variant:ident by $direct:path;)*) => {
        $(impl Relayed for $call {
            fn forward(self) -> Forward {
                Forward::$variant(self)
            }
            fn answer(forwarded: Forwarded) -> Option<Self::Reply> {
                match forwarded {
                    Forwarded::$variant(reply) => Some(reply),
                    _ => None,
                }
            }
            async fn direct(
                self,
                relay: &Relay,
                leader: ReplicaId,
                timeout: Duration,
            ) -> Result<Self::Reply, CallError> {
                $direct(relay, leader, self, timeout).await
            }
        })*
    };
}

relayed! {
    PlaceOrder: Order by Relay::ship;
    ReadOrder: Read by Relay::call;
    ListOrders: List by Relay::call;
}

/// The way to the leader of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Whose epoch it is.
    cluster: ClusterId,
    /// The epoch.
    pub epoch: Epoch,
    /// Who leads.
    pub leader: ReplicaId,
    /// The follower that passes calls on.
    via: Option<ReplicaId>,
}

/// Why the leader's answer is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// It certainly did not do it.
    NotDone,
    /// It has more to do than it can, and did not do it.
    Overloaded,
    /// It may have done it.
    Unknown,
}

/// Asks leaders. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Relay {
    leadership: Arc<Leadership>,
    peers: Peers,
    shipping: Arc<Shipping>,
    budget: RetryBudget,
}

impl Relay {
    /// Goes where `leadership` says.
    #[must_use]
    pub fn new(leadership: Arc<Leadership>, peers: Peers) -> Self {
        let shipping = Arc::new(Shipping::new(peers.clone()));
        Self { leadership, peers, shipping, budget: RetryBudget::new() }
    }

    /// What is known about who leads.
    #[must_use]
    pub fn leadership(&self) -> &Leadership {
        &self.leadership
    }

    /// The same, for whoever outlives this.
    #[must_use]
    pub fn shared_leadership(&self) -> Arc<Leadership> {
        Arc::clone(&self.leadership)
    }

    /// Who can be asked.
    #[must_use]
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// What retries of orders at an overloaded leader are paid from.
    #[must_use]
    pub fn budget(&self) -> &RetryBudget {
        &self.budget
    }

    /// Asks the leader of the route's epoch. When another leads, or a silent leader is to be
    /// gone around, it no longer waits: a stopped process holds nobody up.
    ///
    /// # Errors
    /// See [`Missed`]. The leader is doubted then.
    pub async fn ask<C: Relayed>(
        &self,
        route: Route,
        call: C,
        timeout: Duration,
    ) -> Result<C::Reply, Missed> {
        let asked = tokio::select! {
            biased;
            asked = self.send(route, call, timeout) => asked,
            () = self.superseded(route) => Err(Missed::Unknown),
        };
        if asked.is_err() {
            self.leadership.doubt();
        }
        asked
    }

    async fn send<C: Relayed>(
        &self,
        route: Route,
        call: C,
        timeout: Duration,
    ) -> Result<C::Reply, Missed> {
        let Some(via) = route.via else {
            return call.direct(self, route.leader, timeout).await.map_err(missed);
        };
        match self.peers.replica(via, &call.forward(), timeout).await.map_err(missed)? {
            Forwarded::NotSent => Err(Missed::NotDone),
            Forwarded::Unknown => Err(Missed::Unknown),
            forwarded => C::answer(forwarded).ok_or(Missed::Unknown),
        }
    }

    /// Orders go together with others.
    async fn ship(
        &self,
        leader: ReplicaId,
        place: PlaceOrder,
        timeout: Duration,
    ) -> Result<OrderReply, CallError> {
        self.shipping.place(leader, place, timeout).await
    }

    async fn call<C: Call>(
        &self,
        leader: ReplicaId,
        call: C,
        timeout: Duration,
    ) -> Result<C::Reply, CallError> {
        self.peers.replica(leader, &call, timeout).await
    }

    /// Waits until this is no longer the way.
    async fn superseded(&self, taken: Route) {
        let other_way = |known: &Known| {
            let detour = known.reach == Reach::Detour && taken.via.is_none();
            let leads = known.lead().map(|(cluster, epoch, _)| (cluster, epoch));
            leads != Some((taken.cluster, taken.epoch)) || detour
        };
        self.leadership.wait_for(other_way).await;
    }

    /// Waits for other news about the leader than `seen`, at most until `pause` has passed;
    /// whether there are any.
    async fn news(&self, seen: &Known, pause: Duration) -> bool {
        let news = |known: &Known| known.lead() != seen.lead() || known.reach != seen.reach;
        tokio::time::timeout(pause, self.leadership.wait_for(news)).await.is_ok()
    }
}

/// The pauses between tries; news about the leader end one early, and begin the series anew.
#[derive(Debug)]
pub struct Pauses {
    deadline: Instant,
    backoff: Backoff,
}

impl Pauses {
    /// Pauses that all end before `deadline`.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self { deadline, backoff: Backoff::until(deadline) }
    }

    /// Pauses unless there are other news than `seen`; `false` when the time is up.
    pub async fn pause(&mut self, relay: &Relay, seen: &Known) -> bool {
        let Some(pause) = self.backoff.next() else { return false };
        if relay.news(seen, pause).await {
            self.backoff = Backoff::until(self.deadline);
        }
        true
    }
}

/// The way to the leader, if there is one. Different tries take different detours.
#[must_use]
pub fn route(known: &Known, tries: usize) -> Option<Route> {
    let view = known.view.as_ref()?;
    let View { cluster, epoch, leader, .. } = view;
    let direct = Route { cluster: *cluster, epoch: *epoch, leader: leader.id, via: None };
    match known.reach {
        Reach::Nobody => None,
        Reach::Direct => Some(direct),
        Reach::Detour => {
            let followers: Vec<_> =
                view.in_sync_ids().into_iter().filter(|id| *id != view.leader.id).collect();
            // A leader without followers is asked itself; it may be back.
            let via = tries.checked_rem(followers.len()).and_then(|at| followers.get(at).copied());
            Some(Route { via, ..direct })
        }
    }
}

fn missed(error: CallError) -> Missed {
    match error {
        CallError::Refused(503) => Missed::Overloaded,
        error if error.certainly_not_done() => Missed::NotDone,
        _ => Missed::Unknown,
    }
}

/// What is left until `deadline`.
#[must_use]
pub fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// As the protocol counts patience.
#[must_use]
pub fn millis(patience: Duration) -> u32 {
    u32::try_from(patience.as_millis()).unwrap_or(u32::MAX)
}
