//! A store that sells the toys of `data/catalog.csv`, at some distance.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};
use toystore_domain::ProductName;
use toystore_tests::store::{self, Plan, STOCK, Store};

use crate::distance::Distance;
use crate::relay::Relays;

/// What a new store sells.
const CATALOG: &str = include_str!("../../../data/catalog.csv");

/// A store, and how customers reach it.
pub struct Shop {
    /// Its processes.
    pub store: Store,
    /// Where customers go, for each front end.
    pub urls: Vec<String>,
    _relays: Option<Relays>,
}

/// How a shop is made.
#[derive(Clone, Copy, Debug)]
pub struct Make {
    /// Whether its front ends cache products.
    pub cached: bool,
    /// How many front ends.
    pub front_ends: u8,
    /// How far parts of it are from each other.
    pub distance: Distance,
}

/// All toys.
#[must_use]
pub fn toys() -> Arc<[ProductName]> {
    let names = CATALOG.lines().skip(1).filter_map(|line| line.split(',').next());
    names.filter_map(ProductName::new).collect()
}

impl Shop {
    /// Opens a shop and waits until it takes orders. So much of each toy is there that none is
    /// ever sold out.
    ///
    /// # Errors
    /// The system gives no thread, no port, or no file.
    pub fn open(make: Make) -> Result<Self> {
        let cache = if make.cached { "on" } else { "off" };
        let front_end = ["--cache", cache].map(str::to_owned).to_vec();
        let plan = Plan { front_end, front_ends: make.front_ends, ..Plan::default() };
        let mut store = Store::prepare(plan);
        let rows = toys().iter().map(|toy| format!("{toy},9.99,{STOCK}\n")).collect::<String>();
        fs::write(store.token("catalog.csv"), format!("name,price,stock\n{rows}"))?;
        let relays = match make.distance {
            Distance::None => None,
            distance => Some(Relays::new(distance.one_way())?),
        };
        for name in store.names() {
            match (&relays, make.distance) {
                (Some(relays), Distance::Inside(_)) if name.starts_with("front-end") => {
                    let command = far_front_end(&store, &name, relays)?;
                    store.adopt(&name, command);
                }
                _ => store.run(&name),
            }
        }
        store.wait_until_ready();
        let url = |number: u8| match (&relays, make.distance) {
            (Some(relays), Distance::Client(_)) => {
                let front_end = store.address(&store::front_end(number));
                Ok(format!("http://{}", relays.to(&front_end)?))
            }
            _ => Ok(store.url(number)),
        };
        let urls = (1..=make.front_ends).map(url).collect::<Result<_>>()?;
        Ok(Self { store, urls, _relays: relays })
    }

    /// Look-ups that the first front end answered from its cache, and others.
    ///
    /// # Errors
    /// It does not say.
    pub fn hits_and_misses(&self) -> Result<(u64, u64)> {
        let cluster = self.store.cluster(1).context("the front end does not say who leads")?;
        let count = |name: &str| cluster["cache"][name].as_u64();
        Ok((count("hits").unwrap_or_default(), count("misses").unwrap_or_default()))
    }
}

/// The command of a front end that reaches everybody through relays, and is reached by the catalog
/// through one.
fn far_front_end(store: &Store, name: &str, relays: &Relays) -> Result<Command> {
    let mut ways = BTreeMap::new();
    for other in store.names().iter().filter(|other| !other.starts_with("front-end")) {
        let address = store.address(other);
        let relay = relays.to(&address)?.to_string();
        ways.insert(address, relay);
    }
    let near = store.command(name);
    let mut far = Command::new(near.get_program());
    far.args(near.get_args().map(|arg| rerouted(arg, &ways)));
    far.arg("--advertise").arg(relays.to(&store.address(name))?.to_string());
    Ok(far)
}

/// An argument, `HOST:PORT` or `ID=HOST:PORT,…`, with the relays' addresses in it.
fn rerouted(arg: &OsStr, ways: &BTreeMap<String, String>) -> String {
    let arg = arg.to_string_lossy();
    let part = |part: &str| {
        let (id, address) = part.split_once('=').unwrap_or(("", part));
        let way = ways.get(address)?;
        Some(if id.is_empty() { way.clone() } else { format!("{id}={way}") })
    };
    let parts = arg.split(',').map(|text| part(text).unwrap_or_else(|| text.to_owned()));
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_are_rerouted() {
        let ways = [("h:1".to_owned(), "r:9".to_owned()), ("h:12".to_owned(), "r:8".to_owned())];
        let ways = BTreeMap::from(ways);
        let rerouted = |arg: &str| rerouted(OsStr::new(arg), &ways);
        assert_eq!(rerouted("1=h:12,2=h:1,3=x:1"), "1=r:8,2=r:9,3=x:1");
        assert_eq!((rerouted("h:1"), rerouted("--cache")), ("r:9".into(), "--cache".into()));
    }

    #[test]
    fn every_toy_of_the_catalog_is_for_sale() {
        assert_eq!(toys().len(), CATALOG.lines().count() - 1);
    }
}
