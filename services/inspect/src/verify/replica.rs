//! An order replica alone: records, numbers, hash chain, key index, state, synced mark. A sound
//! folder was checked by opening it; a damaged one is surveyed.

use toystore_domain::OrderNumber;
use toystore_replication::Position;
use toystore_storage::mark::Mark;
use toystore_storage::schema::OrderState;

use super::survey::survey;
use super::{Report, State};
use crate::orders::{Log, Orders};
use crate::portable::Dump;
use crate::source::Stop;

const OPENING: &str = "opening";
const DUMP: &str = "dump";
pub(super) const LOG: &str = "log";
pub(super) const KEYS: &str = "key index";
pub(super) const STATE: &str = "state";
pub(super) const MARK: &str = "synced mark";

/// Checks a replica alone.
pub fn check(orders: &Orders, report: &mut Report) {
    let name = &orders.name;
    let damage = orders.damage.clone().unwrap_or_default();
    match &orders.log {
        Log::Sound(store) => {
            let last = store.last();
            report.add(State::Ok, name, OPENING, "a service would start with it");
            report.add(State::Ok, name, LOG, log_is_sound(&last));
            report.add(State::Ok, name, KEYS, keys_are_sound(last.number.0));
            report.add(State::Ok, name, STATE, state_is_sound(store.state()));
            report.add(State::Ok, name, MARK, mark_is_sound(orders.synced.as_ref()));
        }
        Log::Damaged(salvage) => {
            report.add(State::Damaged, name, OPENING, damage);
            match salvage {
                Some(salvage) => survey(orders, salvage, report),
                None => report.add(State::Damaged, name, LOG, "no order can be read"),
            }
        }
        Log::Service(_, commit) => running(orders, *commit, report),
        Log::Portable(dump) => {
            report.add(State::Ok, name, DUMP, dump_is_sound(dump));
            running(orders, dump.last().number, report);
        }
    }
}

pub(super) fn log_is_sound(last: &Position) -> String {
    format!("{} orders without a gap, hash {}", last.number, last.chain)
}

pub(super) fn keys_are_sound(count: u64) -> String {
    format!("{count} keys, each its order's")
}

pub(super) fn state_is_sound(state: &OrderState) -> String {
    let OrderState { promise, mark, commit, .. } = state;
    format!("committed up to {commit}, promised epoch {promise}, agreed in epoch {mark}")
}

pub(super) fn mark_is_sound(mark: Option<&Mark>) -> String {
    let number = mark.map_or(OrderNumber::ZERO, |mark| mark.number);
    format!("order {number}, which is there")
}

fn dump_is_sound(dump: &Dump) -> String {
    format!("whole and as it was written: {}", dump.head().what())
}

/// A running replica, and a dump, tell the log only.
fn running(orders: &Orders, commit: OrderNumber, report: &mut Report) {
    let name = &orders.name;
    let mut last = Position::ORIGIN;
    let mut wrong = Vec::new();
    for entry in orders.entries(OrderNumber::ZERO) {
        match entry {
            Ok(entry) => last = entry.position(),
            Err(Stop::Damaged(what)) => wrong.push(what),
            Err(Stop::Unreadable(error)) => {
                return report.add(State::Unread, name, LOG, error.to_string());
            }
        }
    }
    if wrong.is_empty() && last.number < commit {
        wrong.push(format!("it committed order {commit} and ends at {}", last.number));
    }
    report.judge(name, LOG, &wrong, log_is_sound(&last));
    if let Some(state) = &orders.state {
        report.add(State::Info, name, STATE, state_is_sound(state));
    }
}
