//! The command line and its bounds. What is out of bounds never gets past the parser.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use structopt::StructOpt;
use toystore_host::exit::SERVICE_HELP;
use toystore_host::fail_point::{self, Fate, NoFailPoint, Process};
use toystore_host::limits::{CACHE_CAPACITY, HEARTBEAT_INTERVAL, LEASE_DRIFT_ALLOWANCE};
use toystore_host::options::{CatalogOption, LogOption, ReplicasOption, TokenOption};
use toystore_host::set_up::SetUpError;
use toystore_host::tls::TlsOption;
use toystore_host::{Address, AdminToken, ClusterToken};

use crate::{CacheConfig, Config, StartError};

static DEFAULT_CAPACITY: LazyLock<String> = LazyLock::new(|| CACHE_CAPACITY.to_string());
static DEFAULT_HEARTBEAT: LazyLock<String> =
    LazyLock::new(|| HEARTBEAT_INTERVAL.as_millis().to_string());
static FAIL_POINTS: LazyLock<String> = LazyLock::new(|| fail_point::help(Process::FrontEnd));
static DEFAULT_DRIFT: LazyLock<String> =
    LazyLock::new(|| LEASE_DRIFT_ALLOWANCE.as_millis().to_string());

const EXAMPLES: &str = "\
EXAMPLES:
    A store on this machine, with everything where it is by default:
        toystore-front-end
    A second front end of the same store:
        toystore-front-end --listen 127.0.0.1:6061
    On a machine of its own; the catalog must be able to reach it:
        toystore-front-end --listen 0.0.0.0:6060 --advertise shop-1.local:6060 \\
            --catalog catalog.local:10086 --replicas 1=a.local:10010,2=b.local:10011 \\
            --tls-cert shop-1.crt --tls-key shop-1.key --tls-ca ca.crt
";

static HELP: LazyLock<String> = LazyLock::new(|| format!("{EXAMPLES}\n{SERVICE_HELP}"));

/// The toy store's door: the public HTTP API, a cache of products, and the choice of who leads
/// the order replicas
#[derive(Debug, StructOpt)]
#[structopt(name = "toystore-front-end", after_help = HELP.as_str())]
pub struct Options {
    /// Where customers reach it; port 0 takes any free one
    #[structopt(
        long,
        value_name = "HOST:PORT",
        env = "TOYSTORE_FRONT_END_LISTEN",
        default_value = "127.0.0.1:6060"
    )]
    pub listen: Address,
    /// Where the catalog reaches it to invalidate what it caches; left out: where it listens
    #[structopt(long, value_name = "HOST:PORT", env = "TOYSTORE_FRONT_END_ADVERTISE")]
    pub advertise: Option<Address>,
    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub catalog: CatalogOption,
    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub cluster: ReplicasOption,
    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub token: TokenOption,
    #[allow(missing_docs)]
    #[structopt(flatten)]
    pub tls: TlsOption,
    /// File with the secret that lets an administrator change products
    #[structopt(
        long,
        value_name = "FILE",
        env = "TOYSTORE_ADMIN_TOKEN",
        parse(from_os_str),
        default_value = "data/run/admin.token"
    )]
    pub admin_token: PathBuf,
    /// Whether to cache products: on or off
    #[structopt(long, value_name = "on|off", env = "TOYSTORE_CACHE", default_value = "on",
        parse(try_from_str = on_or_off))]
    pub cache: bool,
    /// How many products to cache at most, 16 to 10000000
    #[structopt(long, value_name = "N", env = "TOYSTORE_CACHE_CAPACITY",
        default_value = DEFAULT_CAPACITY.as_str(),
        parse(try_from_str = capacity))]
    pub cache_capacity: usize,
    /// Milliseconds between two looks at the leader, 10 to 10000: how soon a silent one is noticed
    #[structopt(long, value_name = "MS", env = "TOYSTORE_HEARTBEAT_MS",
        default_value = DEFAULT_HEARTBEAT.as_str(),
        parse(try_from_str = heartbeat))]
    pub heartbeat_ms: u64,
    /// Milliseconds by which two machines' clocks may drift apart during one lease, 0 to 500
    #[structopt(long, value_name = "MS", env = "TOYSTORE_LEASE_DRIFT_MS",
        default_value = DEFAULT_DRIFT.as_str(),
        parse(try_from_str = drift))]
    pub lease_drift_ms: u64,
    /// For exercises and tests: kill this process at a dangerous moment; --help lists them
    #[structopt(
        long,
        env = "TOYSTORE_FRONT_END_FAIL_POINT",
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
    /// Reads tokens and certificates, and puts the configuration together.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn config(&self) -> Result<Config, StartError> {
        let cache = CacheConfig { capacity: self.cache_capacity, drift_ms: self.lease_drift_ms };
        Ok(Config {
            advertise: self.advertise.clone(),
            catalog: self.catalog.catalog.clone(),
            cluster: self.cluster.replicas.clone(),
            cluster_token: ClusterToken::read(&self.token.cluster_token)
                .map_err(SetUpError::from)?,
            admin_token: AdminToken::read(&self.admin_token).map_err(SetUpError::from)?,
            tls: self.tls.files.read().map_err(SetUpError::from)?,
            cache: self.cache.then_some(cache),
            heartbeat: Duration::from_millis(self.heartbeat_ms),
        })
    }

    /// Why these options make no sense together.
    #[must_use]
    pub fn misuse(&self) -> Option<String> {
        self.tls.misuse(&self.listen)
    }

    /// What is wrong with these options together, or on this machine.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let admin = AdminToken::read(&self.admin_token).err().map(|error| error.to_string());
        let catalog = self.cluster.problem("the catalog", &self.catalog.catalog);
        let own = self.cluster.problem("this front end", &self.listen);
        let same = (self.listen == self.catalog.catalog).then(|| {
            format!("{} is the address of this front end and of the catalog", self.listen)
        });
        let (token, tls) = (self.token.problem(), self.tls.problem(&self.listen));
        [token, admin, tls, catalog, own, same].into_iter().flatten().collect()
    }
}

fn parse_fail_point(text: &str) -> Result<Fate, NoFailPoint> {
    Fate::parse(Process::FrontEnd, text)
}

fn on_or_off(text: &str) -> Result<bool, &'static str> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("must be on or off"),
    }
}

fn between(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}

// Below 16 the cache's admission policy would keep next to nothing.
fn capacity(text: &str) -> Result<usize, String> {
    usize::try_from(between(text, 16, 10_000_000)?).map_err(|error| error.to_string())
}

fn heartbeat(text: &str) -> Result<u64, String> {
    between(text, 10, 10_000)
}

fn drift(text: &str) -> Result<u64, String> {
    between(text, 0, 500)
}

#[cfg(test)]
mod tests {
    use toystore_host::address::DEFAULT_REPLICAS;

    use super::*;

    #[test]
    fn the_defaults_are_a_store_on_this_machine() {
        let options = Options::from_iter_safe(["front-end"]).unwrap();
        assert_eq!(options.listen.as_str(), "127.0.0.1:6060");
        assert_eq!(options.cluster.replicas.to_string(), DEFAULT_REPLICAS);
        assert!(options.cache && options.advertise.is_none());
    }

    #[test]
    fn bounds_hold() {
        for bad in [
            "--cache=maybe",
            "--cache-capacity=15",
            "--heartbeat-ms=9",
            "--heartbeat-ms=-1",
            "--lease-drift-ms=501",
            "--replicas=0=a:1",
            "--catalog=nowhere",
            "--log-format=xml",
            "--fail-point=reserved",
        ] {
            assert!(Options::from_iter_safe(["front-end", bad]).is_err(), "{bad}");
        }
        assert!(!Options::from_iter_safe(["front-end", "--cache=off"]).unwrap().cache);
    }
}
