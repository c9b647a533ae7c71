//! The moments of a transaction at which the catalog can be told to die, for exercises and tests.

use std::future::pending;

use tokio::task::JoinSet;
use toystore_authority::Outcome;
use toystore_authority::messages::Proposed;
use toystore_host::fail_point::{self, FailPoint};
use toystore_replication::messages::Changed;

/// Telling the front ends of a change, unless it is the one that is to be saved untold.
pub fn telling<F: Future<Output = ()>>(told: F) -> impl Future<Output = ()> + use<F> {
    let untold = fail_point::begin(FailPoint::SavedNotTold);
    async move {
        if untold {
            pending::<()>().await;
        }
        told.await;
    }
}

/// The change that is to be told unsaved waits until everyone knows.
pub async fn before_saving(telling: &mut JoinSet<()>) {
    if !telling.is_empty() && fail_point::begin(FailPoint::ToldNotSaved) {
        while telling.join_next().await.is_some() {}
        fail_point::end(FailPoint::ToldNotSaved);
    }
}

/// A transaction with these outcomes is synced, and nobody knows.
pub fn saved(outcomes: &[Outcome]) {
    fail_point::end(FailPoint::SavedNotTold);
    for outcome in outcomes {
        match outcome {
            Outcome::Proposed(Proposed::Accepted(_)) => {
                fail_point::reached(FailPoint::LeaderSaved);
            }
            Outcome::Changed(Changed::Accepted(_)) => fail_point::reached(FailPoint::MembersSaved),
            _ => {}
        }
    }
}
