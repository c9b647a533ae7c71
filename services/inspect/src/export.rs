//! `export`: a replica's log or the catalog's rows as a portable dump, of a folder or of a service
//! that goes on serving.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use toystore_domain::OrderNumber;
use toystore_replication::Entry;

use crate::catalog::{Catalog, Rows};
use crate::options::Export;
use crate::orders::{Log, Orders};
use crate::portable::{Block, Head, ROWS, Writer, Written};
use crate::progress::Progress;
use crate::source::{Loader, Source, Stop};
use crate::verify::authority::misheld;
use crate::{Exit, Failure};

/// How often a catalog at work is read in the hope that no order falls between two of its pages.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// Writes a dump of one source.
///
/// # Errors
/// The source cannot be read or is damaged, or the dump cannot be written.
pub fn export(options: &Export, loader: &mut Loader, out: &mut dyn Write) -> Result<Exit, Failure> {
    let sources = loader.load_all(std::slice::from_ref(&options.source))?;
    let [source] = &sources[..] else {
        return Err(Failure::IsBackup(options.source.to_string()));
    };
    if let Some(damage) = source.damage() {
        return Err(Failure::Damaged(source.name().to_owned(), damage.to_owned()));
    }
    let (head, written) = match source {
        Source::Orders(orders) => export_orders(orders, options, loader)?,
        Source::Catalog(catalog) => export_catalog(catalog, options)?,
        // Damage was told above.
        Source::Ruin { .. } => return Ok(Exit::Wrong),
    };
    report("exported", &head, &written, &options.to.display().to_string(), options.json, out)?;
    Ok(Exit::Fine)
}

fn export_orders(
    orders: &Orders,
    options: &Export,
    loader: &Loader,
) -> Result<(Head, Written), Failure> {
    let last = match &orders.log {
        Log::Sound(store) => store.last().number,
        // What is not committed may be taken back while it is read.
        Log::Service(_, commit) => *commit,
        Log::Portable(dump) => dump.last().number,
        Log::Damaged(_) => OrderNumber::ZERO,
    };
    let mut state = orders.state.unwrap_or_default();
    state.commit = state.commit.min(last);
    let head = Head::Replica { id: orders.id, store: orders.store, state, last };
    let mut writer = Writer::create(&options.to, head.clone())?;
    let progress = Progress::start("orders", last.0, loader.stop());
    write_log(&mut writer, orders, last, &progress, |_| {})?;
    Ok((head, writer.finish()?))
}

fn export_catalog(catalog: &Catalog, options: &Export) -> Result<(Head, Written), Failure> {
    let rows = match &catalog.link {
        None => catalog.rows.clone(),
        Some(link) => {
            let mut rows = catalog.rows.clone();
            for _ in 0..ATTEMPTS {
                if misheld(&rows).is_empty() {
                    break;
                }
                std::thread::sleep(PAUSE);
                rows = link.catalog()?;
            }
            if !misheld(&rows).is_empty() {
                return Err(link.changed("orders kept coming between its pages").into());
            }
            rows
        }
    };
    let cluster = rows
        .cluster
        .ok_or_else(|| Failure::Damaged(catalog.name.clone(), "it is of no cluster".to_owned()))?;
    let head = Head::Catalog { cluster, view: rows.view.clone() };
    let mut writer = Writer::create(&options.to, head.clone())?;
    write_rows(&mut writer, &rows)?;
    Ok((head, writer.finish()?))
}

/// Adds the orders up to `last` to a dump; hands each to `each`.
///
/// # Errors
/// The log cannot be read so far, or not written.
pub fn write_log(
    writer: &mut Writer,
    orders: &Orders,
    last: OrderNumber,
    progress: &Progress,
    mut each: impl FnMut(&Entry),
) -> Result<(), Failure> {
    let mut rows = Vec::with_capacity(ROWS);
    let mut entries = orders.entries(OrderNumber::ZERO);
    let mut number = OrderNumber::ZERO;
    while number < last {
        let entry = match entries.next() {
            Some(Ok(entry)) => entry,
            Some(Err(Stop::Damaged(what))) => {
                return Err(Failure::Damaged(orders.name.clone(), what));
            }
            Some(Err(Stop::Unreadable(error))) => return Err(error.into()),
            None => {
                let what = format!("it committed order {last} and ends at {number}");
                return Err(Failure::Damaged(orders.name.clone(), what));
            }
        };
        number = entry.number;
        each(&entry);
        rows.push(entry);
        if rows.len() == ROWS || number == last {
            progress.advance(rows.len())?;
            writer.put(&Block::Orders(std::mem::take(&mut rows)))?;
        }
    }
    Ok(())
}

/// Adds the catalog's rows to a dump.
///
/// # Errors
/// They cannot be written.
pub fn write_rows(writer: &mut Writer, rows: &Rows) -> Result<(), Failure> {
    for products in rows.products.chunks(ROWS) {
        writer.put(&Block::Products(products.to_vec()))?;
    }
    for reservations in rows.reservations.chunks(ROWS) {
        writer.put(&Block::Reservations(reservations.to_vec()))?;
    }
    for restocks in rows.restocks.as_deref().unwrap_or_default().chunks(ROWS) {
        writer.put(&Block::Restocks(restocks.to_vec()))?;
    }
    Ok(())
}

/// Says what was written.
///
/// # Errors
/// It cannot be printed.
pub fn report(
    done: &str,
    head: &Head,
    written: &Written,
    to: &str,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let Written { rows, bytes, hash } = written;
    if json {
        let last: Value = json!(head.last());
        let document = json!({
            "what": head.what(), "file": to, "last_order": last, "rows": rows, "bytes": bytes,
            "checksum": hash.to_hex().as_str(),
        });
        writeln!(out, "{document}")?;
    } else {
        writeln!(out, "{done} {}: {rows} rows, {bytes} bytes, in {to}", head.what())?;
        writeln!(out, "checksum {hash}")?;
    }
    Ok(())
}
