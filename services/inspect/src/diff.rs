//! `diff`: the first difference between replicas, or between catalogs, and what surrounds it.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};
use toystore_replication::Entry;

use crate::lockstep::{Comparison, Difference, compare};
use crate::options::Several;
use crate::orders::{Log, Orders};
use crate::source::{Loader, Source};
use crate::{Exit, Failure};

mod catalogs;

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
    // A backup holds both; beside replicas its log is what is asked about.
    let has_log = |path: &Path| {
        logs.iter().any(|o: &&Orders| matches!(&o.log, Log::Portable(d) if d.path() == path))
    };
    if catalogs.iter().all(|catalog| catalog.dump.as_deref().is_some_and(has_log)) {
        catalogs.clear();
    }
    if !logs.is_empty() && !catalogs.is_empty() {
        return Err(Failure::Mixed);
    }
    let damaged: Vec<_> = sources.iter().filter_map(|s| Some((s.name(), s.damage()?))).collect();
    let (same, document) = if catalogs.is_empty() {
        diff_logs(&logs, &damaged, options.json, out)?
    } else {
        catalogs::diff(&catalogs, &damaged, options.json, out)?
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

/// Which sources are damaged, and how.
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
