//! What a store holds when all is over: every acknowledged order exactly once, on every replica
//! alike, and books that balance.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use toystore_client::check::Acknowledged;
use toystore_tests::store::{Store, order};

/// What was found.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Orders in the logs.
    pub orders: u64,
    /// Acknowledged orders that are not in the log under their number.
    pub missing: u64,
    /// Orders beyond the first under one key, in the log or among those acknowledged.
    pub duplicates: u64,
    /// The content hash that all replicas have alike; none when they differ.
    pub hash: Option<String>,
    /// What was sold is what was ordered, and nothing is below zero.
    pub stock_equation: bool,
    /// Whether all replicas were in sync and everything sound in time.
    pub sound: bool,
}

impl Verdict {
    /// Waits until all is quiet, and looks.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn of(store: &Store, acknowledged: &[Acknowledged]) -> Result<Self> {
        let sound = catch_unwind(AssertUnwindSafe(|| store.check_at_rest())).is_ok();
        let replicas: Vec<_> = (1..=store.plan().replicas).map(order).collect();
        let equal = store.inspect("diff", &replicas);
        let hash = equal.status.success().then(|| word_after(&equal.stdout, "hash ")).flatten();
        let mut all = replicas;
        all.push("catalog".to_owned());
        let books = store.inspect("verify", &all);
        let log = log(store)?;
        Ok(Self {
            orders: log.len() as u64,
            missing: missing(&log, acknowledged),
            duplicates: duplicates(&log, acknowledged),
            hash,
            stock_equation: String::from_utf8_lossy(&books.stdout).lines().any(balances),
            sound,
        })
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let none_wrong = self.missing == 0 && self.duplicates == 0;
        none_wrong && self.hash.is_some() && self.stock_equation && self.sound
    }
}

/// The key of each order, by number.
type Log = BTreeMap<u64, String>;

fn log(store: &Store) -> Result<Log> {
    let source = format!("http://{}", store.address(&order(1)));
    let output = store.inspect_sources(&["dump", "--format", "jsonl"], [source]);
    ensure!(output.status.success(), "the log cannot be read out");
    let rows = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let row = |line: &[u8]| {
        let row: serde_json::Value = serde_json::from_slice(line)?;
        let number = row["number"].as_u64().context("an order without a number")?;
        let key = row["key"].as_str().context("an order without a key")?;
        Ok((number, key.to_owned()))
    };
    rows.map(row).collect()
}

fn missing(log: &Log, acknowledged: &[Acknowledged]) -> u64 {
    let there = |order: &&Acknowledged| {
        log.get(&order.number.0).is_some_and(|key| key == order.key.as_str())
    };
    acknowledged.iter().filter(|order| !there(order)).count() as u64
}

fn duplicates(log: &Log, acknowledged: &[Acknowledged]) -> u64 {
    let beyond_first = |mut all: Vec<&str>| {
        all.sort_unstable();
        all.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64
    };
    let logged = beyond_first(log.values().map(String::as_str).collect());
    logged + beyond_first(acknowledged.iter().map(|order| order.key.as_str()).collect())
}

fn word_after(text: &[u8], mark: &str) -> Option<String> {
    let text = String::from_utf8_lossy(text).into_owned();
    let (_, rest) = text.split_once(mark)?;
    rest.split_whitespace().next().map(str::to_owned)
}

fn balances(line: &str) -> bool {
    line.starts_with("ok ") && line.contains("stock equation")
}

#[cfg(test)]
mod tests {
    use super::*;
    use toystore_domain::{OrderKey, OrderNumber, ProductName, Quantity};

    fn told(number: u64, key: &str) -> Acknowledged {
        Acknowledged {
            client: 0,
            key: OrderKey::new(key).unwrap(),
            number: OrderNumber(number),
            name: ProductName::new("Tux").unwrap(),
            quantity: Quantity::new(1).unwrap(),
            sent_ms: 0.0,
            acked_ms: 1.0,
        }
    }

    #[test]
    fn what_is_lost_or_doubled_is_counted() {
        let log = |keys: &[&str]| Log::from_iter((1..).zip(keys.iter().map(|k| (*k).to_owned())));
        let told = [told(1, "a"), told(2, "b")];
        assert_eq!(
            (missing(&log(&["a", "b"]), &told), duplicates(&log(&["a", "b"]), &told)),
            (0, 0)
        );
        assert_eq!(missing(&log(&["b", "a"]), &told), 2);
        assert_eq!(missing(&log(&["a"]), &told), 1);
        assert_eq!(duplicates(&log(&["a", "b", "a"]), &told), 1);
    }

    #[test]
    fn the_inspectors_words_are_understood() {
        let hash = word_after(b"equal: 3 orders, hash 1f02\n", "hash ");
        assert_eq!(hash.as_deref(), Some("1f02"));
        assert!(balances("ok       together  stock equation  the 603 orders"));
        assert!(!balances("WRONG    together  stock equation  the 603 orders"));
    }
}
