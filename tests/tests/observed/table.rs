//! The table of metrics in the documentation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::page::Family;

/// One row, as far as it can be checked; of one service, where the row is of several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub service: String,
    /// As it is asked for.
    pub name: String,
    pub kind: String,
    pub labels: BTreeSet<String>,
}

/// The services, as the table calls them.
pub const SERVICES: [&str; 3] = ["front end", "catalog", "order"];

/// A file of the documentation.
pub fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

/// All rows. The columns are name, type, labels, service, meaning.
pub fn rows() -> BTreeSet<Row> {
    let text = std::fs::read_to_string(docs("metrics.md")).unwrap();
    let mut rows = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| `toystore_")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, services, meaning] = cells[..] else { panic!("{line}") };
        assert!(!meaning.is_empty(), "{line}");
        let (name, kind) = (name.trim_matches('`').to_owned(), kind.to_owned());
        let (labels, services) = (list(labels), list(services));
        let everyone = services.contains("all");
        let known = |service: &String| SERVICES.contains(&service.as_str());
        assert!(everyone || services.iter().all(known), "{line}");
        for service in SERVICES.into_iter().filter(|s| everyone || services.contains(*s)) {
            let (name, kind, labels) = (name.clone(), kind.clone(), labels.clone());
            let row = Row { service: service.to_owned(), name, kind, labels };
            assert!(rows.insert(row), "twice: {line}");
        }
    }
    assert!(!rows.is_empty());
    rows
}

/// What a cell lists.
fn list(cell: &str) -> BTreeSet<String> {
    let entries = cell.split(',').map(|text| text.trim().trim_matches('`').to_owned());
    entries.filter(|text| !text.is_empty()).collect()
}

/// The row that a metric of a service needs.
pub fn row(service: &str, name: &str, family: &Family) -> Row {
    let suffix = match family.kind.as_str() {
        "counter" => "_total",
        "info" => "_info",
        _ => "",
    };
    let labels = family.samples.iter().flat_map(|sample| sample.labels.keys().cloned());
    Row {
        service: service.to_owned(),
        name: format!("{name}{suffix}"),
        kind: family.kind.clone(),
        labels: labels.filter(|label| label != "le").collect(),
    }
}

/// Every name under which the table's metrics can be asked for.
pub fn names() -> BTreeSet<String> {
    let series = |row: Row| match row.kind.as_str() {
        "histogram" => ["_bucket", "_sum", "_count"].map(|s| row.name.clone() + s).to_vec(),
        _ => vec![row.name],
    };
    rows().into_iter().flat_map(series).collect()
}
