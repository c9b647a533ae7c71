//! A damaged replica, gone through row by row, to say all that can be said.

use std::convert::Infallible;

use toystore_domain::OrderNumber;
use toystore_replication::{Entry, Position};
use toystore_storage::StorageError;
use toystore_storage::keys::KeyIndex;
use toystore_storage::mark::Mark;
use toystore_storage::salvage::{Salvage, Tree};
use toystore_storage::schema::{RowError, order_key, read_number, read_row};

use super::replica::{
    KEYS, LOG, MARK, STATE, keys_are_sound, log_is_sound, mark_is_sound, state_is_sound,
};
use super::{Report, State};
use crate::orders::{Orders, read_state, short};

/// Rows read at once.
const PAGE: usize = 1000;
/// Orders asked for in vain before the search behind a damaged part ends.
const MOST_FAILURES: usize = 10_000;

/// All that can be said about a damaged folder.
pub fn survey(orders: &Orders, salvage: &Salvage, report: &mut Report) {
    let name = &orders.name;
    let mark = orders.synced;
    let log = Walk::over(salvage, mark);
    report.judge(name, LOG, &log.wrong, log_is_sound(&log.last));
    if log.whole {
        let (wrong, count) = survey_keys(salvage);
        report.judge(name, KEYS, &wrong, keys_are_sound(count as u64));
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

/// A walk over a damaged log.
struct Walk<'a> {
    salvage: &'a Salvage,
    mark: Option<Mark>,
    wrong: Vec<String>,
    /// How the log contradicts the synced mark.
    rolled_back: Option<String>,
    /// The order that the next one has to follow; none after damage.
    before: Option<Position>,
    /// The last number met.
    number: OrderNumber,
    /// The last order that makes sense.
    last: Position,
    /// No part of the tree was out of reach.
    whole: bool,
}

impl<'a> Walk<'a> {
    fn over(salvage: &'a Salvage, mark: Option<Mark>) -> Self {
        let (number, last, before) = (OrderNumber::ZERO, Position::ORIGIN, Some(Position::ORIGIN));
        let (wrong, rolled_back, whole) = (Vec::new(), None, true);
        let mut walk = Self { salvage, mark, wrong, rolled_back, before, number, last, whole };
        let mut after = None;
        loop {
            let (rows, stopped) = salvage.rows(Tree::Orders, after.as_deref(), PAGE);
            let full = rows.len() == PAGE;
            for (key, record) in rows {
                walk.step(&key, &record);
                after = Some(key);
            }
            match stopped {
                None if full => {}
                None => break,
                Some(error) => {
                    walk.one_by_one(&error);
                    break;
                }
            }
        }
        walk.compare_end();
        walk
    }

    fn step(&mut self, key: &[u8], record: &[u8]) {
        match read_row(key, record) {
            Ok(entries) => entries.iter().for_each(|entry| self.follow(entry)),
            Err(error) => {
                self.wrong.push(error.to_string());
                self.before = None;
                // How many orders the row held is not known: all up to its own.
                self.number = self.number.max(read_number(key).unwrap_or_default());
            }
        }
    }

    fn follow(&mut self, entry: &Entry) {
        let number = entry.number;
        if number > self.number.next() {
            self.wrong.push(span(self.number.next(), number.previous(), "missing"));
            self.before = None;
        }
        self.number = number;
        if self.before.is_some_and(|before| !entry.follows(&before)) {
            let what = "does not follow the one before it: its hash does not fit";
            self.wrong.push(format!("order {number} {what}"));
        }
        if self.mark.is_some_and(|mark| mark.number == number && mark.chain != entry.chain) {
            self.rolled_back = Some(format!("order {number} is not the one that was synced"));
        }
        self.last = entry.position();
        self.before = Some(self.last);
    }

    /// Asks for each further row by itself where sled gives up on a part of its tree: one may end
    /// with any order. There were orders up to the synced mark.
    fn one_by_one(&mut self, error: &StorageError) {
        self.whole = false;
        let what = format!("cannot be read on after order {}: {}", self.number, short(error));
        self.wrong.push(what);
        let end = self.mark.map_or(OrderNumber::ZERO, |mark| mark.number);
        let (mut out_of_reach, mut failed) = (self.number.next(), 0);
        for number in (self.number.next().0..=end.0).map(OrderNumber) {
            let key = order_key(number);
            if let Ok(Some(record)) = self.salvage.row(Tree::Orders, &key) {
                let row = read_row(&key, &record).unwrap_or_default();
                let first = row.first().map_or(number, |entry| entry.number);
                if out_of_reach < first {
                    self.wrong.push(span(out_of_reach, first.previous(), "out of reach"));
                    // Told now, and not once more as missing.
                    self.number = first.previous();
                    self.before = None;
                }
                self.step(&key, &record);
                out_of_reach = number.next();
            } else {
                failed += 1;
                if failed == MOST_FAILURES {
                    break;
                }
            }
        }
    }

    fn compare_end(&mut self) {
        if let Some(mark) = self.mark.filter(|mark| mark.number > self.number) {
            let gone = if self.whole { "gone" } else { "out of reach" };
            let orders = span(self.number.next(), mark.number, gone);
            self.rolled_back = Some(format!("{orders}, and had been synced"));
        }
    }
}

fn span(first: OrderNumber, last: OrderNumber, how: &str) -> String {
    if first >= last {
        format!("order {first} is {how}")
    } else {
        format!("orders {first} to {last} are {how}")
    }
}

/// What is wrong with the keys, from which a service makes its index: each is that of one order.
fn survey_keys(salvage: &Salvage) -> (Vec<String>, usize) {
    let (mut wrong, mut count, mut last) = (Vec::new(), 0, OrderNumber::ZERO);
    let index = KeyIndex::default();
    each_row(salvage, &mut wrong, |key, record, wrong| {
        let upto = read_number(key).unwrap_or_default();
        // A row that does not decode, and an order out of its place, is told with the log.
        for entry in read_row(key, record).unwrap_or_default() {
            let (number, key) = (entry.number, &entry.purchase.key);
            if number <= last || number > upto {
                continue;
            }
            last = number;
            // One in a row that does not decode has no key to share.
            let entry = |number| Ok::<_, Infallible>(find(salvage, number).ok().flatten());
            match index.find(key, entry).unwrap_or_else(|never| match never {}) {
                Some(other) => wrong.push(format!("orders {other} and {number} have key {key}")),
                None => wrong.extend(index.add(key, number).err().map(|error| error.to_string())),
            }
            count += 1;
        }
    });
    (wrong, count)
}

/// An order, in the first row that does not end before it.
fn find(salvage: &Salvage, number: OrderNumber) -> Result<Option<Entry>, RowError> {
    let before = order_key(number.previous());
    let (rows, _) = salvage.rows(Tree::Orders, Some(&before), 1);
    let Some((key, record)) = rows.first() else { return Ok(None) };
    Ok(read_row(key, record)?.into_iter().find(|entry| entry.number == number))
}

/// Hands over each row of the log.
fn each_row(
    salvage: &Salvage,
    wrong: &mut Vec<String>,
    mut look: impl FnMut(&[u8], &[u8], &mut Vec<String>),
) {
    let mut after = None::<Vec<u8>>;
    loop {
        let (rows, stopped) = salvage.rows(Tree::Orders, after.as_deref(), PAGE);
        let full = rows.len() == PAGE;
        for (key, row) in rows {
            look(&key, &row, wrong);
            after = Some(key);
        }
        match stopped {
            Some(error) => {
                let orders = Tree::Orders.name();
                wrong.push(format!("{orders} cannot be read further: {}", short(&error)));
                return;
            }
            None if !full => return,
            None => {}
        }
    }
}
