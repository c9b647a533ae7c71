//! The command line.

use std::path::{Path, PathBuf};

use structopt::StructOpt;

use crate::distance::Distance;
use crate::parts::{self, Part};

const EXAMPLES: &str = "\
EXAMPLES:
    Everything, in at most about 25 minutes:
        eval
    Whether everything works, in at most two minutes:
        eval --quick
    What the cache brings when the front end is 10 ms away from all it asks:
        eval --only distances --inject-delay inside:10
    The leader's crash, again with the choices of an earlier run:
        eval --only leader --seed 7
    The load of the whole report measured anew:
        eval --only load --results docs/evaluation

EXIT CODES:
    0  everything asked for was measured, and the report is written
    1  something was not; one line on standard error says why
    2  usage
  130  stopped by Ctrl-C or SIGTERM";

/// Evaluates the store: load, what the cache brings, what crashes do
///
/// Each store is a real one: a catalog, three order replicas and a front end, each a process of its
/// own on this machine. What was measured goes to RESULTS/*.json; report.md, tables as CSV and
/// plots are written anew out of all of it. A quiet machine gives figures that mean something.
#[derive(Debug, StructOpt)]
#[structopt(name = "eval", after_help = EXAMPLES)]
pub struct Options {
    /// Smaller sizes and fewer repeats: shows that everything works
    #[structopt(long)]
    pub quick: bool,
    /// Only these parts, separated by commas: load, sweep, distances, crashes, or single crashes:
    /// follower, leader, random, two, catalog, front-end, paused
    #[structopt(long, value_name = "NAME,...", require_delimiter = true,
        parse(try_from_str = parts::named))]
    pub only: Vec<Part>,
    /// Delays for the part `distances`, there and back in milliseconds: client:MS between
    /// customers and the front end, inside:MS between the front end and what is behind it
    /// [default: client:50,inside:5,inside:20; client:10,inside:5 with --quick]
    #[structopt(long, value_name = "PLACE:MS,...", require_delimiter = true)]
    pub inject_delay: Vec<Distance>,
    /// Repeats a run's choices; made up when left out, and named in the report
    #[structopt(long)]
    pub seed: Option<u64>,
    /// How often comparisons are repeated at most, 2 to 100; crashes at most three times
    /// [default: 10; 3 with --quick]
    #[structopt(long, value_name = "N", parse(try_from_str = repeats))]
    pub repeats: Option<usize>,
    /// Sizes in percent of the usual ones, 1 to 1000, for a slow machine or a long look
    #[structopt(long, value_name = "PERCENT", default_value = "100",
        parse(try_from_str = percent))]
    pub scale: usize,
    /// Measures nothing: writes the report out of what was measured before
    #[structopt(long)]
    pub report_only: bool,
    /// Where databases are made and removed again; a disk, for memory syncs at no cost
    #[structopt(long, value_name = "DIR", default_value = "target/eval-data")]
    pub data: PathBuf,
    /// Where the report goes
    /// [default: docs/evaluation; target/eval with --quick, --only, or a --scale below 100]
    #[structopt(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
}

impl Options {
    /// Where the report goes. What is less than a whole run must be told to replace the report of
    /// one.
    #[must_use]
    pub fn results(&self) -> &Path {
        let less = self.quick || !self.only.is_empty() || self.scale < 100;
        let usual = if less { "target/eval" } else { "docs/evaluation" };
        self.results.as_deref().unwrap_or(Path::new(usual))
    }
}

fn percent(text: &str) -> Result<usize, &'static str> {
    let number = text.parse().ok().filter(|number| (1..=1000).contains(number));
    number.ok_or("must be a whole number from 1 to 1000")
}

fn repeats(text: &str) -> Result<usize, &'static str> {
    let number = text.parse().ok().filter(|number| (2..=100).contains(number));
    number.ok_or("must be a whole number from 2 to 100")
}
