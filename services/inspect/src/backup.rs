//! `backup`: a whole store in one dump, from services that go on serving or from folders. Where the
//! cut lies, and why it is sound, is in [`crate::cut`].

use std::io::Write;

use crate::cut::{Cut, Sold, Uncut};
use crate::export::{report, write_log, write_rows};
use crate::options::Backup;
use crate::portable::{Head, Writer};
use crate::progress::Progress;
use crate::source::{Loader, Source, Unreadable};
use crate::{Exit, Failure};

/// Writes a dump of a whole store.
///
/// # Errors
/// There is no sound cut, or the dump cannot be written.
pub fn backup(options: &Backup, loader: &mut Loader, out: &mut dyn Write) -> Result<Exit, Failure> {
    // A replica that is down is no reason not to back up.
    let mut sources = Vec::new();
    for (_, source) in loader.load_each(&options.sources) {
        match source {
            Ok(source) => sources.push(source),
            Err(error @ Unreadable::Call(..)) => {
                eprintln!("toystore-inspect: going on without a source: {error}");
            }
            Err(error) => return Err(error.into()),
        }
    }
    let (mut catalogs, mut replicas) = (Vec::new(), Vec::new());
    for source in &sources {
        if let Some(damage) = source.damage() {
            return Err(Uncut::Damaged(source.name().to_owned(), damage.to_owned()).into());
        }
        match source {
            Source::Catalog(catalog) => catalogs.push(catalog),
            Source::Orders(orders) => replicas.push(orders),
            Source::Ruin { .. } => {}
        }
    }
    let [catalog] = catalogs[..] else { return Err(Uncut::Catalogs(catalogs.len()).into()) };
    if replicas.is_empty() {
        return Err(Uncut::NoReplica.into());
    }
    let Cut { view, orders, from, last } = Cut::find(catalog, &replicas)?;
    let head = Head::Store { view: view.clone(), from, last };
    let mut writer = Writer::create(&options.to, head.clone())?;
    let mut sold = Sold::default();
    let progress = Progress::start("orders", last.0, loader.stop());
    write_log(&mut writer, orders, last, &progress, |entry| sold.count(entry))?;
    drop(progress);
    // After the log, never before: see `cut`.
    let rows = match &catalog.link {
        Some(link) => link.catalog()?,
        None => catalog.rows.clone(),
    };
    if rows.cluster != Some(view.cluster) {
        return Err(Uncut::AnotherCatalog.into());
    }
    write_rows(&mut writer, &sold.leave(rows)?)?;
    let written = writer.finish()?;
    report("backed up", &head, &written, &options.to.display().to_string(), options.json, out)?;
    Ok(Exit::Fine)
}
