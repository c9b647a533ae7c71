//! The command line of the catalog.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use structopt::StructOpt;
use toystore_host::Address;
use toystore_host::exit::SERVICE_HELP;
use toystore_host::fail_point::{self, Fate, NoFailPoint, Process};
use toystore_host::limits::{LEASE, LEASE_MAX, RESTOCK_INTERVAL};
use toystore_host::options::{
    CatalogOption, LogOption, ReplicasOption, TokenOption, folder_problem, replica_id,
};
use toystore_host::tls::{TlsFiles, TlsOption};
use toystore_replication::ReplicaId;

use crate::seed;

static DEFAULT_LEASE: LazyLock<String> = LazyLock::new(|| LEASE.as_millis().to_string());
static FAIL_POINTS: LazyLock<String> = LazyLock::new(|| fail_point::help(Process::Catalog));
static HELP: LazyLock<String> = LazyLock::new(|| format!("{EXAMPLES}\n\n{SERVICE_HELP}"));
static DEFAULT_RESTOCK: LazyLock<String> =
    LazyLock::new(|| RESTOCK_INTERVAL.as_millis().to_string());

const EXAMPLES: &str = "\
EXAMPLES:
    A store on this machine, with everything where it is by default:
        toystore-catalog serve --data data/run/catalog --products data/catalog.csv
    After the catalog's disk was lost, with the replicas running:
        toystore-catalog recover --help
    After every replica that holds all orders is gone for good:
        toystore-catalog force-leader --help

The options of each command: toystore-catalog COMMAND --help";

/// Products, prices and stock, and the authority on who leads the order replicas.
#[derive(Clone, Debug, StructOpt)]
#[structopt(name = "toystore-catalog", after_help = HELP.as_str())]
pub struct Options {
    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub log: LogOption,

    /// What to do.
    #[structopt(subcommand)]
    pub command: Command,
}

#[allow(missing_docs)] // A docstring here would replace the program's own at the top of --help.
#[derive(Clone, Debug, StructOpt)]
pub enum Command {
    /// Serve. The first start fills a new database from --products.
    Serve(Serve),
    /// UNCLEAN: make one replica lead alone, though acknowledged orders may be lost.
    ///
    /// For when every replica that holds all acknowledged orders is gone for good. The catalog
    /// must be running. Orders that the catalog kept as second disk are placed again.
    ForceLeader(ForceLeader),
    /// Rebuild a lost catalog from the running order replicas, into a new folder.
    ///
    /// Products come from --products, with a line for every product that was ever sold; what was
    /// sold comes from the most complete log, so all of --replicas must answer. Nothing may be at
    /// --data. Changes that an administrator made to prices and stock are not known to the replicas. Start the
    /// catalog on the new folder afterwards.
    Recover(Recover),
}

impl Options {
    /// Why these options make no sense together.
    #[must_use]
    pub fn misuse(&self) -> Option<String> {
        let incomplete = |files: &TlsFiles| files.complete().err().map(|error| error.to_string());
        match &self.command {
            Command::Serve(serve) => serve.tls.misuse(&serve.listen),
            Command::ForceLeader(force) => incomplete(&force.tls),
            Command::Recover(recover) => incomplete(&recover.tls),
        }
    }

    /// What is wrong with these options together, or on this machine.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let unusable = |files: &TlsFiles| files.read().err().map(|error| error.to_string());
        match &self.command {
            Command::Serve(serve) => {
                let data = &serve.database.data;
                let own = serve.cluster.problem("the catalog", &serve.listen);
                let products = (!data.exists()).then(|| serve.database.products_problem());
                let (token, tls) = (serve.token.problem(), serve.tls.problem(&serve.listen));
                let problems = [token, tls, folder_problem(data), products.flatten(), own];
                problems.into_iter().flatten().collect()
            }
            Command::ForceLeader(force) => {
                [force.token.problem(), unusable(&force.tls)].into_iter().flatten().collect()
            }
            Command::Recover(recover) => {
                let data = &recover.database.data;
                let taken =
                    data.exists().then(|| format!("{}: something is there", data.display()));
                let place = taken.or_else(|| folder_problem(data));
                let products = recover.database.products_problem();
                let (token, tls) = (recover.token.problem(), unusable(&recover.tls));
                [token, tls, place, products].into_iter().flatten().collect()
            }
        }
    }
}

#[allow(missing_docs)] // As with the groups that several processes share.
#[derive(Clone, Debug, StructOpt)]
pub struct Database {
    /// The folder of its database; made where nothing is yet.
    #[structopt(
        long,
        env = "TOYSTORE_CATALOG_DATA",
        value_name = "DIR",
        default_value = "data/run/catalog"
    )]
    pub data: PathBuf,

    /// The CSV file (name,price,stock) that fills a new database; not read again later.
    #[structopt(
        long,
        env = "TOYSTORE_PRODUCTS",
        value_name = "FILE",
        default_value = "data/catalog.csv"
    )]
    pub products: PathBuf,
}

impl Database {
    fn products_problem(&self) -> Option<String> {
        seed::read(&self.products).err().map(|error| error.to_string())
    }
}

/// `toystore-catalog serve`.
#[derive(Clone, Debug, StructOpt)]
pub struct Serve {
    /// Where it listens.
    #[structopt(
        long,
        env = "TOYSTORE_CATALOG_LISTEN",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:10086"
    )]
    pub listen: Address,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub database: Database,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub cluster: ReplicasOption,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub token: TokenOption,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub tls: TlsOption,

    /// How long a front end may cache without hearing from the catalog, in milliseconds.
    ///
    /// A front end that hangs delays the next purchase by at most this, once.
    #[structopt(
        long = "lease-ms",
        env = "TOYSTORE_LEASE_MS",
        value_name = "MS",
        default_value = DEFAULT_LEASE.as_str(),
        parse(try_from_str = parse_lease)
    )]
    pub lease: Duration,

    /// How often sold-out products go back to 100, in milliseconds.
    #[structopt(
        long = "restock-ms",
        env = "TOYSTORE_RESTOCK_MS",
        value_name = "MS",
        default_value = DEFAULT_RESTOCK.as_str(),
        parse(try_from_str = parse_restock)
    )]
    pub restock: Duration,

    /// For exercises and tests: kill this process at a dangerous moment. --help lists them.
    #[structopt(
        long,
        env = "TOYSTORE_CATALOG_FAIL_POINT",
        value_name = "NAME[:N]",
        long_help = FAIL_POINTS.as_str(),
        parse(try_from_str = parse_fail_point)
    )]
    pub fail_point: Option<Fate>,
}

/// `toystore-catalog force-leader`.
#[derive(Clone, Debug, StructOpt)]
pub struct ForceLeader {
    /// The replica that is to lead, 1 to 9.
    #[structopt(long, parse(try_from_str = replica_id))]
    pub replica: ReplicaId,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub catalog: CatalogOption,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub token: TokenOption,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub tls: TlsFiles,

    /// You know that acknowledged orders may be lost for good.
    #[structopt(long)]
    pub accept_lost_orders: bool,
}

/// `toystore-catalog recover`.
#[derive(Clone, Debug, StructOpt)]
pub struct Recover {
    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub database: Database,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub cluster: ReplicasOption,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub token: TokenOption,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub tls: TlsFiles,
}

fn parse_fail_point(text: &str) -> Result<Fate, NoFailPoint> {
    Fate::parse(Process::Catalog, text)
}

fn parse_lease(text: &str) -> Result<Duration, String> {
    let most = LEASE_MAX.as_millis();
    match text.parse().map(Duration::from_millis) {
        Ok(lease) if (100..=most).contains(&lease.as_millis()) => Ok(lease),
        _ => Err(format!("write a number of milliseconds from 100 to {most}")),
    }
}

fn parse_restock(text: &str) -> Result<Duration, &'static str> {
    match text.parse() {
        Ok(millis @ 10..=86_400_000) => Ok(Duration::from_millis(millis)),
        _ => Err("write a number of milliseconds from 10 to 86400000"),
    }
}
