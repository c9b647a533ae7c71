//! `verify`: each source alone, then all of them against each other.
//!
//! | file | checks |
//! |---|---|
//! | `replica` | an order replica alone |
//! | `survey` | a damaged one, row by row |
//! | `authority` | the catalog alone |
//! | `together` | replicas against each other, and the stock equation across the catalog and a log |

pub mod authority;
mod replica;
mod survey;
mod together;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;

use crate::options::Several;
use crate::source::{Loader, Source};
use crate::{Exit, Failure};

/// Lines about one check of one source; what is beyond is counted.
const LISTED: usize = 20;

/// What came out of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Sound.
    Ok,
    /// Worth knowing, and no fault.
    Info,
    /// Damaged.
    Damaged,
    /// It could not be checked.
    Unread,
}

/// A line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What came out.
    pub state: State,
    /// Of which source.
    pub source: String,
    /// Of which check.
    pub check: &'static str,
    /// What there is to say.
    pub what: String,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Report(Vec<Finding>);

impl Report {
    fn add(&mut self, state: State, source: &str, check: &'static str, what: impl Into<String>) {
        let (source, what) = (source.to_owned(), what.into());
        self.0.push(Finding { state, source, check, what });
    }

    /// What is wrong, a line each, or that nothing is.
    fn judge(&mut self, source: &str, check: &'static str, wrong: &[String], right: String) {
        if wrong.is_empty() {
            return self.add(State::Ok, source, check, right);
        }
        self.list(State::Damaged, source, check, wrong);
    }

    fn list(&mut self, state: State, source: &str, check: &'static str, lines: &[String]) {
        for what in lines.iter().take(LISTED) {
            self.add(state, source, check, what);
        }
        if let Some(more @ 1..) = lines.len().checked_sub(LISTED) {
            self.add(state, source, check, format!("and {more} more"));
        }
    }

    /// What is not sound, each thing in a line.
    pub fn faults(&self) -> impl Iterator<Item = String> + '_ {
        let faults = self.0.iter().filter(|f| matches!(f.state, State::Damaged | State::Unread));
        faults.map(|Finding { source, check, what, .. }| format!("{source}, {check}: {what}"))
    }

    /// Damage is certain, whatever else could not be read.
    fn exit(&self) -> Exit {
        let any = |state| self.0.iter().any(|finding| finding.state == state);
        match (any(State::Damaged), any(State::Unread)) {
            (true, _) => Exit::Wrong,
            (false, true) => Exit::Unreadable,
            (false, false) => Exit::Fine,
        }
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = |part: fn(&Finding) -> &str| {
            self.0.iter().map(|finding| part(finding).chars().count()).max().unwrap_or(0)
        };
        let (sources, checks) = (width(|f| &f.source), width(|f| f.check));
        for Finding { state, source, check, what } in &self.0 {
            let state = match state {
                State::Ok => "ok",
                State::Info => "info",
                State::Damaged => "DAMAGED",
                State::Unread => "UNREAD",
            };
            writeln!(out, "{state:<7}  {source:<sources$}  {check:<checks$}  {what}")?;
        }
        Ok(())
    }
}

/// Checks sources.
///
/// # Errors
/// Nothing can be printed.
pub fn verify(
    options: &Several,
    loader: &mut Loader,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let mut report = Report::default();
    let mut sources = Vec::new();
    for (place, source) in loader.load_each(&options.sources) {
        match source {
            Ok(source) => sources.push(source),
            Err(error) => {
                eprintln!("toystore-inspect: {error}");
                report.add(State::Unread, &place.to_string(), "reading", error.to_string());
            }
        }
    }
    examine(&sources, &mut report);
    if options.json {
        let sound = report.exit() == Exit::Fine;
        writeln!(out, "{}", json!({"sound": sound, "findings": report.0}))?;
    } else {
        report.print(out)?;
    }
    Ok(report.exit())
}

/// Checks each source, and all of them against each other.
pub fn examine(sources: &[Source], report: &mut Report) {
    let (mut replicas, mut catalogs) = (Vec::new(), Vec::new());
    for source in sources {
        match source {
            Source::Orders(orders) => {
                replica::check(orders, report);
                replicas.push(orders);
            }
            Source::Catalog(catalog) => {
                authority::check(catalog, report);
                catalogs.push(catalog);
            }
            Source::Ruin { name, damage } => {
                report.add(State::Damaged, name, "opening", damage);
            }
        }
    }
    together::check(&replicas, &catalogs, report);
}
