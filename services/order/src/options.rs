//! The command line of an order replica.

use std::path::PathBuf;
use std::sync::LazyLock;

use structopt::StructOpt;
use toystore_host::Address;
use toystore_host::exit::SERVICE_HELP;
use toystore_host::fail_point::{self, Fate, NoFailPoint, Process};
use toystore_host::options::{
    CatalogOption, LogOption, ReplicasOption, TokenOption, folder_problem, replica_id,
};
use toystore_host::tls::TlsOption;
use toystore_replication::ReplicaId;

use crate::OrderError;

static FAIL_POINTS: LazyLock<String> = LazyLock::new(|| fail_point::help(Process::Order));

/// One replica of the order log.
///
/// Replicas copy each order among them before it is acknowledged. Start one process for each id
/// named in --replicas; a front end chooses who leads. A replica that was away catches up by
/// itself before it takes part again.
///
/// Example: toystore-order --id 1 --data data/run/order-1
#[derive(Clone, Debug, StructOpt)]
#[structopt(name = "toystore-order", after_help = SERVICE_HELP)]
pub struct Options {
    /// Which of --replicas this process is, 1 to 9.
    #[structopt(long, env = "TOYSTORE_ORDER_ID", parse(try_from_str = replica_id))]
    pub id: ReplicaId,

    /// The folder of its database; made at the first start.
    #[structopt(long, env = "TOYSTORE_ORDER_DATA", value_name = "DIR")]
    pub data: PathBuf,

    /// Where it listens [default: its address in --replicas].
    #[structopt(long, env = "TOYSTORE_ORDER_LISTEN", value_name = "HOST:PORT")]
    pub listen: Option<Address>,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub cluster: ReplicasOption,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub catalog: CatalogOption,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub token: TokenOption,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub tls: TlsOption,

    /// As leader, refuse orders while fewer replicas than this are in sync, itself included.
    ///
    /// 1 takes orders as long as any replica lives (the catalog is the second disk then); more
    /// trades that availability for copies on that many replicas.
    #[structopt(
        long,
        env = "TOYSTORE_MIN_IN_SYNC",
        value_name = "N",
        default_value = "1",
        parse(try_from_str = parse_min)
    )]
    pub min_in_sync: usize,

    /// Set a damaged database aside (it is kept, as DIR.damaged-1) and catch up from the others.
    /// [env: TOYSTORE_REPLACE_DAMAGED=1]
    #[structopt(long)]
    pub replace_damaged: bool,

    /// For exercises and tests: kill this process at a dangerous moment. --help lists them.
    #[structopt(
        long,
        env = "TOYSTORE_ORDER_FAIL_POINT",
        value_name = "NAME[:N]",
        long_help = FAIL_POINTS.as_str(),
        parse(try_from_str = parse_fail_point)
    )]
    pub fail_point: Option<Fate>,

    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub log: LogOption,
}

impl Options {
    /// Whether a damaged database is to be replaced; the parser reads no flag from the environment.
    #[must_use]
    pub fn replaces_damaged(&self) -> bool {
        let asked = std::env::var_os("TOYSTORE_REPLACE_DAMAGED");
        self.replace_damaged || asked.is_some_and(|value| value == "1")
    }

    /// Where this replica listens.
    ///
    /// # Errors
    /// Its id is not among the replicas.
    pub fn listen_address(&self) -> Result<Address, OrderError> {
        let configured =
            self.cluster.replicas.address(self.id).ok_or(OrderError::NotConfigured(self.id))?;
        Ok(self.listen.clone().unwrap_or_else(|| configured.clone()))
    }

    /// Checks that enough replicas are configured.
    ///
    /// # Errors
    /// More copies are demanded.
    pub fn check_min_in_sync(&self) -> Result<(), OrderError> {
        let configured = self.cluster.replicas.replicas.len();
        match self.min_in_sync <= configured {
            true => Ok(()),
            false => Err(OrderError::TooFewReplicas(self.min_in_sync, configured)),
        }
    }

    /// Why these options make no sense together.
    #[must_use]
    pub fn misuse(&self) -> Option<String> {
        self.tls.misuse(&self.listen_address().ok()?)
    }

    /// What is wrong with these options together, or on this machine.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let (listen, tls) = match self.listen_address() {
            Ok(address) => (None, self.tls.problem(&address)),
            Err(error) => (Some(error.to_string()), None),
        };
        let copies = self.check_min_in_sync().err().map(|error| error.to_string());
        let catalog = self.cluster.problem("the catalog", &self.catalog.catalog);
        let data = folder_problem(&self.data);
        [listen, tls, copies, catalog, self.token.problem(), data].into_iter().flatten().collect()
    }
}

fn parse_fail_point(text: &str) -> Result<Fate, NoFailPoint> {
    Fate::parse(Process::Order, text)
}

fn parse_min(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        Ok(number @ 1..=9) => Ok(number),
        _ => Err("write a number from 1 to 9"),
    }
}
