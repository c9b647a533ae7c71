//! Tables and plots out of what was kept. Of the document only what stands between the marks of a
//! scenario is written anew, so no figure in it is typed by hand.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use toystore_host::exit;

use crate::measure::table::table;
use crate::options::Report;
use crate::run::Record;
use crate::scenarios::{ALL, Scenario, Shown};

/// The mark between which it says what was measured where and when.
const RUNS: &str = "runs";

/// Writes tables and plots.
pub fn report(options: &Report) -> Result<ExitCode> {
    let mut document = fs::read_to_string(&options.document)
        .with_context(|| format!("cannot read {}", options.document.display()))?;
    let folder = options.document.with_extension("");
    let mut records = Vec::new();
    for scenario in ALL {
        let Some(record) = Record::read(&options.results, scenario.name)? else {
            exit::say(&format!("{}: no result, left as it is", scenario.name));
            continue;
        };
        let text = written(scenario, &record, &folder)?;
        document = replaced(&document, scenario.name, &text)?;
        records.push(record);
    }
    ensure!(!records.is_empty(), "no results in {}", options.results.display());
    document = replaced(&document, RUNS, &runs(&records))?;
    fs::write(&options.document, document)?;
    exit::say(&format!("{} is up to date.", options.document.display()));
    Ok(ExitCode::SUCCESS)
}

/// A scenario's text; its plots are written.
fn written(scenario: &Scenario, record: &Record, folder: &Path) -> Result<String> {
    let shown = (scenario.show)(&record.data);
    let Shown { mut text, plots } =
        shown.with_context(|| format!("the result of {} is of another version", scenario.name))?;
    fs::create_dir_all(folder)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for (plot, drawing) in plots {
        fs::write(folder.join(format!("{plot}.svg")), drawing.svg()?)?;
        text += &format!("\n![{plot}]({name}/{plot}.svg)\n");
    }
    Ok(text)
}

/// The document with another text between the marks of this name.
fn replaced(document: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- bench:{name} -->"), format!("<!-- /bench:{name} -->"));
    let parts = document.split_once(&begin);
    let parts = parts.and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = parts.with_context(|| format!("the document lacks {begin} … {end}"))?;
    Ok(format!("{before}{begin}\n{}\n{end}{after}", text.trim_end()))
}

/// When each was measured, of which source, and on what.
fn runs(records: &[Record]) -> String {
    let row = |record: &Record| {
        let dirty = if record.source.dirty { " with changes" } else { "" };
        let size = if record.quick { "quick" } else { "full" };
        vec![
            format!("[{0}](performance/{0}.json)", record.scenario),
            record.date.clone(),
            format!("{}{dirty}", record.source.commit),
            size.to_owned(),
            record.repeats.to_string(),
        ]
    };
    let rows: Vec<_> = records.iter().map(row).collect();
    let mut text = table(&["question", "measured (UTC)", "commit", "size", "repeats"], &rows);
    let mut machines: Vec<_> = records.iter().map(|record| &record.machine).collect();
    machines.dedup();
    for machine in machines {
        let etcd = machine.etcd.as_deref().unwrap_or("none");
        text += &format!(
            "\n{} cores of {}, {:.0} GiB of memory, Linux {}, databases on {}, etcd {etcd}.\n",
            machine.cores, machine.cpu, machine.memory_gib, machine.kernel, machine.file_system
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let document = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n";
        let new = replaced(document, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\nb\n");
        assert_eq!(replaced(&new, "x", "new").unwrap(), new);
        assert!(replaced(document, "y", "new").is_err());
    }
}
