//! Before a leader is deposed, the catalog asks it itself, so that two front ends with different
//! views of the network do not depose leaders in turn.
//!
//! Refused at once: depose at once. An answer that came through its order task and its disk: keep
//! it. Silence, or a leader that says it is stuck: depose, after a short deadline.

use toystore_authority::messages::Proposed;
use toystore_authority::{Command, Outcome};
use toystore_host::limits::PROBE_TIMEOUT;
use toystore_host::{Caller, ClusterConfig};
use toystore_replication::View;
use toystore_replication::choice::{Health, RoleName};
use toystore_replication::messages::Probe;
use toystore_replication::view::{Proposal, ViewRefusal};

use crate::writer::{Stopping, Writer};

/// Decides on a front end's proposal.
///
/// # Errors
/// [`Stopping`].
pub async fn propose(
    current: Option<View>,
    proposal: Proposal,
    writer: &Writer,
    caller: &Caller,
    replicas: &ClusterConfig,
) -> Result<Proposed, Stopping> {
    if let Some(view) = current {
        if view.revision != proposal.revision {
            return Ok(Proposed::Refused(ViewRefusal::Superseded, Some(view)));
        }
        if still_leads(&view, caller, replicas).await {
            return Ok(Proposed::Kept(view));
        }
    }
    match writer.run(Command::Propose(proposal)).await? {
        Outcome::Proposed(proposed) => {
            if let Proposed::Accepted(view) = &proposed {
                let in_sync = view.in_sync_ids();
                tracing::info!(epoch = %view.epoch, leader = %view.leader, ?in_sync, "new leader");
            }
            Ok(proposed)
        }
        _ => Err(Stopping),
    }
}

async fn still_leads(view: &View, caller: &Caller, replicas: &ClusterConfig) -> bool {
    let Some(address) = replicas.address(view.leader.id) else { return false };
    match caller.call(address, &Probe, PROBE_TIMEOUT).await {
        Ok(health) => leads(view, &health),
        Err(_) => false,
    }
}

/// Whether the answer comes from the very process that leads in this epoch, or from one that has
/// not heard of it yet.
fn leads(view: &View, health: &Health) -> bool {
    let leading = matches!(health.role, RoleName::Leader | RoleName::TakingOver);
    let not_told = health.promise < view.epoch;
    health.member == view.leader && !health.stuck && (leading || not_told)
}
