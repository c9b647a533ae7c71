//! The command line of an order replica.

use std::path::PathBuf;
use std::sync::LazyLock;

use structopt::StructOpt;
use toystore_host::address::DEFAULT_REPLICAS;
use toystore_host::exit::SERVICE_HELP;
use toystore_host::fail_point::{self, Fate, NoFailPoint, Process};
use toystore_host::telemetry::LogFormat;
use toystore_host::{Address, ClusterConfig};
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
    #[structopt(long, env = "TOYSTORE_ORDER_ID", parse(try_from_str = parse_id))]
    pub id: ReplicaId,

    /// The folder of its database; made at the first start.
    #[structopt(long, env = "TOYSTORE_ORDER_DATA", value_name = "DIR")]
    pub data: PathBuf,

    /// Where it listens [default: its address in --replicas].
    #[structopt(long, env = "TOYSTORE_ORDER_LISTEN", value_name = "HOST:PORT")]
    pub listen: Option<Address>,

    /// Every replica and its address; the same for every process of the store.
    #[structopt(
        long,
        env = "TOYSTORE_REPLICAS",
        value_name = "ID=HOST:PORT,…",
        default_value = DEFAULT_REPLICAS
    )]
    pub replicas: ClusterConfig,

    /// Where the catalog listens.
    #[structopt(
        long,
        env = "TOYSTORE_CATALOG",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:10086"
    )]
    pub catalog: Address,

    /// The file with the secret that the store's processes share.
    #[structopt(
        long,
        env = "TOYSTORE_CLUSTER_TOKEN",
        value_name = "FILE",
        default_value = "data/run/cluster.token"
    )]
    pub cluster_token: PathBuf,

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

    /// How log lines look on standard error: text or json.
    #[structopt(long, env = "TOYSTORE_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
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
            self.replicas.address(self.id).ok_or(OrderError::NotConfigured(self.id))?;
        Ok(self.listen.clone().unwrap_or_else(|| configured.clone()))
    }
}

fn parse_id(text: &str) -> Result<ReplicaId, &'static str> {
    match text.as_bytes() {
        [digit @ b'1'..=b'9'] => Ok(ReplicaId(digit - b'0')),
        _ => Err("an id is a number from 1 to 9"),
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
