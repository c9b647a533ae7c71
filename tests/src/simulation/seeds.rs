//! Seeds that once broke an invariant: they are run again by the tests, for ever.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

/// Where they are kept: a seed, a blank, and what it once broke, on each line.
#[must_use]
pub fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("seeds.txt")
}

/// All of them.
///
/// # Errors
/// The list cannot be read, or a line does not begin with a seed.
pub fn all() -> io::Result<Vec<u64>> {
    let text = std::fs::read_to_string(path())?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let seed = line.split_whitespace().next().unwrap_or_default().parse();
            seed.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, line.to_owned()))
        })
        .collect()
}

/// Adds one, unless it is there; where it was noted.
///
/// # Errors
/// The list cannot be read or written.
pub fn remember(seed: u64, what: &str) -> io::Result<PathBuf> {
    if !all()?.contains(&seed) {
        let line = what.lines().next().unwrap_or_default();
        writeln!(OpenOptions::new().append(true).open(path())?, "{seed} {line}")?;
    }
    Ok(path())
}
