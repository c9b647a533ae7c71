//! The invariants, each a function of logs, books, views and what customers were told; and what
//! must happen somewhere, lest the rest be true of nothing.

use toystore_authority::memory::Rows;
use toystore_domain::OrderNumber;
use toystore_replication::choice::RoleName;
use toystore_replication::{Entry, Epoch, View};

use super::disk::Disk;
use super::front_ends::{Attempt, Progress};
use super::state::State;
use super::told::{Broken, Told};

/// I1: every order that somebody placed or found is synced on every replica that may lead.
#[must_use]
pub fn acknowledged_is_durable(told: &Told, view: Option<&View>, disks: &[&Disk]) -> bool {
    let Some(view) = view else { return told.orders.is_empty() };
    disks.iter().filter(|disk| view.has_in_sync(&disk.member())).all(|disk| {
        told.orders
            .values()
            .all(|order| disk.synced(order.number).is_some_and(|entry| entry.order() == *order))
            && told.numbers.iter().all(|(key, number)| {
                disk.synced(*number).is_some_and(|entry| entry.purchase.key == *key)
            })
    })
}

/// I4: the books balance, and agree with the reservations.
#[must_use]
pub fn books_balance(rows: &Rows) -> bool {
    rows.products.iter().all(|(name, books)| {
        let held = rows.reservations.values().filter(|row| row.purchase.product == *name);
        let held: u64 = held.map(|row| row.purchase.quantity.get()).sum();
        books.balanced() && held == books.reserved
    })
}

/// I3: each committed order was taken out of the stock, and each key at most once; every order
/// is of one piece.
#[must_use]
pub fn deducted_once(rows: &Rows, keys: usize, committed: OrderNumber) -> bool {
    let deducted: u64 = rows.products.values().map(|books| books.sold + books.reserved).sum();
    committed.0 <= deducted && deducted <= keys as u64
}

/// I6: logs agree up to the lower of two commit numbers. The chain hash covers all before.
#[must_use]
pub fn committed_prefixes_agree(logs: &[(OrderNumber, Vec<Entry>)]) -> bool {
    let at = |log: &[Entry], number: OrderNumber| log.iter().find(|e| e.number == number).cloned();
    logs.iter().all(|(commit, log)| {
        logs.iter().all(|(other_commit, other)| {
            let upto = *commit.min(other_commit);
            at(log, upto) == at(other, upto)
        })
    })
}

/// I5: one epoch gives a number to one order only.
#[must_use]
pub fn epochs_number_once(logs: &[(OrderNumber, Vec<Entry>)]) -> bool {
    let entries = || logs.iter().flat_map(|(_, log)| log);
    entries().all(|a| {
        entries().all(|b| (a.number, a.epoch) != (b.number, b.epoch) || a.purchase == b.purchase)
    })
}

/// I2: numbers are dense from 1, and no key has two.
#[must_use]
pub fn dense(log: &[Entry]) -> bool {
    let numbered = log.iter().zip(1..).all(|(entry, number)| entry.number.0 == number);
    let twice = |a: &Entry| log.iter().filter(|b| b.purchase.key == a.purchase.key).count() > 1;
    numbered && !log.iter().any(twice)
}

/// I9: an order that may be refused now, by all who want it, is in no log that may lead and holds
/// no stock.
#[must_use]
pub fn refusals_are_true(attempts: &[Attempt], rows: &Rows, may_lead: &[Vec<Entry>]) -> bool {
    attempts.iter().all(|attempt| {
        let key = &attempt.purchase().key;
        let same = |other: &&Attempt| other.order == attempt.order;
        let placed = || may_lead.iter().flatten().any(|entry| entry.purchase.key == *key);
        !attempts.iter().filter(same).all(Attempt::refusable)
            || !rows.reservations.contains_key(key) && !placed()
    })
}

/// At rest (I6, I8): logs are equal, what was sold is what is in the log, whoever was told
/// something was told the truth.
#[must_use]
pub fn whole_at_rest(state: &State) -> bool {
    let disks = disks(state);
    let log = &disks[0].entries;
    let sold: u64 = state.rows.products.values().map(|books| books.sold).sum();
    disks.iter().all(|disk| disk.entries == *log)
        && sold == log.len() as u64
        && acknowledged_is_durable(&state.told, state.view(), &disks)
        && refusals_are_true(&state.attempts, &state.rows, std::slice::from_ref(log))
}

/// All disks.
#[must_use]
pub fn disks(state: &State) -> Vec<&Disk> {
    state.nodes.iter().map(|node| node.disk()).collect()
}

/// All logs, synced or not, with what is known to be committed.
#[must_use]
pub fn logs(state: &State) -> Vec<(OrderNumber, Vec<Entry>)> {
    state.nodes.iter().map(|node| node.log()).collect()
}

/// I1 in a state.
#[must_use]
pub fn i1(state: &State) -> bool {
    !matches!(state.broken, Some(Broken::TooFewDisks(_)))
        && acknowledged_is_durable(&state.told, state.view(), &disks(state))
}

/// I2 and I3 in a state.
#[must_use]
pub fn i2_i3(state: &State) -> bool {
    let told =
        matches!(state.broken, Some(Broken::Gap(_) | Broken::TwoNumbers(_) | Broken::TwoOrders(_)));
    !told && logs(state).iter().all(|(_, log)| dense(log))
}

/// I3 and I4 in a state.
#[must_use]
pub fn i3_i4(state: &State) -> bool {
    let keys = state.attempts.iter().filter(|attempt| attempt.copies > 0);
    let keys: std::collections::BTreeSet<_> = keys.map(|attempt| attempt.order).collect();
    let committed = logs(state).iter().map(|(commit, _)| *commit).max().unwrap_or_default();
    books_balance(&state.rows) && deducted_once(&state.rows, keys.len(), committed)
}

/// I5 in a state.
#[must_use]
pub fn i5(state: &State) -> bool {
    !matches!(state.broken, Some(Broken::TwoLeaders(_))) && epochs_number_once(&logs(state))
}

/// I6 in a state.
#[must_use]
pub fn i6(state: &State) -> bool {
    committed_prefixes_agree(&logs(state))
}

/// I7 in a state, for orders.
#[must_use]
pub fn i7(state: &State) -> bool {
    !matches!(state.broken, Some(Broken::Denied(_)))
}

/// I9 in a state.
#[must_use]
pub fn i9(state: &State) -> bool {
    let Some(view) = state.view() else { return true };
    let in_sync = state.nodes.iter().filter(|node| view.has_in_sync(&node.member()));
    let logs: Vec<_> = in_sync.map(|node| node.log().1).collect();
    refusals_are_true(&state.attempts, &state.rows, &logs)
}

/// No replica and not the catalog ends itself for what it found.
#[must_use]
pub fn nothing_is_fatal(state: &State) -> bool {
    !matches!(state.broken, Some(Broken::Fatal(_) | Broken::Catalog(_) | Broken::Mismatch))
}

/// I8 and I11 in a state: what is quiet comes to rest, and is then whole.
#[must_use]
pub fn i8_i11(state: &State) -> bool {
    state.broken.is_some() || !state.is_quiet() || state.comes_to_rest()
}

/// An order is acknowledged.
#[must_use]
pub fn acknowledged(state: &State) -> bool {
    !state.told.numbers.is_empty()
}

/// A leader that took over gave a reservation back.
#[must_use]
pub fn cancelled(state: &State) -> bool {
    state.cancelled
}

/// An order was acknowledged by a replica that was alone in the set.
#[must_use]
pub fn alone(state: &State) -> bool {
    state.told.alone
}

/// A leader after the first takes orders.
#[must_use]
pub fn replaced(state: &State) -> bool {
    let mut healths = state.nodes.iter().filter_map(|node| Some(node.core()?.health()));
    healths.any(|health| health.role == RoleName::Leader && health.promise > Epoch(1))
}

/// Every replica is in sync, and the set was changed within an epoch: it was smaller before.
#[must_use]
pub fn came_back(state: &State) -> bool {
    state.view().is_some_and(|view| {
        view.in_sync.len() == state.nodes.len() && view.revision.0 > view.epoch.0
    })
}

/// A tail is about to be cut off on a disk.
#[must_use]
pub fn truncated(state: &State) -> bool {
    state.nodes.iter().any(|node| {
        let synced = node.disk().entries.len() as u64;
        let cut = node.queue.iter().filter_map(|write| write.truncate_above);
        cut.into_iter().any(|above| above.0 < synced)
    })
}

/// A customer was told that nothing was and will be done.
#[must_use]
pub fn refused(state: &State) -> bool {
    state.attempts.iter().any(|attempt| attempt.progress == Progress::Refused)
}

/// A customer was told that there is no such order.
#[must_use]
pub fn not_found(state: &State) -> bool {
    state.looks.iter().any(|look| look.found == Some(false))
}
