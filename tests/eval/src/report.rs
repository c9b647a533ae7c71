//! The report: out of what was kept, and of nothing else. Every figure in it is put in here, and
//! every conclusion is chosen by what the figures show.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use toystore_figures::plot::{Curves, Plot};

use crate::crashes::Crashes;
use crate::figure::count;
use crate::parts::Record;
use crate::parts::load::Load;
use crate::parts::sweep::Sweep;

mod benefit;
mod cache;
mod crash_tables;
mod crashes;
mod load;
mod timelines;
mod top;

/// What stands where a part was not measured.
const NOT_MEASURED: &str = "Not measured yet.\n";

/// Everything that was kept.
pub struct Kept {
    load: Option<Record<Load>>,
    sweep: Option<Record<Sweep>>,
    distances: Option<Record<Sweep>>,
    crashes: Option<Record<Crashes>>,
}

/// A part of the report, and the files beside it.
#[derive(Debug, Default)]
struct Section {
    text: String,
    /// Names and contents.
    files: Vec<(String, String)>,
}

impl Section {
    fn say(&mut self, text: impl AsRef<str>) {
        self.text += text.as_ref().trim_end();
        self.text += "\n\n";
    }

    /// Errors where nothing went wrong on purpose: something disturbed the measurement.
    fn say_errors(&mut self, errors: u64) {
        if errors > 0 {
            self.say(format!(
                "**Customers saw {}** although nothing went wrong on purpose; times until the \
                 repeat succeeded are in the figures. Was the machine quiet?",
                count(errors, "error", "errors")
            ));
        }
    }

    fn csv(&mut self, name: &str, head: &[&str], rows: &[Vec<String>]) -> Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(head)?;
        rows.iter().try_for_each(|row| writer.write_record(row))?;
        let bytes = writer.into_inner().context("a table is not complete")?;
        self.files.push((format!("{name}.csv"), String::from_utf8(bytes)?));
        Ok(())
    }

    fn plot(&mut self, name: &str, curves: Curves) -> Result<()> {
        self.say(format!("![{}]({name}.svg)", curves.title));
        self.files.push((format!("{name}.svg"), Plot::Curves(curves).svg()?));
        Ok(())
    }
}

/// Writes the report and the files beside it into the folder with what was kept.
///
/// # Errors
/// What was kept is of another version, or something cannot be written.
pub fn write(results: &Path) -> Result<()> {
    let kept = Kept {
        load: Record::read(results, "load")?,
        sweep: Record::read(results, "sweep")?,
        distances: Record::read(results, "distances")?,
        crashes: Record::read(results, "crashes")?,
    };
    let mut text = String::new();
    for (title, section) in kept.sections()? {
        let level = if text.is_empty() { "#" } else { "##" };
        text += &format!("{level} {title}\n\n{}", section.text);
        for (name, content) in section.files {
            fs::write(results.join(name), content)?;
        }
    }
    fs::create_dir_all(results)?;
    let path = results.join("report.md");
    fs::write(&path, text.trim_end().to_owned() + "\n")
        .with_context(|| format!("cannot write {}", path.display()))
}

impl Kept {
    fn sections(&self) -> Result<Vec<(&'static str, Section)>> {
        Ok(vec![
            ("Evaluation", top::section(self)),
            ("Load", load::section(self.load.as_ref())?),
            ("Cache and purchases", cache::section(self.sweep.as_ref())?),
            ("What the cache brings", benefit::section(self)?),
            ("Crashes", crashes::section(self)?),
        ])
    }
}
