//! `dump`: rows, all or those asked for, in one of three formats.

use std::io::{self, Write};

use serde_json::{Value, json};
use toystore_domain::{OrderKey, OrderNumber, ProductName};
use toystore_replication::{Entry, Member};

use crate::catalog::Catalog;
use crate::options::{Dump, Format, RowKind};
use crate::orders::Orders;
use crate::rows::{Column, Printer};
use crate::source::{Loader, Source, Stop};
use crate::{Exit, Failure};

const ORDER: &[Column] =
    &[("number", -10), ("epoch", -6), ("quantity", -8), ("name", 20), ("key", 36), ("chain", 32)];

/// Rows of all kinds under one head, so that a catalog is one CSV table.
const ANY: &[Column] = &[
    ("row", 11),
    ("name", 20),
    ("price", -11),
    ("stock", -10),
    ("version", -8),
    ("initial", -10),
    ("restocked", -10),
    ("adjusted", -10),
    ("sold", -10),
    ("reserved", -10),
    ("key", 36),
    ("quantity", -8),
    ("epoch", -6),
    ("number", -10),
    ("revision", -8),
    ("leader", 12),
    ("in_sync", 12),
];
const PRODUCT: &[Column] = ANY.split_at(10).0;
const RESERVATION: &[Column] =
    &[("row", 11), ("key", 36), ("name", 20), ("quantity", -8), ("epoch", -6), ("number", -10)];
const RESTOCK: &[Column] = &[("row", 11), ("name", 20), ("quantity", -8), ("version", -8)];
const VIEW: &[Column] =
    &[("row", 11), ("epoch", -6), ("revision", -8), ("leader", 16), ("in_sync", 16)];

/// Prints the rows of each source.
///
/// # Errors
/// A source cannot be read, or nothing be printed.
pub fn dump(options: &Dump, loader: &mut Loader, out: &mut dyn Write) -> Result<Exit, Failure> {
    let sources = loader.load_all(&options.sources)?;
    let several = sources.len() > 1;
    let mut exit = Exit::Fine;
    let mut kind = None;
    for source in &sources {
        // One head serves sources of one kind that follow each other.
        let head = kind != Some(std::mem::discriminant(source));
        kind = Some(std::mem::discriminant(source));
        let label = several.then(|| source.name());
        let damage = match source {
            Source::Orders(orders) => dump_orders(options, orders, out, label, head)?,
            Source::Catalog(catalog) => {
                dump_catalog(options, catalog, out, label, head)?;
                catalog.lost.first().cloned()
            }
            Source::Ruin { .. } => None,
        };
        out.flush()?;
        if let Some(damage) = damage.as_deref().or(source.damage()) {
            eprintln!("toystore-inspect: {} is damaged: {damage}", source.name());
            exit = Exit::Wrong;
        }
    }
    Ok(exit)
}

/// Prints a log; returns what stopped it.
fn dump_orders(
    options: &Dump,
    orders: &Orders,
    out: &mut dyn Write,
    label: Option<&str>,
    head: bool,
) -> Result<Option<String>, Failure> {
    if !wants(options, RowKind::Orders) {
        return Ok(None);
    }
    let mut printer = Printer::new(out, options.format, ORDER, label, head)?;
    let after = options.from.map_or(OrderNumber::ZERO, OrderNumber::previous);
    for entry in orders.entries(after) {
        match entry {
            Ok(entry) if options.to.is_some_and(|to| entry.number > to) => break,
            Ok(entry)
                if about(options, Some(&entry.purchase.product), Some(&entry.purchase.key)) =>
            {
                printer.row(order(&entry))?;
            }
            Ok(_) => {}
            Err(Stop::Damaged(what)) => return Ok(Some(what)),
            Err(Stop::Unreadable(error)) => return Err(error.into()),
        }
    }
    Ok(None)
}

fn order(entry: &Entry) -> Vec<Value> {
    let Entry { number, epoch, purchase, chain } = entry;
    vec![
        json!(number),
        json!(epoch),
        json!(purchase.quantity),
        json!(purchase.product),
        json!(purchase.key),
        json!(chain.to_string()),
    ]
}

/// Whether rows of this kind are asked for.
fn wants(options: &Dump, kind: RowKind) -> bool {
    options.kind.is_empty() || options.kind.contains(&kind)
}

/// Whether a row is about the product and under the key that are asked for; one that has neither
/// is about none.
fn about(options: &Dump, product: Option<&ProductName>, key: Option<&OrderKey>) -> bool {
    options.product.as_ref().is_none_or(|wanted| product == Some(wanted))
        && options.key.as_ref().is_none_or(|wanted| key == Some(wanted))
}

fn dump_catalog(
    options: &Dump,
    catalog: &Catalog,
    out: &mut dyn Write,
    label: Option<&str>,
    head: bool,
) -> io::Result<()> {
    let (rows, format) = (&catalog.rows, options.format);
    let mut head = head;
    let mut section = |kind, columns: &'static [Column], rows: Vec<Vec<Value>>| {
        if rows.is_empty() || !wants(options, kind) {
            return Ok(());
        }
        let csv = format == Format::Csv;
        let shown = if csv { ANY } else { columns };
        // Each section of a table has a head of its own; a CSV file has one.
        let mut printer = Printer::new(out, format, shown, label, head || !csv)?;
        head = false;
        for row in rows {
            printer.row(if csv { widened(columns, row) } else { row })?;
        }
        Ok::<_, io::Error>(())
    };
    let products = rows.products.iter().filter(|(name, _)| about(options, Some(name), None));
    let products = products.map(|(name, books)| {
        vec![
            json!("product"),
            json!(name),
            json!(books.price.to_decimal()),
            json!(books.stock),
            json!(books.version),
            json!(books.initial),
            json!(books.restocked),
            json!(books.adjusted),
            json!(books.sold),
            json!(books.reserved),
        ]
    });
    section(RowKind::Products, PRODUCT, products.collect())?;
    let reservations = rows
        .reservations
        .iter()
        .filter(|row| about(options, Some(&row.purchase.product), Some(&row.purchase.key)));
    let reservations = reservations.map(|reservation| {
        let purchase = &reservation.purchase;
        vec![
            json!("reservation"),
            json!(purchase.key),
            json!(purchase.product),
            json!(purchase.quantity),
            json!(reservation.epoch),
            json!(reservation.recorded),
        ]
    });
    section(RowKind::Reservations, RESERVATION, reservations.collect())?;
    let restocks = rows.restocks.iter().flatten();
    let restocks = restocks.filter(|row| about(options, Some(&row.product), None));
    let restocks = restocks.map(|restock| {
        vec![
            json!("restock"),
            json!(restock.product),
            json!(restock.amount),
            json!(restock.version),
        ]
    });
    section(RowKind::Restocks, RESTOCK, restocks.collect())?;
    let view = rows.view.iter().filter(|_| about(options, None, None));
    let view = view.map(|view| {
        let members: Vec<_> = view.in_sync.iter().map(Member::to_string).collect();
        vec![
            json!("view"),
            json!(view.epoch),
            json!(view.revision),
            json!(view.leader.to_string()),
            json!(members.join(" ")),
        ]
    });
    section(RowKind::View, VIEW, view.collect())
}

/// The cells of a section under the columns of all sections.
fn widened(columns: &[Column], row: Vec<Value>) -> Vec<Value> {
    let mut cells = vec![Value::Null; ANY.len()];
    for ((name, _), cell) in columns.iter().zip(row) {
        if let Some(at) = ANY.iter().position(|(known, _)| known == name) {
            cells[at] = cell;
        }
    }
    cells
}
