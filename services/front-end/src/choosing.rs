//! Watching the leader, and choosing another when it does not respond. One task does it.
//!
//! A *round* reads the view, asks every replica how it is, and proposes a leader if the view's
//! does not lead. Between rounds the leader alone is asked at each heartbeat. Whoever misses an
//! answer doubts the leader, which starts a round at once. Other front ends may do the same at
//! the same time: the catalog lets one proposal win, and keeps a leader that answers *it*.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use toystore_authority::messages::{Propose, Proposed};
use toystore_host::ambient::chance;
use toystore_host::fail_point::{self, FailPoint};
use toystore_host::limits::{APPEND_TIMEOUT, CALL_TIMEOUT, HEALTH_TIMEOUT, PROBE_TIMEOUT};
use toystore_host::{CallError, Shutdown, ambient};
use toystore_replication::choice::{Choice, Health, RoleName, choose, choose_again};
use toystore_replication::messages::{ReadView, Status, ViewNotice};
use toystore_replication::view::Proposal;
use toystore_replication::{ReplicaId, View};

use crate::leader::{Leadership, Reach};
use crate::peers::Peers;

/// Least time between two rounds that doubts start.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(25);
/// Pause while nobody leads: half to all of it.
const NOBODY_PAUSE: Duration = Duration::from_millis(100);
/// Pause before the catalog is bothered again about a leader that it keeps.
const KEPT_PAUSE: Duration = Duration::from_millis(500);
/// Between two looks at the catalog while the leader leads.
const CATALOG_INTERVAL: Duration = Duration::from_secs(1);
/// The catalog first asks the leader that would be deposed, then syncs the new view.
const PROPOSE_TIMEOUT: Duration =
    PROBE_TIMEOUT.saturating_add(HEALTH_TIMEOUT).saturating_add(APPEND_TIMEOUT);

/// What a replica is to a view that names it as leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It leads in this epoch; whether it takes orders yet.
    Leads { serving: bool },
    /// It is the process that should lead, and does not know.
    Uninformed,
    /// It is another process than the one that should lead.
    Stranger,
}

fn standing(view: &View, health: &Health) -> Standing {
    if health.member != view.leader {
        return Standing::Stranger;
    }
    let informed = health.view.as_ref().is_some_and(|known| known.epoch == view.epoch);
    match health.role {
        RoleName::Leader if informed => Standing::Leads { serving: true },
        RoleName::TakingOver if informed => Standing::Leads { serving: false },
        _ => Standing::Uninformed,
    }
}

/// How a round ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Round {
    /// The view's leader leads; whether it takes orders yet.
    Led { serving: bool },
    /// The catalog keeps it; whether it leads as far as can be seen from here.
    Kept { led: Option<bool> },
    /// Something changed meanwhile: look again.
    Again,
    /// Nobody may lead now, for this reason.
    Nobody(String),
    /// The catalog does not answer; whether the leader does.
    NoCatalog { led: Option<bool> },
}

/// Watches and chooses.
#[derive(Debug)]
pub struct Chooser {
    leadership: Arc<Leadership>,
    peers: Peers,
    heartbeat: Duration,
    /// Tells followers who leads, while the leader is told.
    telling: Mutex<JoinSet<()>>,
}

impl Chooser {
    /// Tells `leadership` what it finds.
    #[must_use]
    pub fn new(leadership: Arc<Leadership>, peers: Peers, heartbeat: Duration) -> Self {
        Self { leadership, peers, heartbeat, telling: Mutex::default() }
    }

    /// Works until `shutdown`.
    pub async fn run(self, mut shutdown: Shutdown) {
        tokio::select! {
            biased;
            () = shutdown.requested() => {}
            () = self.work() => {}
        }
    }

    async fn work(&self) {
        loop {
            let begun = Instant::now();
            let round = self.round().await;
            self.tell(&round);
            match round {
                Round::Led { .. } => self.watch(begun + BETWEEN_ROUNDS).await,
                Round::Again => sleep(jitter(BETWEEN_ROUNDS)).await,
                Round::Nobody(_) | Round::NoCatalog { .. } => sleep(jitter(NOBODY_PAUSE)).await,
                Round::Kept { .. } => {
                    // A doubt shortens the pause: the way through a follower fails as well.
                    sleep(jitter(NOBODY_PAUSE)).await;
                    let _ = timeout(KEPT_PAUSE, self.leadership.doubted()).await;
                }
            }
        }
    }

    fn tell(&self, round: &Round) {
        self.leadership.update(|known| match round {
            Round::Led { serving } => {
                (known.reach, known.serving, known.trouble) = (Reach::Direct, *serving, None);
            }
            Round::Kept { led } => {
                known.reach = if led.is_some() { Reach::Direct } else { Reach::Detour };
                (known.serving, known.trouble) = (led.unwrap_or(true), None);
            }
            Round::Again => {}
            Round::Nobody(why) => {
                (known.reach, known.serving) = (Reach::Nobody, false);
                known.trouble = Some(why.clone());
            }
            Round::NoCatalog { led } => {
                known.reach = if led.is_some() { Reach::Direct } else { Reach::Nobody };
                (known.serving, known.catalog) = (led.unwrap_or(false), false);
                known.trouble = Some("the catalog does not answer".to_owned());
            }
        });
    }

    async fn round(&self) -> Round {
        let (read, answers) = tokio::join!(self.read_view(), self.peers.statuses());
        let Ok(view) = read else { return self.without_catalog(&answers) };
        if let Some(view) = &view
            && let Some(serving) = self.leads(view, &answers).await
        {
            return Round::Led { serving };
        }
        match self.choose(view.as_ref(), &answers).await {
            Choice::Wait(waiting) => Round::Nobody(waiting.to_string()),
            Choice::Propose(proposal) => self.propose(view.as_ref(), proposal, &answers).await,
        }
    }

    async fn choose(&self, view: Option<&View>, answers: &BTreeMap<ReplicaId, Health>) -> Choice {
        let configured: Vec<_> = self.peers.cluster().replicas.keys().copied().collect();
        let choice = choose(view, &configured, answers);
        match (&choice, view) {
            (Choice::Propose(Proposal { unfit, .. }), Some(view)) if !unfit.is_empty() => {
                let again = self.peers.statuses_of(unfit.iter()).await;
                choose_again(view, answers, unfit, again)
            }
            _ => choice,
        }
    }

    async fn read_view(&self) -> Result<Option<View>, CallError> {
        let view = self.peers.catalog(&ReadView, CALL_TIMEOUT).await?;
        Ok(self.leadership.read(view))
    }

    fn without_catalog(&self, answers: &BTreeMap<ReplicaId, Health>) -> Round {
        let led = self.leadership.known().view.and_then(|view| {
            match standing(&view, answers.get(&view.leader.id)?) {
                Standing::Leads { serving } => Some(serving),
                Standing::Uninformed | Standing::Stranger => None,
            }
        });
        Round::NoCatalog { led }
    }

    /// Whether the view's leader leads and gets on with it, after it is told if need be; and
    /// whether it takes orders yet.
    async fn leads(&self, view: &View, answers: &BTreeMap<ReplicaId, Health>) -> Option<bool> {
        let health = answers.get(&view.leader.id).filter(|health| !health.stuck)?;
        match standing(view, health) {
            Standing::Leads { serving } => Some(serving),
            Standing::Uninformed => self.inform(view).await,
            Standing::Stranger => None,
        }
    }

    /// Tells a leader that it is one; whether it takes orders yet, if it leads now.
    async fn inform(&self, view: &View) -> Option<bool> {
        let notice = ViewNotice { view: view.clone() };
        let health = self.peers.replica(view.leader.id, &notice, HEALTH_TIMEOUT).await.ok()?;
        match standing(view, &health) {
            Standing::Leads { serving } => Some(serving),
            Standing::Uninformed | Standing::Stranger => None,
        }
    }

    async fn propose(
        &self,
        view: Option<&View>,
        proposal: Proposal,
        answers: &BTreeMap<ReplicaId, Health>,
    ) -> Round {
        let answered = view.and_then(|view| Some((view, answers.get(&view.leader.id)?)));
        if let Some((view, health)) = answered
            && let Standing::Leads { serving } = standing(view, health)
            && proposal.leader == view.leader
        {
            // It is stuck, and the best there is: a new epoch of it would be no better.
            return Round::Led { serving };
        }
        tracing::debug!(leader = %proposal.leader, "proposing a leader");
        match self.peers.catalog(&Propose { proposal }, PROPOSE_TIMEOUT).await {
            Ok(Proposed::Accepted(view)) => {
                fail_point::reached(FailPoint::LeaderAccepted);
                let led = self.announce(&view).await;
                self.leadership.read(Some(view));
                led.map_or(Round::Again, |serving| Round::Led { serving })
            }
            Ok(Proposed::Kept(view)) => {
                self.leadership.read(Some(view));
                let led = match answered.map(|(view, health)| standing(view, health)) {
                    Some(Standing::Leads { serving }) => Some(serving),
                    _ => None,
                };
                Round::Kept { led }
            }
            Ok(Proposed::Refused(why, view)) => {
                tracing::debug!(%why, "the proposal was refused");
                if let Some(view) = self.leadership.read(view) {
                    self.inform(&view).await;
                }
                Round::Again
            }
            Err(error) => {
                tracing::debug!(%error, "the catalog did not answer the proposal");
                self.without_catalog(answers)
            }
        }
    }

    /// Tells every replica who leads, and waits only for the leader.
    async fn announce(&self, view: &View) -> Option<bool> {
        let others = self.peers.cluster().replicas.keys().filter(|id| **id != view.leader.id);
        let others: Vec<_> = others.copied().collect();
        let (peers, notice) = (self.peers.clone(), ViewNotice { view: view.clone() });
        self.tell_in_passing(async move {
            // Whoever misses it hears it from the leader.
            join_all(others.iter().map(|id| peers.replica(*id, &notice, HEALTH_TIMEOUT))).await;
        });
        self.inform(view).await
    }

    fn tell_in_passing(&self, tell: impl Future<Output = ()> + Send + 'static) {
        let mut telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        while telling.try_join_next().is_some() {}
        ambient::spawn(&mut telling, tell);
    }

    /// Looks at the leader at each heartbeat, until something is wrong with it.
    async fn watch(&self, earliest: Instant) {
        let mut catalog_asked = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = self.leadership.doubted() => return sleep_until(earliest).await,
                () = sleep(self.heartbeat) => {}
            }
            if catalog_asked.elapsed() >= CATALOG_INTERVAL {
                catalog_asked = Instant::now();
                let (alive, read) = tokio::join!(self.alive(), self.read_view());
                // A catalog without a view is a new one: its data was lost.
                if !alive || !matches!(read, Ok(Some(_))) {
                    return;
                }
            } else if !self.alive().await {
                return;
            }
        }
    }

    /// Whether the leader leads and gets on with it. Silence is no verdict yet: the round that
    /// follows asks once more.
    async fn alive(&self) -> bool {
        let Some(view) = self.leadership.known().view else { return false };
        let asked = self.peers.replica(view.leader.id, &Status, HEALTH_TIMEOUT).await;
        let Ok(health) = asked else { return false };
        self.leadership.hear(health.view.clone());
        let Standing::Leads { serving } = standing(&view, &health) else { return false };
        self.leadership.update(|known| {
            if known.lead() == Some((view.cluster, view.epoch, view.leader)) {
                known.serving = serving;
            }
        });
        !health.stuck
    }
}

/// Half to all of `longest`: front ends that look together do not come back together.
fn jitter(longest: Duration) -> Duration {
    longest.mul_f64(0.5 + 0.5 * chance())
}

#[cfg(test)]
mod tests {
    use toystore_domain::OrderNumber;
    use toystore_replication::{
        ClusterId, Epoch, Incarnation, Member, Position, Revision, StoreId,
    };

    use super::*;

    fn member(incarnation: u64) -> Member {
        let incarnation = Incarnation(incarnation);
        Member { id: ReplicaId(2), store: StoreId(7), incarnation }
    }

    fn view(epoch: u64) -> View {
        View {
            cluster: ClusterId(1),
            epoch: Epoch(epoch),
            revision: Revision(epoch),
            leader: member(3),
            in_sync: vec![member(3)],
        }
    }

    fn health(incarnation: u64, role: RoleName, known: Option<View>) -> Health {
        Health {
            member: member(incarnation),
            cluster: Some(ClusterId(1)),
            promise: Epoch(5),
            mark: Epoch(5),
            last: Position::ORIGIN,
            commit: OrderNumber::ZERO,
            role,
            stuck: false,
            view: known,
        }
    }

    #[test]
    fn only_this_very_process_in_this_very_epoch_leads() {
        use RoleName::{Follower, Leader, TakingOver};
        for (incarnation, role, known, expected) in [
            (3, Leader, Some(view(5)), Standing::Leads { serving: true }),
            (3, TakingOver, Some(view(5)), Standing::Leads { serving: false }),
            (3, Leader, Some(view(4)), Standing::Uninformed),
            (3, Follower, Some(view(5)), Standing::Uninformed),
            (3, Follower, None, Standing::Uninformed),
            (4, Leader, Some(view(5)), Standing::Stranger),
        ] {
            assert_eq!(standing(&view(5), &health(incarnation, role, known)), expected);
        }
    }
}
