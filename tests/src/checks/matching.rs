//! Which of many jobs did which of many things in a row: a matching, found greedily.
//!
//! Things happen one after the other, each within a span of its own; spans rise with the row.
//! A job can have done a thing if its own span meets that of the thing. Since spans rise, that is
//! a range of the row for each job, and the greedy choice of the job whose range ends first finds
//! a matching if there is one (Glover, 1967).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::history::Moment;

/// An open span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// After this.
    pub after: Moment,
    /// Before this.
    pub before: Moment,
}

/// Why there is no matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// No job is left for the thing at this place of the row.
    Thing(usize),
    /// Nothing is left for this job.
    Job(usize),
}

/// Looks for a matching in which every thing has a job and every job a thing.
///
/// # Errors
/// There is none.
pub fn matched(row: &[Span], jobs: &[Span]) -> Result<(), Unmatched> {
    // The range of each job, sorted by where it starts.
    let mut ranges: Vec<_> = jobs
        .iter()
        .enumerate()
        .map(|(job, span)| {
            let first = row.partition_point(|thing| thing.before <= span.after);
            let end = row.partition_point(|thing| thing.after < span.before);
            (first, end, job)
        })
        .collect();
    ranges.sort_unstable();
    let mut ranges = ranges.into_iter().peekable();
    let mut open = BinaryHeap::new();
    for place in 0..row.len() {
        while let Some((_, end, job)) = ranges.next_if(|(first, ..)| *first <= place) {
            open.push(Reverse((end, job)));
        }
        match open.pop() {
            None => return Err(Unmatched::Thing(place)),
            Some(Reverse((end, job))) if end <= place => return Err(Unmatched::Job(job)),
            Some(_) => {}
        }
    }
    let left = open.pop().map(|Reverse((_, job))| job);
    match left.or_else(|| ranges.next().map(|(_, _, job)| job)) {
        Some(job) => Err(Unmatched::Job(job)),
        None => Ok(()),
    }
}
