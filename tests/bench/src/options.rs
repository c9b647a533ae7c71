//! The command line.

use std::path::PathBuf;

use structopt::StructOpt;
use structopt::clap::AppSettings;

use crate::scenarios::{self, Scenario};

const EXAMPLES: &str = "\
EXAMPLES:
    Everything, in the sizes of docs/performance.md, and then the document:
        bench run && bench report
    Whether everything works, in a few minutes:
        bench run --quick
    One question, with more repeats, on another disk:
        bench run --only orders --repeats 5 --data /mnt/disk/bench

EXIT CODES:
    0  everything asked for was measured, or written
    1  something was not; one line on standard error says why
    2  usage
  130  stopped by Ctrl-C or SIGTERM";

/// Measures the store beside others, side by side in one run on one machine
///
/// Everything is a process of its own on this machine: the store (a catalog, three order replicas,
/// a front end), three members of etcd, and this program, which makes the load. A quiet machine
/// gives figures that mean something; `run` prints each table as soon as it is measured.
#[derive(Debug, StructOpt)]
#[structopt(name = "bench", after_help = EXAMPLES,
    setting = AppSettings::SubcommandRequiredElseHelp)]
pub enum Options {
    /// Measures, and keeps what it found as RESULTS/NAME.json
    Run(Run),
    /// Writes tables into the document and plots beside it, out of what was kept
    Report(Report),
    /// Lists what can be measured
    List,
    /// A bare web server, for comparison
    #[structopt(setting = AppSettings::Hidden)]
    Bare(Bare),
}

/// What `run` takes.
#[derive(Debug, StructOpt)]
pub struct Run {
    /// Smaller sizes and shorter times: shows that everything works, not how fast it is
    #[structopt(long)]
    pub quick: bool,
    /// Only these questions, separated by commas; `bench list` lists them
    #[structopt(long, value_name = "NAME,...", require_delimiter = true,
        parse(try_from_str = scenarios::named))]
    pub only: Vec<&'static Scenario>,
    /// How often each comparison is repeated, in turn with what it is compared with, 1 to 100
    /// [default: 3; 1 with --quick]
    #[structopt(long, value_name = "N", parse(try_from_str = repeats))]
    pub repeats: Option<usize>,
    /// Where databases are made and removed again; a disk, for memory syncs at no cost
    #[structopt(long, value_name = "DIR", default_value = "target/bench-data")]
    pub data: PathBuf,
    /// Where the results go
    #[structopt(long, value_name = "DIR", default_value = "docs/performance")]
    pub results: PathBuf,
}

impl Run {
    /// How often.
    pub fn repeats(&self) -> usize {
        self.repeats.unwrap_or(if self.quick { 1 } else { 3 })
    }
}

/// What `report` takes.
#[derive(Debug, StructOpt)]
pub struct Report {
    /// Where the results are
    #[structopt(long, value_name = "DIR", default_value = "docs/performance")]
    pub results: PathBuf,
    /// The document; only what stands between <!-- bench:NAME --> and <!-- /bench:NAME --> is
    /// written anew. Plots go into the folder beside it that has its name
    #[structopt(long, value_name = "FILE", default_value = "docs/performance.md")]
    pub document: PathBuf,
}

/// What `bare` takes.
#[derive(Debug, StructOpt)]
pub struct Bare {
    /// Where it listens, on 127.0.0.1
    #[structopt(long)]
    pub port: u16,
    /// NAME=BODY: what is answered at /products/NAME
    #[structopt(long, parse(try_from_str = pair))]
    pub page: Vec<(String, String)>,
    /// NAME=VALUE: a header of every answer
    #[structopt(long, parse(try_from_str = pair))]
    pub header: Vec<(String, String)>,
}

fn repeats(text: &str) -> Result<usize, &'static str> {
    let number = text.parse().ok().filter(|number| (1..=100).contains(number));
    number.ok_or("must be a whole number from 1 to 100")
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
