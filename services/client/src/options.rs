//! The command line and its bounds. What is out of bounds never gets past the parser.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use rustls::ClientConfig;
use structopt::StructOpt;
use toystore_domain::{OrderKey, OrderNumber, ProductName, Quantity};
use toystore_tls::{CaFile, Tls, nobody};

use crate::Failure;

mod help;

/// A customer of the toy store: shops, checks and measures
#[derive(Debug, StructOpt)]
#[structopt(name = "toystore-client", after_help = help::EXAMPLES)]
pub enum Options {
    /// Sends customers shopping, then checks each of their orders
    #[structopt(after_help = help::RUN_EXAMPLES)]
    Run(Run),
    /// Looks at a toy
    #[structopt(after_help = help::GET_HELP)]
    Get(Get),
    /// Buys a toy
    #[structopt(after_help = help::BUY_HELP)]
    Buy(Buy),
    /// Looks up an order
    #[structopt(after_help = help::ORDER_HELP)]
    Order(Order),
    /// Puts the store under load, and measures
    #[structopt(after_help = help::LOAD_EXAMPLES)]
    Load(Load),
    /// Shows who leads and who keeps up
    #[structopt(after_help = help::STATUS_HELP)]
    Status(Status),
}

/// What `run` takes.
#[derive(Debug, StructOpt)]
pub struct Run {
    /// Where to shop.
    #[structopt(flatten)]
    pub reach: Reach,
    /// How many customers shop at once, 1 to 1000
    #[structopt(long, env = "TOYSTORE_CLIENTS", default_value = "5", parse(try_from_str = clients))]
    pub clients: u64,
    /// How many times each customer looks at a toy, 1 to 10000000
    #[structopt(long, env = "TOYSTORE_ITERATIONS", default_value = "200",
        parse(try_from_str = iterations))]
    pub iterations: u64,
    /// How likely a look at a toy in stock leads to a purchase, 0 to 1
    #[structopt(short = "p", long, env = "TOYSTORE_PROBABILITY", default_value = "0.6",
        parse(try_from_str = probability))]
    pub probability: f64,
    /// How many of a toy one purchase takes, 1 to 1000000
    #[structopt(long, env = "TOYSTORE_QUANTITY", default_value = "1",
        parse(try_from_str = quantity))]
    pub quantity: Quantity,
    /// Repeats a run's choices; without it each run makes its own and prints the seed
    #[structopt(long, env = "TOYSTORE_SEED")]
    pub seed: Option<u64>,
    /// For how many seconds a failing request is repeated, 0 to 3600
    #[structopt(long, env = "TOYSTORE_PATIENCE", default_value = "30",
        parse(try_from_str = patience))]
    pub patience: Duration,
    /// Writes everything about the run to this file, as JSON
    #[structopt(long, env = "TOYSTORE_REPORT", parse(from_os_str))]
    pub report: Option<PathBuf>,
    /// Prints the same as one line of JSON, in place of the table
    #[structopt(long)]
    pub json: bool,
}

/// What `load` takes.
#[derive(Debug, StructOpt)]
pub struct Load {
    /// Where to shop; connections are spread over all of them.
    #[structopt(flatten)]
    pub reach: Reach,
    /// How many requests are under way at once, 1 to 10000
    #[structopt(long, default_value = "64", parse(try_from_str = connections))]
    pub connections: usize,
    /// Threads that send them, 1 to 64
    #[structopt(long, default_value = "1", parse(try_from_str = threads))]
    pub threads: usize,
    /// For how many seconds it is measured, 1 to 86400
    #[structopt(long, default_value = "10", parse(try_from_str = seconds))]
    pub seconds: Duration,
    /// For how many seconds it goes on before, 0 to 3600
    #[structopt(long, default_value = "1", parse(try_from_str = patience))]
    pub warm_up: Duration,
    /// Open loop: so many requests per second, 0.1 to 1000000
    #[structopt(long, parse(try_from_str = rate))]
    pub rate: Option<f64>,
    /// How many of the requests are purchases, 0 to 1
    #[structopt(short = "p", long, default_value = "0", parse(try_from_str = probability))]
    pub probability: f64,
    /// Only these toys, separated by commas; all of the first page if left out
    #[structopt(long = "product", value_name = "NAME", require_delimiter = true,
        parse(try_from_str = name))]
    pub products: Vec<ProductName>,
    /// Repeats a load's choices and keys
    #[structopt(long)]
    pub seed: Option<u64>,
    /// Prints the figures as JSON
    #[structopt(long)]
    pub json: bool,
}

/// What `get` takes.
#[derive(Debug, StructOpt)]
pub struct Get {
    /// The toy's name
    #[structopt(parse(try_from_str = name))]
    pub name: ProductName,
    /// How to ask.
    #[structopt(flatten)]
    pub single: Single,
}

/// What `buy` takes.
#[derive(Debug, StructOpt)]
pub struct Buy {
    /// The toy's name
    #[structopt(parse(try_from_str = name))]
    pub name: ProductName,
    /// How many, 1 to 1000000
    #[structopt(parse(try_from_str = quantity))]
    pub quantity: Quantity,
    /// Makes the order happen once however often it is sent; made up when left out
    // No environment variable: a key that outlives one order would turn the next into a repeat.
    #[structopt(long, parse(try_from_str = key))]
    pub key: Option<OrderKey>,
    /// How to ask.
    #[structopt(flatten)]
    pub single: Single,
}

/// What `order` takes.
#[derive(Debug, StructOpt)]
pub struct Order {
    /// The order's number
    #[structopt(parse(try_from_str = number))]
    pub number: OrderNumber,
    /// How to ask.
    #[structopt(flatten)]
    pub single: Single,
}

/// What `status` takes.
#[derive(Debug, StructOpt)]
pub struct Status {
    /// Ends with 1 unless orders can be placed, and says why not
    #[structopt(long)]
    pub check: bool,
    /// How to ask.
    #[structopt(flatten)]
    pub single: Single,
}

/// What every single request takes.
#[derive(Debug, StructOpt)]
pub struct Single {
    /// Where to ask.
    #[structopt(flatten)]
    pub reach: Reach,
    /// Prints the store's reply as it came
    #[structopt(long)]
    pub json: bool,
}

/// Which front ends a customer knows.
#[derive(Debug, StructOpt)]
pub struct Reach {
    /// A front end; several times or separated by commas for more, each the others' spare [env:
    /// TOYSTORE_FRONT_END] [default: http://127.0.0.1:6060]
    #[structopt(long = "front-end", value_name = "URL", require_delimiter = true)]
    given: Vec<FrontEnd>,
    // The parser adds what the environment says to a list instead of falling back on it, hence
    // two options.
    #[structopt(
        long = "front-end-otherwise",
        value_name = "TOYSTORE_FRONT_END",
        hidden = true,
        env = "TOYSTORE_FRONT_END",
        default_value = "http://127.0.0.1:6060",
        require_delimiter = true
    )]
    otherwise: Vec<FrontEnd>,
    #[allow(missing_docs)]
    #[structopt(flatten)]
    ca: CaFile,
}

impl Reach {
    /// The front ends given, or those of the environment, or the default.
    #[must_use]
    pub fn front_ends(&self) -> &[FrontEnd] {
        if self.given.is_empty() { &self.otherwise } else { &self.given }
    }

    /// Whom to believe when https is spoken.
    ///
    /// # Errors
    /// It is to be spoken, and nobody is named or what is named cannot be used.
    pub fn tls(&self) -> Result<ClientConfig, Failure> {
        match &self.ca.tls_ca {
            Some(ca) => Ok(Tls::read(ca, None)?.client()?),
            None => match self.front_ends().iter().find(|front_end| front_end.is_secure()) {
                Some(front_end) => Err(Failure::NoAuthority(front_end.page(""))),
                None => nobody().map_err(|error| Failure::SetUp(error.to_string())),
            },
        }
    }
}

/// A front end's address, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct FrontEnd(String);

impl FrontEnd {
    /// `HOST:PORT`.
    #[must_use]
    pub fn authority(&self) -> String {
        let authority = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        let has_port = authority.rsplit(':').next().is_some_and(|port| port.parse::<u16>().is_ok());
        let usual = if self.is_secure() { 443 } else { 80 };
        if has_port { authority.to_owned() } else { format!("{authority}:{usual}") }
    }

    /// Whether TLS is spoken there.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The address of a page below it.
    #[must_use]
    pub fn page(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for FrontEnd {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "must be like http://127.0.0.1:6060, without a path, a name or a password";
        let url = reqwest::Url::parse(text).map_err(|_| wanted)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        // A front end asks for neither, and addresses are printed: in errors and reports.
        let open = url.username().is_empty() && url.password().is_none();
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() || !bare || !open {
            return Err(wanted);
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

fn between(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}

fn clients(text: &str) -> Result<u64, String> {
    between(text, 1, 1000)
}

fn connections(text: &str) -> Result<usize, String> {
    between(text, 1, 10_000).map(|number| number as usize)
}

fn threads(text: &str) -> Result<usize, String> {
    between(text, 1, 64).map(|number| number as usize)
}

fn seconds(text: &str) -> Result<Duration, String> {
    between(text, 1, 86_400).map(Duration::from_secs)
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate| (0.1..=1e6).contains(rate));
    rate.ok_or("must be a number from 0.1 to 1000000")
}

fn iterations(text: &str) -> Result<u64, String> {
    between(text, 1, 10_000_000)
}

fn patience(text: &str) -> Result<Duration, String> {
    between(text, 0, 3600).map(Duration::from_secs)
}

fn probability(text: &str) -> Result<f64, &'static str> {
    let p = text.parse().ok().filter(|p| (0.0..=1.0).contains(p));
    p.ok_or("must be a number from 0 to 1")
}

fn quantity(text: &str) -> Result<Quantity, &'static str> {
    let quantity = text.parse().ok().and_then(Quantity::new);
    quantity.ok_or("must be a whole number from 1 to 1000000")
}

fn name(text: &str) -> Result<ProductName, &'static str> {
    ProductName::new(text).ok_or("must be 1 to 200 bytes without control characters")
}

fn key(text: &str) -> Result<OrderKey, &'static str> {
    OrderKey::new(text).ok_or("must be 1 to 255 visible ASCII characters")
}

fn number(text: &str) -> Result<OrderNumber, &'static str> {
    OrderNumber::parse(text).ok_or("must be a whole number from 1, without a sign")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_front_end_is_a_bare_http_address() {
        for good in ["http://127.0.0.1:6060", "https://localhost", "http://[::1]:6060/"] {
            assert!(good.parse::<FrontEnd>().is_ok(), "{good}");
        }
        for bad in ["127.0.0.1:6060", "localhost:6060", "ftp://a", "http://a/b", "http://a?b"] {
            assert!(bad.parse::<FrontEnd>().is_err(), "{bad}");
        }
        for secret in ["http://name:secret@a", "http://secret@a:1", "http://:secret@a/"] {
            let error = secret.parse::<FrontEnd>().unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
        let slash: FrontEnd = "http://a:1/".parse().unwrap();
        assert_eq!(slash.page("/orders"), "http://a:1/orders");
        let authority = |text: &str| text.parse::<FrontEnd>().unwrap().authority();
        assert_eq!(authority("http://localhost"), "localhost:80");
        assert_eq!(authority("https://localhost"), "localhost:443");
        assert_eq!(authority("http://[::1]:6060/"), "[::1]:6060");
    }

    #[test]
    fn bounds_hold() {
        assert!(clients("0").is_err() && clients("1001").is_err() && clients("1000").is_ok());
        assert!(probability("NaN").is_err() && probability("1.1").is_err());
        assert!(probability("-0.1").is_err() && probability("1").is_ok());
        assert!(quantity("0").is_err() && quantity("1000001").is_err());
        assert!(number("05").is_err() && number("0").is_err());
    }

    #[test]
    fn front_ends_come_singly_or_with_commas() {
        let args = ["c", "get", "--front-end", "http://a,http://b", "--front-end=http://c", "Tux"];
        let Options::Get(get) = Options::from_iter_safe(args).unwrap() else { panic!() };
        assert_eq!(get.single.reach.front_ends().len(), 3);
        assert_eq!(get.name.as_str(), "Tux");
    }
}
