//! An order replica alone: records, numbers, hash chain, key index, state, synced mark. A sound
//! folder was checked by opening it; a damaged one is gone through row by row, to say all that can
//! be said.

use toystore_domain::OrderNumber;
use toystore_replication::Position;
use toystore_storage::mark::Mark;
use toystore_storage::salvage::{Salvage, Tree};
use toystore_storage::schema::{OrderState, order_key, read_entry, read_number};

use super::{Report, State};
use crate::orders::{Log, Orders, read_record, read_state, short};
use crate::source::Stop;

const OPENING: &str = "opening";
const LOG: &str = "log";
const KEYS: &str = "key index";
const STATE: &str = "state";
const MARK: &str = "synced mark";

const PAGE: usize = 1000;

/// Checks a replica alone.
pub fn check(orders: &Orders, report: &mut Report) {
    let name = &orders.name;
    let damage = orders.damage.clone().unwrap_or_default();
    match &orders.log {
        Log::Sound(store) => {
            let last = store.last();
            report.add(State::Ok, name, OPENING, "a service would start with it");
            report.add(State::Ok, name, LOG, log_is_sound(&last));
            report.add(State::Ok, name, KEYS, format!("{} keys, each its order's", last.number));
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
    }
}

fn log_is_sound(last: &Position) -> String {
    format!("{} orders without a gap, hash {}", last.number, last.chain)
}

fn state_is_sound(state: &OrderState) -> String {
    let OrderState { promise, mark, commit, .. } = state;
    format!("committed up to {commit}, promised epoch {promise}, agreed in epoch {mark}")
}

fn mark_is_sound(mark: Option<&Mark>) -> String {
    let number = mark.map_or(OrderNumber::ZERO, |mark| mark.number);
    format!("order {number}, which is there")
}

/// A running replica tells its log only.
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

/// All that can be said about a damaged folder.
fn survey(orders: &Orders, salvage: &Salvage, report: &mut Report) {
    let name = &orders.name;
    let mark = orders.synced;
    let log = survey_log(salvage, mark.as_ref());
    report.judge(name, LOG, &log.wrong, log_is_sound(&log.last));
    if log.whole {
        let (wrong, rows) = survey_keys(salvage);
        report.judge(name, KEYS, &wrong, format!("{rows} keys, each its order's"));
    } else {
        report.add(State::Unread, name, KEYS, "not every order can be read");
    }
    let mut wrong = Vec::new();
    let state = read_state(salvage);
    match &state {
        Ok(state) if log.whole && state.commit > log.last.number => {
            let (commit, last) = (state.commit, log.last.number);
            wrong.push(format!("it committed order {commit} and ends at {last}"));
        }
        Ok(_) => {}
        Err(what) => wrong.push(what.clone()),
    }
    let right = state.as_ref().map(state_is_sound).unwrap_or_default();
    report.judge(name, STATE, &wrong, right);
    let mut wrong = Vec::new();
    match (&mark, &state) {
        (None, _) => wrong.push("its MARK file does not read as one".to_owned()),
        (Some(mark), Ok(state)) if state.promise < mark.promise => {
            let (marked, now) = (mark.promise, state.promise);
            wrong.push(format!("rolled back: it promised epoch {marked}, and now epoch {now}"));
        }
        _ => {}
    }
    wrong.extend(log.rolled_back);
    report.judge(name, MARK, &wrong, mark_is_sound(mark.as_ref()));
}

/// What a walk over a damaged log shows.
struct Survey {
    wrong: Vec<String>,
    /// How the log contradicts the synced mark.
    rolled_back: Option<String>,
    /// The last order that makes sense.
    last: Position,
    /// The tree could be read to its end, if not every record in it.
    whole: bool,
}

fn survey_log(salvage: &Salvage, mark: Option<&Mark>) -> Survey {
    let mut survey =
        Survey { wrong: Vec::new(), rolled_back: None, last: Position::ORIGIN, whole: false };
    // The order that the next one has to follow; none after damage.
    let mut before = Some(Position::ORIGIN);
    let mut number = OrderNumber::ZERO;
    let mut after: Option<Vec<u8>> = None;
    loop {
        let (rows, stopped) = salvage.rows(Tree::Orders, after.as_deref(), PAGE);
        let full = rows.len() == PAGE;
        for (key, record) in rows {
            let found = read_number(&key);
            if let Some(found) = found {
                if found > number.next() {
                    survey.wrong.push(missing(number.next(), found.previous(), "missing"));
                    before = None;
                }
                number = found;
            }
            match read_record(&key, &record) {
                Ok(entry) => {
                    if before.is_some_and(|before| !entry.follows(&before)) {
                        survey.wrong.push(format!(
                            "order {number} does not follow the one before it: its hash does not fit"
                        ));
                    }
                    if let Some(mark) =
                        mark.filter(|m| m.number == number && m.chain != entry.chain)
                    {
                        let marked = mark.number;
                        survey.rolled_back =
                            Some(format!("order {marked} is not the one that was synced"));
                    }
                    before = Some(entry.position());
                    survey.last = entry.position();
                }
                Err(what) => {
                    survey.wrong.push(what);
                    before = None;
                }
            }
            after = Some(key);
        }
        if let Some(error) = stopped {
            let what = format!("cannot be read after order {number}: {}", short(&error));
            survey.wrong.push(what);
            break;
        }
        if !full {
            survey.whole = true;
            break;
        }
    }
    if let Some(mark) = mark.filter(|mark| mark.number > number) {
        let gone = if survey.whole { "gone" } else { "out of reach" };
        survey.rolled_back =
            Some(format!("{}, and had been synced", missing(number.next(), mark.number, gone)));
    }
    survey
}

fn missing(first: OrderNumber, last: OrderNumber, how: &str) -> String {
    if first == last {
        format!("order {first} is {how}")
    } else {
        format!("orders {first} to {last} are {how}")
    }
}

/// Looks up each key's order and each order's key.
fn survey_keys(salvage: &Salvage) -> (Vec<String>, usize) {
    let mut wrong = Vec::new();
    let keys = each(salvage, Tree::Keys, &mut wrong, |key, row, wrong| {
        let text = key.escape_ascii();
        let Some(number) = read_number(row) else {
            return wrong.push(format!("the row of key {text} is no order number"));
        };
        let record = salvage.row(Tree::Orders, &order_key(number)).ok().flatten();
        match record.as_deref().map(read_entry) {
            None => wrong.push(format!("key {text} is for order {number}, which does not exist")),
            Some(Ok(entry)) if entry.purchase.key.as_str().as_bytes() != key => {
                let of = entry.purchase.key;
                wrong.push(format!("key {text} is for order {number}, which has key {of}"));
            }
            // A record that does not decode is told with the log.
            Some(_) => {}
        }
    });
    each(salvage, Tree::Orders, &mut wrong, |_, record, wrong| {
        if let Ok(entry) = read_entry(record) {
            let key = entry.purchase.key;
            if let Ok(None) = salvage.row(Tree::Keys, key.as_str().as_bytes()) {
                wrong.push(format!("order {} is not found by its key {key}", entry.number));
            }
        }
    });
    (wrong, keys)
}

/// Hands over each row of a tree; returns how many there are.
fn each(
    salvage: &Salvage,
    tree: Tree,
    wrong: &mut Vec<String>,
    mut look: impl FnMut(&[u8], &[u8], &mut Vec<String>),
) -> usize {
    let (mut count, mut after) = (0, None::<Vec<u8>>);
    loop {
        let (rows, stopped) = salvage.rows(tree, after.as_deref(), PAGE);
        let full = rows.len() == PAGE;
        for (key, row) in rows {
            look(&key, &row, wrong);
            count += 1;
            after = Some(key);
        }
        match stopped {
            Some(error) => {
                wrong.push(format!("{} cannot be read further: {}", tree.name(), short(&error)));
                return count;
            }
            None if !full => return count,
            None => {}
        }
    }
}
