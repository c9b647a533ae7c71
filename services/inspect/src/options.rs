//! The command line and its bounds.

use std::path::PathBuf;
use std::str::FromStr;

use structopt::StructOpt;
use toystore_domain::{OrderKey, OrderNumber, ProductName};
use toystore_tls::TlsFiles;

use crate::source::Place;

mod help;

/// Looks into the data of the toy store: what is in it, whether it is sound, where two differ
#[derive(Debug, StructOpt)]
#[structopt(name = "toystore-inspect", after_help = help::EXAMPLES)]
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
    #[allow(missing_docs)]
    #[structopt(flatten)]
    tls: TlsFiles,
}

impl Options {
    /// How to reach services, and what to do.
    #[must_use]
    pub fn split(self) -> (Access, Command) {
        (Access { token: self.cluster_token, tls: self.tls }, self.command)
    }

    /// What is wrong with these options together.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.tls.read().err().map(|error| error.to_string()).into_iter().collect()
    }
}

/// What running services want to see of a caller.
#[derive(Clone, Debug)]
pub struct Access {
    /// The file with the token.
    pub token: PathBuf,
    /// The files for TLS.
    pub tls: TlsFiles,
}

// The parser takes the doc of the commands for that of the program.
/// Looks into the data of the toy store: what is in it, whether it is sound, where two differ
#[derive(Debug, StructOpt)]
pub enum Command {
    /// Prints rows; stops at the first damage, with exit code 1
    #[structopt(after_help = help::DUMP)]
    Dump(Dump),
    /// Checks each source, and all of them against each other
    #[structopt(after_help = help::VERIFY)]
    Verify(Several),
    /// Prints the first difference between replicas, or between catalogs, and what surrounds it
    #[structopt(after_help = help::DIFF)]
    Diff(Several),
    /// Prints counts and totals
    #[structopt(after_help = help::STATS)]
    Stats(Several),
    /// Writes one replica, or the catalog, into a portable file
    #[structopt(after_help = help::EXPORT)]
    Export(Export),
    /// Makes a data folder of such a file
    #[structopt(after_help = help::IMPORT)]
    Import(Import),
    /// Writes a whole store into one file, while it goes on serving
    #[structopt(after_help = help::BACKUP)]
    Backup(Backup),
    /// Makes the folders of a new store of such a file
    #[structopt(after_help = help::RESTORE)]
    Restore(Restore),
}

/// What `dump` takes.
#[derive(Debug, StructOpt)]
pub struct Dump {
    /// Data folders, dumps, or addresses like http://127.0.0.1:10010
    #[structopt(name = "SOURCE", required = true)]
    pub sources: Vec<Place>,
    /// Only these kinds of rows: orders, products, reservations, restocks, view
    #[structopt(long, value_name = "KIND", use_delimiter = true)]
    pub kind: Vec<RowKind>,
    /// The first order
    #[structopt(long, value_name = "NUMBER", parse(try_from_str = number))]
    pub from: Option<OrderNumber>,
    /// The last order
    #[structopt(long, value_name = "NUMBER", parse(try_from_str = number))]
    pub to: Option<OrderNumber>,
    /// Only rows about this product
    #[structopt(long, value_name = "NAME", parse(try_from_str = name))]
    pub product: Option<ProductName>,
    /// Only the order or the reservation under this idempotency key
    #[structopt(long, value_name = "KEY", parse(try_from_str = key))]
    pub key: Option<OrderKey>,
    /// table, jsonl (one JSON object a line) or csv
    #[structopt(long, default_value = "table")]
    pub format: Format,
}

/// What `verify`, `diff` and `stats` take.
#[derive(Debug, StructOpt)]
pub struct Several {
    /// Data folders, dumps, or addresses like http://127.0.0.1:10010
    #[structopt(name = "SOURCE", required = true)]
    pub sources: Vec<Place>,
    /// Prints one JSON document, for programs
    #[structopt(long)]
    pub json: bool,
}

/// What `export` takes.
#[derive(Debug, StructOpt)]
pub struct Export {
    /// A data folder, or an address like http://127.0.0.1:10010
    #[structopt(name = "SOURCE")]
    pub source: Place,
    /// The file to make; nothing may be there
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    pub to: PathBuf,
    /// Prints one JSON document, for programs
    #[structopt(long)]
    pub json: bool,
}

/// What `import` takes.
#[derive(Debug, StructOpt)]
pub struct Import {
    /// The file that `export` made
    #[structopt(name = "FILE", parse(from_os_str))]
    pub file: PathBuf,
    /// As which replica, 1 to 9; as the one that was exported if left out
    #[structopt(long, value_name = "N", parse(try_from_str = replicas))]
    pub replica: Option<u8>,
    /// The folder to make; nothing may be there
    #[structopt(long, value_name = "DIR", parse(from_os_str))]
    pub to: PathBuf,
    /// Prints one JSON document, for programs
    #[structopt(long)]
    pub json: bool,
}

/// What `backup` takes.
#[derive(Debug, StructOpt)]
pub struct Backup {
    /// The catalog and the replicas, all running or all stopped
    #[structopt(name = "SOURCE", required = true)]
    pub sources: Vec<Place>,
    /// The file to make; nothing may be there
    #[structopt(long, value_name = "FILE", parse(from_os_str))]
    pub to: PathBuf,
    /// Prints one JSON document, for programs
    #[structopt(long)]
    pub json: bool,
}

/// What `restore` takes.
#[derive(Debug, StructOpt)]
pub struct Restore {
    /// The file that `backup` made
    #[structopt(name = "FILE", parse(from_os_str))]
    pub file: PathBuf,
    /// Where `catalog`, `order-1` … are to be; none of them may be there
    #[structopt(long, value_name = "DIR", parse(from_os_str))]
    pub to: PathBuf,
    /// How many order replicas the store will have, 1 to 9
    #[structopt(long, value_name = "N", default_value = "3", parse(try_from_str = replicas))]
    pub replicas: u8,
    /// Prints one JSON document, for programs
    #[structopt(long)]
    pub json: bool,
}

/// A kind of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// Of a replica.
    Orders,
    /// Of the catalog: products and their books.
    Products,
    /// Of the catalog: what is held for orders under way.
    Reservations,
    /// Of the catalog: the ledger of restocks.
    Restocks,
    /// Of the catalog: who leads.
    View,
}

impl FromStr for RowKind {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "orders" => Ok(Self::Orders),
            "products" => Ok(Self::Products),
            "reservations" => Ok(Self::Reservations),
            "restocks" | "ledger" => Ok(Self::Restocks),
            "view" => Ok(Self::View),
            _ => Err("must be orders, products, reservations, restocks or view"),
        }
    }
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

fn name(text: &str) -> Result<ProductName, &'static str> {
    ProductName::new(text).ok_or("must be 1 to 200 bytes without control characters")
}

fn key(text: &str) -> Result<OrderKey, &'static str> {
    OrderKey::new(text).ok_or("must be 1 to 255 visible ASCII characters")
}

fn replicas(text: &str) -> Result<u8, &'static str> {
    let number = text.parse().ok().filter(|number| (1..=9).contains(number));
    number.ok_or("must be a number from 1 to 9")
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
            let (access, command) = Options::from_iter_safe(args).unwrap().split();
            assert_eq!(access.token, PathBuf::from("t"));
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
            vec!["i", "dump", "a", "--kind", "orders,toys"],
            vec!["i", "dump", "a", "--product", ""],
            vec!["i", "export", "a"],
            vec!["i", "restore", "a", "--to", "b", "--replicas", "10"],
            vec!["i", "stats", "ftp://a:1"],
            vec!["i", "stats", "http://a"],
        ] {
            assert!(Options::from_iter_safe(&args).is_err(), "{args:?}");
        }
    }
}
