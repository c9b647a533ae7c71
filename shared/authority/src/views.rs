//! Changes of the view: the compare-and-swap of `toystore_replication::view`, made durable.

use toystore_replication::messages::Changed;
use toystore_replication::view::{MemberChange, Proposal, ViewRefusal};
use toystore_replication::{Member, View};

use crate::messages::Proposed;
use crate::{Failed, Transaction};

/// A front end proposes a leader. The caller has made sure that the present one may be deposed.
///
/// # Errors
/// [`Failed`] when the process must end.
pub fn propose(tx: &mut impl Transaction, proposal: &Proposal) -> Result<Proposed, Failed> {
    let current = tx.view()?;
    let elected = match &current {
        Some(view) => view.elect(proposal),
        None => View::first(tx.cluster()?, proposal),
    };
    match elected {
        Ok(view) => {
            tx.put_view(&view)?;
            Ok(Proposed::Accepted(view))
        }
        Err(refusal) => Ok(Proposed::Refused(refusal, current)),
    }
}

/// A leader changes the in-sync set.
///
/// # Errors
/// [`Failed`] when the process must end.
pub fn change(tx: &mut impl Transaction, change: &MemberChange) -> Result<Changed, Failed> {
    let current = tx.view()?;
    let changed =
        current.as_ref().ok_or(ViewRefusal::NotLeader).and_then(|view| view.change(change));
    match changed {
        Ok(view) => {
            tx.put_view(&view)?;
            Ok(Changed::Accepted(view))
        }
        Err(_) => Ok(Changed::Refused(current)),
    }
}

/// An operator makes `leader` lead alone, whatever it misses; `None` before the first view.
///
/// # Errors
/// [`Failed`] when the process must end.
pub fn force(tx: &mut impl Transaction, leader: Member) -> Result<Option<View>, Failed> {
    let Some(view) = tx.view()?.map(|view| view.force(leader)) else { return Ok(None) };
    tx.put_view(&view)?;
    Ok(Some(view))
}
