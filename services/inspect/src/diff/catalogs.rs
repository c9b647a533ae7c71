//! Catalogs against each other: the first row that differs, between the rows around it.

use std::fmt::Debug;
use std::io::{self, Write};

use serde_json::{Value, json};
use toystore_authority::Restocked;
use toystore_domain::{Books, ProductName};
use toystore_replication::messages::Reservation;

use super::Damaged;
use crate::Failure;
use crate::catalog::Catalog;
use crate::lockstep::AROUND;

/// The first thing that two catalogs do not agree on.
struct Parting {
    what: String,
    /// What either says of it.
    says: [String; 2],
    /// The rows around it, and it, where it is a row.
    around: Vec<Row>,
}

/// What both say of one thing.
struct Row {
    name: String,
    says: [String; 2],
}

/// Compares the first catalog with each other.
pub(super) fn diff(
    catalogs: &[&Catalog],
    damaged: &Damaged<'_>,
    json: bool,
    out: &mut dyn Write,
) -> Result<(bool, Value), Failure> {
    let Some((first, others)) = catalogs.split_first() else { return Ok((true, Value::Null)) };
    let parting = others.iter().find_map(|other| Some((other, parting(first, other)?)));
    let same = parting.is_none() && damaged.is_empty();
    let (products, held) = (first.rows.products.len(), first.rows.reservations.len());
    if json {
        let first_difference = parting.map(|(other, parting)| {
            let sources = [&first.name, &other.name];
            let around = parting.around.iter().map(|row| json!({"row": row.name, "say": row.says}));
            json!({"what": parting.what, "sources": sources, "say": parting.says,
                   "around": around.collect::<Vec<_>>()})
        });
        let damaged: Vec<_> = damaged.iter().map(|(name, _)| name).collect();
        let document = json!({
            "equal": same, "products": products, "reservations": held, "damaged": damaged,
            "first_difference": first_difference,
        });
        return Ok((same, document));
    }
    match parting {
        Some((other, parting)) => print(&parting, [&first.name, &other.name], out)?,
        None if damaged.is_empty() => {
            writeln!(out, "equal: {products} products, {held} reservations")?;
        }
        None => writeln!(out, "equal as far as they can be read")?,
    }
    Ok((same, Value::Null))
}

/// A line for each row that both agree on, two for one that they do not.
fn print(parting: &Parting, names: [&String; 2], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} differs", parting.what)?;
    let wide = names.map(|name| name.chars().count()).into_iter().max().unwrap_or(0).max(4);
    let labels = parting.around.iter().map(|row| row.name.chars().count());
    let label = labels.max().unwrap_or(0);
    if parting.around.is_empty() {
        for (name, says) in names.into_iter().zip(&parting.says) {
            writeln!(out, "  {name:<wide$}  {says}")?;
        }
    }
    for Row { name, says } in &parting.around {
        if says[0] == says[1] {
            writeln!(out, "  {name:<label$}  {:<wide$}  {}", "both", says[0])?;
            continue;
        }
        for (source, says) in names.into_iter().zip(says) {
            writeln!(out, "> {name:<label$}  {source:<wide$}  {says}")?;
        }
    }
    Ok(())
}

/// Rows before what they are part of: that a cluster's id differs says little of what is in it.
fn parting(a: &Catalog, b: &Catalog) -> Option<Parting> {
    let (a, b) = (&a.rows, &b.rows);
    let products = || rows_part("product", &a.products, &b.products, product_name, product);
    let reservations =
        || rows_part("reservation", &a.reservations, &b.reservations, reservation_key, reservation);
    let restocks = || match (&a.restocks, &b.restocks) {
        (Some(a), Some(b)) => rows_part("restock", a, b, restock_name, restock),
        _ => None,
    };
    let cluster = || whole_part("the cluster", &a.cluster, &b.cluster);
    let view = || whole_part("the view", &a.view, &b.view);
    products().or_else(reservations).or_else(restocks).or_else(cluster).or_else(view)
}

fn whole_part<T: PartialEq + Debug>(what: &str, a: &T, b: &T) -> Option<Parting> {
    let says = || [format!("{a:?}"), format!("{b:?}")];
    (a != b).then(|| Parting { what: what.to_owned(), says: says(), around: Vec::new() })
}

/// The first difference between two lists that are sorted alike, and what surrounds it.
fn rows_part<T: PartialEq, K: Ord>(
    kind: &str,
    a: &[T],
    b: &[T],
    key: impl Fn(&T) -> (K, String),
    text: impl Fn(&T) -> String,
) -> Option<Parting> {
    let at = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let from = at.saturating_sub(AROUND);
    let mut sides = [a, b].map(|rows| rows.iter().skip(from).peekable());
    let mut around = Vec::new();
    while around.len() <= at - from + AROUND {
        let heads = sides.each_mut().map(|side| side.peek().map(|row| key(row)));
        let Some((first, name)) = heads.into_iter().flatten().min_by(|x, y| x.0.cmp(&y.0)) else {
            break;
        };
        let says = sides.each_mut().map(|side| {
            let row = side.next_if(|row| key(row).0 == first);
            row.map_or("not there".to_owned(), &text)
        });
        around.push(Row { name, says });
    }
    let Row { name, says } = around.get(at - from)?;
    Some(Parting { what: format!("{kind} {name}"), says: says.clone(), around })
}

fn product_name((name, _): &(ProductName, Books)) -> (String, String) {
    (name.to_string(), name.to_string())
}

fn product((_, books): &(ProductName, Books)) -> String {
    let Books { stock, version, initial, restocked, adjusted, sold, reserved, .. } = books;
    let price = books.price.to_decimal();
    format!(
        "price {price:.2}, stock {stock}, version {}, initial {initial}, restocked {restocked}, \
         adjusted {adjusted}, sold {sold}, reserved {reserved}",
        version.0
    )
}

fn reservation_key(row: &Reservation) -> (String, String) {
    (row.purchase.key.to_string(), row.purchase.key.to_string())
}

fn reservation(row: &Reservation) -> String {
    let (quantity, product) = (row.purchase.quantity.get(), &row.purchase.product);
    let number = row.recorded.map(|number| format!(", recorded as order {number}"));
    format!("{quantity} {product}, epoch {}{}", row.epoch, number.unwrap_or_default())
}

fn restock_name(row: &Restocked) -> ((String, u64), String) {
    let (product, version) = (row.product.to_string(), row.version.0);
    let name = format!("{product} at version {version}");
    ((product, version), name)
}

fn restock(row: &Restocked) -> String {
    format!("{} added", row.amount)
}
