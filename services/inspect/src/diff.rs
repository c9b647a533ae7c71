//! `diff`: the first difference between replicas, or between catalogs, and what surrounds it.

use std::io::{self, Write};

use serde_json::{Value, json};
use toystore_replication::Entry;

use crate::catalog::Catalog;
use crate::lockstep::{Comparison, Difference, compare};
use crate::options::Several;
use crate::orders::Orders;
use crate::source::{Loader, Source};
use crate::{Exit, Failure};

/// Compares sources of a kind.
///
/// # Errors
/// One cannot be read, they are not of a kind, or nothing can be printed.
pub fn diff(options: &Several, loader: &mut Loader, out: &mut dyn Write) -> Result<Exit, Failure> {
    let sources = loader.load_all(&options.sources)?;
    if sources.len() < 2 {
        return Err(Failure::Alone);
    }
    let (mut logs, mut catalogs) = (Vec::new(), Vec::new());
    for source in &sources {
        match source {
            Source::Orders(orders) => logs.push(orders),
            Source::Catalog(catalog) => catalogs.push(catalog),
            Source::Ruin { .. } => {}
        }
    }
    if !logs.is_empty() && !catalogs.is_empty() {
        return Err(Failure::Mixed);
    }
    let damaged: Vec<_> = sources.iter().filter_map(|s| Some((s.name(), s.damage()?))).collect();
    let (same, document) = if catalogs.is_empty() {
        diff_logs(&logs, &damaged, options.json, out)?
    } else {
        diff_catalogs(&catalogs, &damaged, options.json, out)?
    };
    if options.json {
        writeln!(out, "{document}")?;
    } else {
        for (name, what) in &damaged {
            writeln!(out, "{name} is damaged: {what}")?;
        }
    }
    Ok(if same && damaged.is_empty() { Exit::Fine } else { Exit::Wrong })
}

type Damaged<'a> = [(&'a str, &'a str)];

fn diff_logs(
    logs: &[&Orders],
    damaged: &Damaged<'_>,
    json: bool,
    out: &mut dyn Write,
) -> Result<(bool, Value), Failure> {
    let comparison = compare(logs, None)?;
    let same = comparison.equal() && damaged.is_empty();
    if json {
        return Ok((same, document(logs, damaged, &comparison, same)));
    }
    let Comparison { equal_to, ends, difference } = &comparison;
    if let Some(difference) = difference {
        writeln!(out, "order {} differs", difference.number)?;
        side_by_side(logs, difference, out)?;
    } else if comparison.equal() {
        writeln!(out, "equal: {} orders, hash {}", equal_to.number, equal_to.chain)?;
    } else {
        let ends = logs.iter().zip(ends).filter_map(|(orders, end)| {
            let end = end.as_ref()?;
            let verb = if end.damage.is_some() { "can be read up to" } else { "ends at" };
            Some(format!("{} {verb} {}", orders.name, end.last.number))
        });
        let ends: Vec<_> = ends.collect();
        writeln!(
            out,
            "{}; equal up to {}, hash {}",
            ends.join(", "),
            equal_to.number,
            equal_to.chain
        )?;
    }
    for (orders, end) in logs.iter().zip(ends) {
        if let Some(what) = end.as_ref().and_then(|end| end.damage.as_ref()) {
            writeln!(out, "{}: {what}", orders.name)?;
        }
    }
    Ok((same, Value::Null))
}

/// A line a number, a column a log; a mark where they differ.
fn side_by_side(logs: &[&Orders], difference: &Difference, out: &mut dyn Write) -> io::Result<()> {
    let mut lines: Vec<Vec<String>> = vec![logs.iter().map(|log| log.name.clone()).collect()];
    let mut margins = vec![" ".repeat(10)];
    for entry in &difference.before {
        margins.push(format!("  {:<8}", entry.number));
        lines.push(vec![cell(Some(entry)); logs.len()]);
    }
    let deepest = difference.from_there.iter().map(Vec::len).max().unwrap_or(0);
    let mut number = difference.number;
    for depth in 0..deepest {
        let entries: Vec<_> = difference.from_there.iter().map(|log| log.get(depth)).collect();
        let differs = entries.windows(2).any(|pair| pair[0] != pair[1]);
        margins.push(format!("{} {number:<8}", if differs { '>' } else { ' ' }));
        lines.push(entries.into_iter().map(cell).collect());
        number = number.next();
    }
    let widths: Vec<_> = (0..logs.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    for (margin, line) in margins.iter().zip(&lines) {
        let cells: Vec<_> =
            line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", format!("{margin}  {}", cells.join("  |  ")).trim_end())?;
    }
    Ok(())
}

fn cell(entry: Option<&Entry>) -> String {
    let Some(Entry { epoch, purchase, chain, .. }) = entry else { return "-".to_owned() };
    let hash: String = chain.to_string().chars().take(8).collect();
    let quantity = purchase.quantity.get();
    format!("{quantity} {}, key {}, epoch {epoch}, hash {hash}", purchase.product, purchase.key)
}

fn document(logs: &[&Orders], damaged: &Damaged<'_>, comparison: &Comparison, same: bool) -> Value {
    let Comparison { equal_to, ends, difference } = comparison;
    let sources = logs.iter().zip(ends).map(|(orders, end)| {
        let last = end.as_ref().map(|end| end.last.number);
        let hash = end.as_ref().map(|end| end.last.chain.to_string());
        let damage = end.as_ref().and_then(|end| end.damage.clone());
        let damage = damage.or_else(|| orders.damage.clone());
        json!({"source": orders.name, "orders": last, "hash": hash, "damage": damage})
    });
    json!({
        "equal": same,
        "equal_to": equal_to.number,
        "hash": equal_to.chain.to_string(),
        "sources": sources.collect::<Vec<_>>(),
        "damaged": damaged.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "first_difference": difference.as_ref().map(|difference| json!({
            "number": difference.number,
            "before": difference.before.iter().map(entry).collect::<Vec<_>>(),
            "from_there": logs.iter().zip(&difference.from_there).map(|(orders, entries)| json!({
                "source": orders.name,
                "orders": entries.iter().map(entry).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        })),
    })
}

fn entry(entry: &Entry) -> Value {
    json!({
        "number": entry.number,
        "epoch": entry.epoch,
        "name": entry.purchase.product,
        "quantity": entry.purchase.quantity,
        "key": entry.purchase.key,
        "chain": entry.chain.to_string(),
    })
}

/// What two catalogs say of the same thing, as text.
struct Parting {
    what: String,
    says: Vec<String>,
}

fn diff_catalogs(
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
            json!({"what": parting.what, "sources": sources, "say": parting.says})
        });
        let damaged: Vec<_> = damaged.iter().map(|(name, _)| name).collect();
        let document = json!({
            "equal": same, "products": products, "reservations": held, "damaged": damaged,
            "first_difference": first_difference,
        });
        return Ok((same, document));
    }
    match parting {
        Some((other, parting)) => {
            writeln!(out, "{} differs", parting.what)?;
            let width = first.name.chars().count().max(other.name.chars().count());
            for (name, says) in [&first.name, &other.name].into_iter().zip(&parting.says) {
                writeln!(out, "  {name:<width$}  {says}")?;
            }
        }
        None if damaged.is_empty() => {
            writeln!(out, "equal: {products} products, {held} reservations")?;
        }
        None => writeln!(out, "equal as far as they can be read")?,
    }
    Ok((same, Value::Null))
}

/// The first thing that two catalogs do not agree on.
fn parting(a: &Catalog, b: &Catalog) -> Option<Parting> {
    let (a, b) = (&a.rows, &b.rows);
    let both = |what: &str, x: &dyn std::fmt::Debug, y: &dyn std::fmt::Debug| Parting {
        what: what.to_owned(),
        says: vec![format!("{x:?}"), format!("{y:?}")],
    };
    let product = first_difference(&a.products, &b.products, |(name, _)| name.to_string());
    let reservation = first_difference(&a.reservations, &b.reservations, |reservation| {
        reservation.purchase.key.to_string()
    });
    if a.cluster != b.cluster {
        return Some(both("the cluster", &a.cluster, &b.cluster));
    }
    if let Some((name, x, y)) = product {
        let of = |books: Option<&(_, toystore_domain::Books)>| {
            books.map_or("no such product".to_owned(), |(_, books)| format!("{books:?}"))
        };
        return Some(Parting { what: format!("product {name}"), says: vec![of(x), of(y)] });
    }
    if let Some((key, x, y)) = reservation {
        return Some(both(&format!("the reservation {key}"), &x, &y));
    }
    if let (Some(x), Some(y)) = (&a.restocks, &b.restocks)
        && let Some((_, x, y)) =
            first_difference(x, y, |row| format!("{}\0{:020}", row.product, row.version.0))
    {
        return Some(both("the ledger of restocks", &x, &y));
    }
    (a.view != b.view).then(|| both("the view", &a.view, &b.view))
}

/// The first difference between two lists that are sorted by a name.
fn first_difference<'a, T: PartialEq>(
    a: &'a [T],
    b: &'a [T],
    name: impl Fn(&T) -> String,
) -> Option<(String, Option<&'a T>, Option<&'a T>)> {
    let at = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    match (a.get(at), b.get(at)) {
        (None, None) => None,
        (Some(x), Some(y)) if name(x) < name(y) => Some((name(x), Some(x), None)),
        (Some(x), Some(y)) if name(x) > name(y) => Some((name(y), None, Some(y))),
        (x, y) => x.or(y).map(|row| (name(row), x, y)),
    }
}
