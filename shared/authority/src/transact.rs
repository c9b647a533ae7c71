//! A leader's transaction: fenced by the view's epoch, run once, answered item by item.
//!
//! The check of the epoch and the change of the stock are in one transaction, so a deposed leader
//! changes nothing. The fence keeps the last sequence number and its answers: a copy that comes
//! again is answered as before, one that comes late is turned away. Without it a late copy of an
//! answered reservation would take stock a second time, after the first was settled.

use std::collections::BTreeSet;

use toystore_domain::ProductName;
use toystore_mutants::{Mutant, broken};
use toystore_replication::messages::{
    ListReservations, Reservation, Reservations, Reserved, Transact, Transacted,
};
use toystore_replication::{Epoch, Member, View};

use crate::reservations::{cancel, record, reserve, settle};
use crate::{Failed, Fence, Transaction};

/// Reservations in one page.
pub const PAGE: usize = 512;

/// Runs a leader's transaction; adds the products whose stock it changes to `changed`.
///
/// # Errors
/// [`Failed`] when the process must end.
pub fn transact(
    tx: &mut impl Transaction,
    request: &Transact,
    changed: &mut BTreeSet<ProductName>,
) -> Result<Transacted, Failed> {
    if let Some(view) = fenced(tx, request.epoch, &request.leader)? {
        return Ok(Transacted::Fenced(view));
    }
    let fence = tx.fence()?;
    let known = fence.epoch == request.epoch && request.sequence <= fence.sequence;
    if known && !broken(Mutant::TransactAgain) {
        let again = request.sequence == fence.sequence;
        return Ok(if again { Transacted::Done(fence.answers) } else { Transacted::Fenced(None) });
    }
    let mut answers: Vec<Reserved> = Vec::with_capacity(request.reserve.len());
    for purchase in &request.reserve {
        answers.push(reserve(tx, request.epoch, purchase, changed)?);
    }
    request.record.iter().try_for_each(|row| record(tx, row))?;
    request.settle.iter().try_for_each(|key| settle(tx, key))?;
    request.cancel.iter().try_for_each(|key| cancel(tx, key, changed))?;
    let (epoch, sequence) = (request.epoch, request.sequence);
    tx.put_fence(&Fence { epoch, sequence, answers: answers.clone() })?;
    Ok(Transacted::Done(answers))
}

/// A page of outstanding reservations, for a leader that takes over.
///
/// # Errors
/// [`Failed`] when the process must end.
pub fn list_reservations(
    tx: &impl Transaction,
    request: &ListReservations,
) -> Result<Reservations, Failed> {
    if let Some(view) = fenced(tx, request.epoch, &request.leader)? {
        return Ok(Reservations::Fenced(view));
    }
    let mut rows: Vec<Reservation> = tx.reservations(request.after.as_ref(), PAGE + 1)?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    Ok(Reservations::Page { rows, more })
}

/// The view, when it is not that of this leader.
fn fenced(
    tx: &impl Transaction,
    epoch: Epoch,
    leader: &Member,
) -> Result<Option<Option<View>>, Failed> {
    let view = tx.view()?;
    let leads = view.as_ref().is_some_and(|view| view.epoch == epoch && view.leader == *leader);
    Ok((!leads && !broken(Mutant::SkipFencing)).then_some(view))
}
