//! The parts of the study, and what is kept of them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toystore_figures::machine::{Machine, Source};

use crate::crashes::scenario::Scenario;
use crate::sizes::Sizes;

pub mod load;
pub mod sweep;

/// A part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// So many requests of each kind.
    Load,
    /// How likely a look leads to a purchase, with the cache and without.
    Sweep,
    /// The same at several distances.
    Distances,
    /// All crashes.
    Crashes,
    /// One of them.
    Crash(&'static Scenario),
}

/// The part of this name.
///
/// # Errors
/// There is none.
pub fn named(name: &str) -> Result<Part, String> {
    Ok(match name {
        "load" => Part::Load,
        "sweep" => Part::Sweep,
        "distances" => Part::Distances,
        "crashes" => Part::Crashes,
        _ => Part::Crash(Scenario::named(name).ok_or("there is no such part; see --help")?),
    })
}

/// What is kept of a part.
#[derive(Debug, Deserialize, Serialize)]
pub struct Record<T> {
    /// When it was measured, in UTC.
    pub date: String,
    /// Of which source.
    pub source: Source,
    /// On what.
    pub machine: Machine,
    /// Whether the programs were built for speed.
    pub release: bool,
    /// Whether it was a quick run.
    pub quick: bool,
    /// Its seed.
    pub seed: u64,
    /// How much was measured.
    pub sizes: Sizes,
    /// How many seconds the part took.
    pub seconds: f64,
    /// What was found.
    pub data: T,
}

impl<T: DeserializeOwned + Serialize> Record<T> {
    /// Reads what was kept under a name; none when nothing was.
    ///
    /// # Errors
    /// It is of another version, or cannot be read.
    pub fn read(results: &Path, name: &str) -> Result<Option<Self>> {
        let path = results.join(format!("{name}.json"));
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path)?;
        let record = serde_json::from_str(&text);
        Ok(Some(record.with_context(|| format!("{} is no result", path.display()))?))
    }

    /// Keeps it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, results: &Path, name: &str) -> Result<()> {
        fs::create_dir_all(results)?;
        let path = results.join(format!("{name}.json"));
        let text = serde_json::to_string(self)?;
        fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }
}
