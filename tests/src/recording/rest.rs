//! What is left in a store at rest, read out with the inspector.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use serde_json::Value;
use toystore_domain::{Books, Cents, OrderKey, ProductName, Purchase, Quantity, Version};

use crate::history::{Gain, Rest, Shelf};
use crate::store::{Store, order};

/// Reads out what a store holds; all replicas are known to hold the same.
pub(super) fn read(store: &mut Store, before: usize) -> Rest {
    let rows = dump(store, &url(store, &order(1)));
    let log = rows.iter().zip(1..).map(|(row, number)| {
        assert_eq!(row["number"], number, "orders are numbered without gaps");
        logged(row)
    });
    let log = log.collect();
    let mut rows = dump(store, &url(store, CATALOG));
    if rows.iter().any(|row| row["restocked"].as_u64() > Some(0)) {
        // A running catalog does not show its ledger.
        assert!(store.terminate(CATALOG).success(), "{}", store.log(CATALOG));
        rows = dump(store, store.data(CATALOG).as_os_str());
        store.run(CATALOG);
        store.wait_until_ready();
    }
    Rest { log, before, products: shelves(&rows) }
}

const CATALOG: &str = "catalog";

fn url(store: &Store, name: &str) -> OsString {
    format!("http://{}", store.address(name)).into()
}

fn dump(store: &Store, source: &OsStr) -> Vec<Value> {
    let output = store.inspect_sources(&["dump", "--format", "jsonl"], [source]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} cannot be read out: {said}", source.display());
    let rows = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    rows.map(|line| serde_json::from_slice(line).expect("a row in JSON")).collect()
}

fn number(row: &Value, column: &str) -> u64 {
    row[column].as_u64().unwrap_or_else(|| panic!("a number as {column} in {row}"))
}

fn text<'a>(row: &'a Value, column: &str) -> &'a str {
    row[column].as_str().unwrap_or_else(|| panic!("a text as {column} in {row}"))
}

fn product(row: &Value) -> ProductName {
    ProductName::new(text(row, "name")).expect("a name")
}

fn logged(row: &Value) -> Purchase {
    Purchase {
        key: OrderKey::new(text(row, "key")).expect("a key"),
        product: product(row),
        quantity: Quantity::new(number(row, "quantity")).expect("a quantity"),
    }
}

fn shelves(rows: &[Value]) -> BTreeMap<ProductName, Shelf> {
    let of = |kind: &'static str| rows.iter().filter(move |row| row["row"] == kind);
    let mut shelves: BTreeMap<_, _> = of("product")
        .map(|row| (product(row), Shelf { books: books(row), gains: vec![], merged: false }))
        .collect();
    for row in of("restock") {
        let amount = i64::try_from(number(row, "quantity")).expect("an amount");
        let gain = Gain { version: Version(number(row, "version")), amount };
        shelves.get_mut(&product(row)).expect("a product of the ledger").gains.push(gain);
    }
    shelves
}

fn books(row: &Value) -> Books {
    Books {
        price: row["price"].as_f64().and_then(Cents::from_decimal).expect("a price"),
        stock: number(row, "stock"),
        version: Version(number(row, "version")),
        initial: number(row, "initial"),
        restocked: number(row, "restocked"),
        adjusted: row["adjusted"].as_i64().expect("a number"),
        sold: number(row, "sold"),
        reserved: number(row, "reserved"),
    }
}
