//! What this front end knows about who leads. One state, told to everyone who waits for news.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use toystore_replication::{ClusterId, Epoch, Member, View};

/// How the leader is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Not at all: there is none, or it is not to be had now.
    #[default]
    Nobody,
    /// By itself.
    Direct,
    /// It lives, says the catalog, but does not answer here: through a follower.
    Detour,
}

/// What is known about the leader, the catalog, and what stands in the way of orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The latest view heard of.
    pub view: Option<View>,
    /// How its leader is reached.
    pub reach: Reach,
    /// The leader takes orders, when it was last asked.
    pub serving: bool,
    /// The catalog answered when it was last asked.
    pub catalog: bool,
    /// Why orders cannot be placed, for people.
    pub trouble: Option<String>,
}

impl Known {
    /// The epoch of the view; 0 before the first.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.view.as_ref().map_or(Epoch(0), |view| view.epoch)
    }

    /// Who leads, in which epoch of which cluster: another cluster begins to count anew.
    #[must_use]
    pub fn lead(&self) -> Option<(ClusterId, Epoch, Member)> {
        self.view.as_ref().map(|view| (view.cluster, view.epoch, view.leader))
    }

    /// Why this front end is not ready, if it is not.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn ready(&self) -> Result<(), String> {
        if let Some(trouble) = &self.trouble {
            return Err(trouble.clone());
        }
        match (self.catalog, self.reach, self.serving) {
            (false, ..) => Err("the catalog does not answer".to_owned()),
            (true, Reach::Nobody, _) => Err("no leader is known yet".to_owned()),
            (true, _, false) => Err("the leader does not take orders yet".to_owned()),
            (true, _, true) => Ok(()),
        }
    }

    fn adopt(&mut self, view: View) {
        let before = self.lead();
        self.view = Some(view);
        if self.lead() != before {
            // Nothing is known against a new leader.
            self.reach = Reach::Direct;
            self.serving = false;
        }
    }
}

/// The shared state.
#[derive(Debug)]
pub struct Leadership {
    known: Mutex<Known>,
    /// Wakes in the order of waiting, so that a simulated run can be repeated; the channel
    /// `tokio::sync::watch` wakes at random.
    news: Notify,
    doubt: Notify,
}

impl Leadership {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self { known: Mutex::default(), news: Notify::new(), doubt: Notify::new() }
    }

    /// What is known now.
    #[must_use]
    pub fn known(&self) -> Known {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until what is known meets the condition.
    pub async fn wait_for(&self, condition: impl Fn(&Known) -> bool) {
        loop {
            let mut news = pin!(self.news.notified());
            // From here on no news are missed, also those between this look and the wait.
            news.as_mut().enable();
            if condition(&self.lock()) {
                return;
            }
            news.await;
        }
    }

    /// Something did not go as it should with this leader: look whether it still leads.
    pub fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// Waits until somebody doubts the leader.
    pub async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// A replica told a view. It counts when it is of the same cluster, and later.
    pub fn hear(&self, view: Option<View>) {
        let Some(view) = view else { return };
        self.update(|known| {
            let news = |own: &View| own.cluster == view.cluster && view.is_later_than(own);
            if known.view.as_ref().is_none_or(news) {
                known.adopt(view);
            }
        });
    }

    /// The catalog told its view, and is right: also when it is now another cluster's. Returns
    /// the latest view of that cluster: a replica may have told a later one meanwhile.
    pub fn read(&self, view: Option<View>) -> Option<View> {
        let Some(view) = view else {
            self.update(|known| known.catalog = true);
            return None;
        };
        self.update(|known| {
            known.catalog = true;
            let news = |own: &View| own.cluster != view.cluster || view.is_later_than(own);
            if known.view.as_ref().is_none_or(news) {
                known.adopt(view);
            }
        });
        self.lock().view.clone()
    }

    /// Changes what is known; whoever waits hears of it only if it is another state than before.
    pub fn update(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.lock();
        let before = known.clone();
        change(&mut known);
        log_news(&before, &known);
        if *known != before {
            self.news.notify_waiters();
        }
    }
}

impl Default for Leadership {
    fn default() -> Self {
        Self::new()
    }
}

/// Each change is said once, however often it is found again.
fn log_news(before: &Known, now: &Known) {
    if before.lead() != now.lead()
        && let Some(view) = &now.view
    {
        let in_sync: Vec<u8> = view.in_sync_ids().iter().map(|id| id.0).collect();
        tracing::info!(
            epoch = view.epoch.0,
            leader = view.leader.id.0,
            ?in_sync,
            "the leader is known"
        );
    }
    match &now.trouble {
        Some(trouble) if before.trouble != now.trouble => tracing::warn!("{trouble}"),
        None if before.trouble.is_some() => tracing::info!("orders can be placed again"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use toystore_replication::{Incarnation, ReplicaId, Revision, StoreId};

    use super::*;

    fn view(cluster: u128, epoch: u64, revision: u64, leader: u8) -> View {
        let leader =
            Member { id: ReplicaId(leader), store: StoreId(1), incarnation: Incarnation(1) };
        View {
            cluster: ClusterId(cluster),
            epoch: Epoch(epoch),
            revision: Revision(revision),
            leader,
            in_sync: vec![leader],
        }
    }

    #[test]
    fn only_news_count() {
        let leadership = Leadership::new();
        leadership.hear(Some(view(1, 3, 5, 2)));
        leadership.hear(Some(view(1, 2, 4, 1)));
        leadership.hear(Some(view(9, 8, 8, 1)));
        leadership.hear(None);
        assert_eq!(leadership.known().view, Some(view(1, 3, 5, 2)));
        assert_eq!(leadership.read(Some(view(1, 2, 4, 1))), Some(view(1, 3, 5, 2)));
        assert_eq!(leadership.read(Some(view(9, 1, 1, 1))), Some(view(9, 1, 1, 1)));
        assert_eq!(leadership.read(None), None);
    }

    #[test]
    fn a_new_leader_is_tried_by_itself() {
        let leadership = Leadership::new();
        leadership.hear(Some(view(1, 3, 5, 2)));
        leadership.update(|known| known.reach = Reach::Detour);
        leadership.hear(Some(view(1, 3, 6, 2)));
        assert_eq!(leadership.known().reach, Reach::Detour);
        leadership.hear(Some(view(1, 4, 7, 1)));
        assert_eq!(leadership.known().reach, Reach::Direct);
        leadership.update(|known| known.reach = Reach::Detour);
        leadership.read(Some(view(2, 4, 7, 1)));
        assert_eq!(leadership.known().reach, Reach::Direct);
    }
}
