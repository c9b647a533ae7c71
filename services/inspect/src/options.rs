//! The command line and its bounds.

use std::path::PathBuf;
use std::str::FromStr;

use structopt::StructOpt;
use toystore_domain::OrderNumber;

use crate::source::Place;

const EXAMPLES: &str = "\
EXAMPLES:
    toystore-inspect verify data/run/catalog data/run/order-1 data/run/order-2
    toystore-inspect verify http://127.0.0.1:10086 http://127.0.0.1:10010
    toystore-inspect diff data/run/order-1 data/run/order-2
    toystore-inspect dump data/run/order-1 --from 100 --to 120 --format csv
    toystore-inspect stats http://127.0.0.1:10010 --json

A SOURCE is a data folder, of an order replica or of the catalog, or the address of one that runs.
A folder in use by a running process is refused: name its address. A folder is never changed.

EXIT CODES:
    0  sound, or the same
    1  damaged, or different
    2  usage, or a source could not be read";

const STOCK: &str = "\
Each source is checked alone. Replicas are checked against each other up to what all of them have
committed. The catalog and replicas that are in sync with it are checked for the stock equation:
what the log sold is what the catalog sold and still holds.

EXAMPLE:
    toystore-inspect verify data/run/catalog data/run/order-1 data/run/order-2 data/run/order-3";

/// Looks into the data of the toy store: what is in it, whether it is sound, where two differ
#[derive(Debug, StructOpt)]
#[structopt(name = "toystore-inspect", after_help = EXAMPLES)]
pub struct Options {
    /// What to do.
    #[structopt(subcommand)]
    command: Command,
    /// The file with the token for running services
    #[structopt(
        long,
        global = true,
        value_name = "FILE",
        env = "TOYSTORE_CLUSTER_TOKEN",
        default_value = "data/run/cluster.token",
        parse(from_os_str)
    )]
    cluster_token: PathBuf,
}

impl Options {
    /// The file with the token, and what to do.
    #[must_use]
    pub fn split(self) -> (PathBuf, Command) {
        (self.cluster_token, self.command)
    }
}

// The parser takes the doc of the commands for that of the program.
/// Looks into the data of the toy store: what is in it, whether it is sound, where two differ
#[derive(Debug, StructOpt)]
pub enum Command {
    /// Prints every row; stops at the first damage, with exit code 1
    Dump(Dump),
    /// Checks each source, and all of them against each other
    #[structopt(after_help = STOCK)]
    Verify(Several),
    /// Prints the first difference between replicas, or between catalogs
    Diff(Several),
    /// Prints counts and totals
    Stats(Several),
}

/// What `dump` takes.
#[derive(Debug, StructOpt)]
pub struct Dump {
    /// Data folders, or addresses like http://127.0.0.1:10010
    #[structopt(name = "SOURCE", required = true)]
    pub sources: Vec<Place>,
    /// The first order
    #[structopt(long, value_name = "NUMBER", parse(try_from_str = number))]
    pub from: Option<OrderNumber>,
    /// The last order
    #[structopt(long, value_name = "NUMBER", parse(try_from_str = number))]
    pub to: Option<OrderNumber>,
    /// table, jsonl (one JSON object a line) or csv
    #[structopt(long, default_value = "table")]
    pub format: Format,
}

/// What the other commands take.
#[derive(Debug, StructOpt)]
pub struct Several {
    /// Data folders, or addresses like http://127.0.0.1:10010
    #[structopt(name = "SOURCE", required = true)]
    pub sources: Vec<Place>,
    /// Prints one JSON document, for programs
    #[structopt(long)]
    pub json: bool,
}

/// How rows look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object a line.
    JsonLines,
    /// One head, then one line a row.
    Csv,
}

impl FromStr for Format {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "table" => Ok(Self::Table),
            "jsonl" => Ok(Self::JsonLines),
            "csv" => Ok(Self::Csv),
            _ => Err("must be table, jsonl or csv"),
        }
    }
}

fn number(text: &str) -> Result<OrderNumber, &'static str> {
    OrderNumber::parse(text).ok_or("must be a whole number from 1, without a sign")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_before_or_after_the_command() {
        for args in [
            ["i", "--cluster-token", "t", "verify", "a", "b"],
            ["i", "verify", "--cluster-token", "t", "a", "b"],
            ["i", "verify", "a", "b", "--cluster-token", "t"],
        ] {
            let (token, command) = Options::from_iter_safe(args).unwrap().split();
            assert_eq!(token, PathBuf::from("t"));
            assert!(
                matches!(command, Command::Verify(Several { sources, .. }) if sources.len() == 2)
            );
        }
    }

    #[test]
    fn bounds_hold() {
        for args in [
            vec!["i", "dump"],
            vec!["i", "dump", "a", "--from", "0"],
            vec!["i", "dump", "a", "--format", "xml"],
            vec!["i", "stats", "https://a:1"],
            vec!["i", "stats", "http://a"],
        ] {
            assert!(Options::from_iter_safe(&args).is_err(), "{args:?}");
        }
    }
}
