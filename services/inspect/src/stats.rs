//! `stats`: counts and totals.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Map, Value, json};
use toystore_domain::{OrderNumber, ProductName};
use toystore_replication::{Epoch, Position};

use crate::catalog::Catalog;
use crate::options::Several;
use crate::orders::Orders;
use crate::source::{Loader, Source, Stop};
use crate::{Exit, Failure};

/// Prints what there is of each source.
///
/// # Errors
/// One cannot be read, or nothing can be printed.
pub fn stats(options: &Several, loader: &mut Loader, out: &mut dyn Write) -> Result<Exit, Failure> {
    let sources = loader.load_all(&options.sources)?;
    let mut exit = Exit::Fine;
    let mut documents = Vec::new();
    for source in &sources {
        let mut facts = match source {
            Source::Orders(orders) => of_orders(orders)?,
            Source::Catalog(catalog) => of_catalog(catalog),
            Source::Ruin { .. } => Map::new(),
        };
        facts.insert("source".to_owned(), json!(source.name()));
        if let Some(damage) = source.damage() {
            facts.insert("damage".to_owned(), json!(damage));
        }
        if facts.contains_key("damage") {
            exit = Exit::Wrong;
        }
        documents.push(facts);
    }
    if options.json {
        writeln!(out, "{}", json!(documents))?;
    } else {
        for (index, facts) in documents.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            print(facts, out)?;
        }
    }
    Ok(exit)
}

/// What a log adds up to.
#[derive(Default)]
struct Totals {
    last: Position,
    epochs: Vec<(Epoch, OrderNumber, OrderNumber)>,
    products: BTreeMap<ProductName, (u64, u64)>,
    damage: Option<String>,
}

fn totals(orders: &Orders) -> Result<Totals, Failure> {
    let mut totals = Totals::default();
    for entry in orders.entries(OrderNumber::ZERO) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(Stop::Damaged(what)) => {
                totals.damage = Some(what);
                break;
            }
            Err(Stop::Unreadable(error)) => return Err(error.into()),
        };
        totals.last = entry.position();
        match totals.epochs.last_mut() {
            Some((epoch, _, last)) if *epoch == entry.epoch => *last = entry.number,
            _ => totals.epochs.push((entry.epoch, entry.number, entry.number)),
        }
        let quantity = entry.purchase.quantity.get();
        match totals.products.get_mut(&entry.purchase.product) {
            Some((count, items)) => (*count, *items) = (*count + 1, *items + quantity),
            None => drop(totals.products.insert(entry.purchase.product, (1, quantity))),
        }
    }
    Ok(totals)
}

fn of_orders(orders: &Orders) -> Result<Map<String, Value>, Failure> {
    let totals = totals(orders)?;
    let count = totals.last.number;
    let epochs = totals.epochs.iter();
    let epochs = epochs.map(|(epoch, first, last)| json!([epoch, first, last]));
    let products = totals.products.iter();
    let products = products
        .map(|(name, (count, items))| json!({"name": name, "orders": count, "quantity": items}));
    let state = orders.state;
    let facts = json!({
        "kind": "orders",
        "replica": orders.id,
        "store": orders.store.to_string(),
        "cluster": state.and_then(|s| s.cluster).map(|cluster| cluster.to_string()),
        "role": orders.role,
        "incarnation": state.map(|s| s.incarnation),
        "orders": count,
        "first": (count.0 > 0).then_some(1),
        "last": (count.0 > 0).then_some(count),
        "hash": totals.last.chain.to_string(),
        "commit": state.map(|s| s.commit),
        "promise": state.map(|s| s.promise),
        "mark": state.map(|s| s.mark),
        "synced": orders.synced.map(|mark| mark.number),
        "epochs": epochs.collect::<Vec<_>>(),
        "products": products.collect::<Vec<_>>(),
        "bytes": orders.size,
        "damage": totals.damage,
    });
    Ok(without_nulls(facts))
}

fn of_catalog(catalog: &Catalog) -> Map<String, Value> {
    let rows = &catalog.rows;
    let sum = |part: fn(&toystore_domain::Books) -> u64| -> u128 {
        rows.products.iter().map(|(_, books)| u128::from(part(books))).sum()
    };
    let adjusted: i128 = rows.products.iter().map(|(_, b)| i128::from(b.adjusted)).sum();
    let view = rows.view.as_ref().map(|view| {
        let in_sync: Vec<_> = view.in_sync.iter().map(ToString::to_string).collect();
        let leader = view.leader.to_string();
        json!({"epoch": view.epoch, "revision": view.revision, "leader": leader,
               "in_sync": in_sync})
    });
    without_nulls(json!({
        "kind": "catalog",
        "store": catalog.store.map(|store| store.to_string()),
        "cluster": rows.cluster.map(|cluster| cluster.to_string()),
        "products": rows.products.len(),
        "sold_out": rows.products.iter().filter(|(_, books)| books.stock == 0).count(),
        "stock": total(sum(|books| books.stock)),
        "initial": total(sum(|books| books.initial)),
        "restocked": total(sum(|books| books.restocked)),
        "adjusted": i64::try_from(adjusted).unwrap_or(i64::MAX),
        "sold": total(sum(|books| books.sold)),
        "reserved": total(sum(|books| books.reserved)),
        "reservations": rows.reservations.len(),
        "restocks": rows.restocks.as_ref().map(Vec::len),
        "view": view,
        "bytes": catalog.size,
    }))
}

/// JSON has no larger whole numbers; a store that sold so much is damaged anyway.
fn total(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}

fn without_nulls(facts: Value) -> Map<String, Value> {
    match facts {
        Value::Object(facts) => facts.into_iter().filter(|(_, fact)| !fact.is_null()).collect(),
        _ => Map::new(),
    }
}

/// In the order in which people want to read them.
const READING_ORDER: [&str; 29] = [
    "damage",
    "kind",
    "replica",
    "role",
    "store",
    "cluster",
    "incarnation",
    "orders",
    "first",
    "last",
    "hash",
    "commit",
    "synced",
    "promise",
    "mark",
    "epochs",
    "products",
    "sold_out",
    "stock",
    "initial",
    "restocked",
    "adjusted",
    "sold",
    "reserved",
    "reservations",
    "restocks",
    "view",
    "bytes",
    "source",
];

fn print(facts: &Map<String, Value>, out: &mut dyn Write) -> io::Result<()> {
    let name = facts.get("source").and_then(Value::as_str).unwrap_or_default();
    writeln!(out, "{name}")?;
    for key in READING_ORDER.iter().filter(|key| **key != "source") {
        match facts.get(*key) {
            None => {}
            Some(Value::Array(rows)) => {
                for row in rows {
                    writeln!(out, "  {key:<12}  {}", sentence(row))?;
                }
            }
            Some(Value::String(text)) => writeln!(out, "  {key:<12}  {text}")?,
            Some(Value::Object(parts)) => {
                let parts: Vec<_> =
                    parts.iter().map(|(key, part)| format!("{key} {part}")).collect();
                writeln!(out, "  {key:<12}  {}", parts.join(", "))?;
            }
            Some(number) => writeln!(out, "  {key:<12}  {number}")?,
        }
    }
    Ok(())
}

/// One epoch's range, or one product's sum.
fn sentence(row: &Value) -> String {
    match row {
        Value::Array(range) if range.len() == 3 => {
            format!("epoch {}: orders {} to {}", range[0], range[1], range[2])
        }
        Value::Object(sum) => {
            let of = |key: &str| sum.get(key).cloned().unwrap_or_default();
            let name = of("name");
            let name = name.as_str().unwrap_or_default();
            format!("{name}: {} in {} orders", of("quantity"), of("orders"))
        }
        other => other.to_string(),
    }
}
