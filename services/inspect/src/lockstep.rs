//! Several logs side by side, up to where they part. Each is read once and by pages, however long
//! it is.

use std::collections::VecDeque;

use toystore_domain::OrderNumber;
use toystore_replication::{Entry, Position};

use crate::orders::{Entries, Orders};
use crate::source::{Stop, Unreadable};

/// Orders shown before and after a difference.
pub const AROUND: usize = 3;

/// How several logs compare.
pub struct Comparison {
    /// All logs agree up to here.
    pub equal_to: Position,
    /// Where each log ends; none where it was not read to its end.
    pub ends: Vec<Option<End>>,
    /// The first number under which two logs hold different orders.
    pub difference: Option<Difference>,
}

/// Where a log ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Its last order that can be read.
    pub last: Position,
    /// Why no more can be read.
    pub damage: Option<String>,
}

/// A difference and what surrounds it.
pub struct Difference {
    /// The number.
    pub number: OrderNumber,
    /// The orders before it, the same in each log.
    pub before: Vec<Entry>,
    /// What each log has from that number on.
    pub from_there: Vec<Vec<Entry>>,
}

impl Comparison {
    /// Whether all logs hold the same, to their ends.
    #[must_use]
    pub fn equal(&self) -> bool {
        let whole = |end: &Option<End>| {
            end.as_ref().is_some_and(|end| end.damage.is_none() && end.last == self.equal_to)
        };
        self.difference.is_none() && self.ends.iter().all(whole)
    }
}

/// A log that is being read.
struct Reading<'a> {
    entries: Entries<'a>,
    last: Position,
    end: Option<End>,
}

impl Reading<'_> {
    fn next(&mut self) -> Result<Option<Entry>, Unreadable> {
        if self.end.is_some() {
            return Ok(None);
        }
        let damage = match self.entries.next() {
            Some(Ok(entry)) => {
                self.last = entry.position();
                return Ok(Some(entry));
            }
            None => None,
            Some(Err(Stop::Damaged(what))) => Some(what),
            Some(Err(Stop::Unreadable(error))) => return Err(error),
        };
        self.end = Some(End { last: self.last, damage });
        Ok(None)
    }
}

/// Compares logs, up to an order where one is given, else to their ends.
///
/// # Errors
/// One of them cannot be read.
pub fn compare(logs: &[&Orders], upto: Option<OrderNumber>) -> Result<Comparison, Unreadable> {
    let mut readings: Vec<_> = logs
        .iter()
        .map(|orders| Reading {
            entries: orders.entries(OrderNumber::ZERO),
            last: Position::ORIGIN,
            end: None,
        })
        .collect();
    let mut equal_to = Position::ORIGIN;
    let mut before: VecDeque<Entry> = VecDeque::with_capacity(AROUND + 1);
    let mut difference = None;
    let mut number = OrderNumber::ZERO;
    while upto.is_none_or(|upto| number < upto) {
        number = number.next();
        let heads = readings.iter_mut().map(Reading::next).collect::<Result<Vec<_>, _>>()?;
        let mut present = heads.iter().flatten();
        let Some(first) = present.next() else { break };
        if present.any(|entry| entry != first) {
            difference = Some(Difference {
                number,
                before: before.into(),
                from_there: what_follows(heads, &mut readings)?,
            });
            break;
        }
        if heads.iter().all(Option::is_some) {
            equal_to = first.position();
        }
        before.push_back(first.clone());
        if before.len() > AROUND {
            before.pop_front();
        }
    }
    let ends = readings.into_iter().map(|reading| reading.end).collect();
    Ok(Comparison { equal_to, ends, difference })
}

fn what_follows(
    heads: Vec<Option<Entry>>,
    readings: &mut [Reading<'_>],
) -> Result<Vec<Vec<Entry>>, Unreadable> {
    let mut all = Vec::with_capacity(heads.len());
    for (head, reading) in heads.into_iter().zip(readings) {
        let mut entries: Vec<Entry> = head.into_iter().collect();
        while entries.len() <= AROUND {
            match reading.next()? {
                Some(entry) => entries.push(entry),
                None => break,
            }
        }
        all.push(entries);
    }
    Ok(all)
}
