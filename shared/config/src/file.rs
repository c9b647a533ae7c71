//! Which values a file has for a program, and which keys it should not have.
//!
//! One file serves all programs: keys at its top hold for each of them, and each has a table.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::given::Given;
use crate::known::{Known, Opt};
use crate::problem::Problem;

/// What may stand at the top.
const COMMON: [&str; 9] = [
    "catalog",
    "cluster-token",
    "insecure",
    "log-format",
    "mutual-tls",
    "replicas",
    "tls-ca",
    "tls-cert",
    "tls-key",
];

/// Whose tables there may be.
const PROGRAMS: [&str; 5] = [
    "toystore-catalog",
    "toystore-client",
    "toystore-front-end",
    "toystore-inspect",
    "toystore-order",
];

/// No configuration is larger.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What a file says to a program.
#[derive(Default)]
pub struct Contents {
    /// Which file; none if none was named.
    pub path: Option<PathBuf>,
    /// The values it has for this program and command.
    pub values: Vec<(Opt, OsString)>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

impl Contents {
    /// The values of options that neither a flag nor the environment gives.
    #[must_use]
    pub fn used(&self, given: &Given) -> Vec<(Opt, OsString)> {
        let used =
            |(option, _): &&(Opt, OsString)| option.from_env().is_none() && !given.gives(option);
        self.values.iter().filter(used).cloned().collect()
    }
}

/// Reads the file that the command line or the environment names.
#[must_use]
pub fn read(known: &Known, given: &Given) -> Contents {
    let option = known.program.options.iter().find(|option| option.name == "config");
    let named = given.value("config").or_else(|| option.and_then(Opt::from_env));
    let Some(path) = named.map(PathBuf::from) else { return Contents::default() };
    let mut contents = Contents { path: Some(path.clone()), ..Contents::default() };
    match table(&path) {
        Ok(table) => take(table, &path, known, given, &mut contents),
        Err(problem) => contents.problems.push(problem),
    }
    contents
}

fn table(path: &Path) -> Result<Table, Problem> {
    let unreadable = |error| Problem::Unreadable { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Problem::TooLarge { path: path.to_owned(), most: MAX_FILE_BYTES });
    }
    let text = String::from_utf8_lossy(&bytes);
    text.parse::<Table>().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Problem::NotToml { path: path.to_owned(), line }
    })
}

fn take(table: Table, path: &Path, known: &Known, given: &Given, into: &mut Contents) {
    let program = known.program.name.as_str();
    let mut own = Table::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if key == program => {
                inner.keys().filter(|key| !is_setting(known, key)).for_each(|key| {
                    let nearest = nearest(key, known.settings().map(Opt::key));
                    into.problems.push(unknown(path, &format!("[{program}]"), key, nearest));
                });
                own.extend(inner);
            }
            Value::Table(_) if PROGRAMS.contains(&key.as_str()) => {}
            Value::Table(_) => {
                let nearest = nearest(&key, PROGRAMS.into_iter());
                into.problems.push(unknown(
                    path,
                    "the top",
                    &format!("[{key}]"),
                    format!("[{nearest}]"),
                ));
            }
            value if COMMON.contains(&key.as_str()) => {
                own.entry(key).or_insert(value);
            }
            _ if is_setting(known, &key) => into.problems.push(Problem::NotForAll {
                path: path.to_owned(),
                key,
                table: program.to_owned(),
            }),
            _ => {
                let nearest = nearest(&key, COMMON.into_iter());
                into.problems.push(unknown(path, "the top", &key, nearest));
            }
        }
    }
    for option in known.options(given.command()).filter(|option| option.is_setting()) {
        let Some(value) = own.get(option.key()) else { continue };
        match text(value) {
            Some(text) => into.values.push((option.clone(), text.into())),
            None => into
                .problems
                .push(Problem::WrongKind { path: path.to_owned(), key: option.key().to_owned() }),
        }
    }
}

fn is_setting(known: &Known, key: &str) -> bool {
    known.settings().any(|option| option.key() == key)
}

fn unknown(path: &Path, place: &str, key: &str, nearest: String) -> Problem {
    let (path, place, key) = (path.to_owned(), place.to_owned(), key.to_owned());
    Problem::UnknownKey { path, place, key, nearest }
}

fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> String {
    let distance = |known: &&str| strsim::damerau_levenshtein(key, known);
    known.min_by_key(distance).unwrap_or_default().to_owned()
}

/// A value as it would stand behind a flag.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(on) => Some(if *on { "on" } else { "off" }.to_owned()),
        Value::Array(parts) => {
            let parts: Option<Vec<_>> = parts.iter().map(text).collect();
            parts.map(|parts| parts.join(","))
        }
        Value::Table(_) | Value::Datetime(_) => None,
    }
}
