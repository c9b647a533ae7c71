//! Everything that can be wrong, in words that say where.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag.
    Flag,
    /// A variable of the environment.
    Environment(String),
    /// The file.
    File(PathBuf),
    /// Nobody gave one.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What is wrong. Files are named by place and line, never quoted: they may be the wrong ones.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The file is too large to be one.
    #[error("{} is larger than {most} bytes: no configuration", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// What is allowed.
        most: u64,
    },
    /// The file is no TOML.
    #[error(
        "{}, line {line}: this is no TOML; write KEY = VALUE, texts in quotes, each key once",
        path.display()
    )]
    NotToml {
        /// Which.
        path: PathBuf,
        /// Where.
        line: usize,
    },
    /// A key that nothing has.
    #[error("{}: {place} has no key {key}; did you mean {nearest}?", path.display())]
    UnknownKey {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        place: String,
        /// The key.
        key: String,
        /// The one that is most like it.
        nearest: String,
    },
    /// A key at the top that belongs into a table.
    #[error("{}: {key} at the top is not for every program; write it below [{table}]", path.display())]
    NotForAll {
        /// Which file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The table.
        table: String,
    },
    /// A value that no option takes.
    #[error("{}: {key} wants a text, a number, true or false, or a list of these", path.display())]
    WrongKind {
        /// Which file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// A value that the option refuses.
    #[error("--{flag}, from {origin}: {why}")]
    BadValue {
        /// The option.
        flag: String,
        /// Where the value comes from.
        origin: Source,
        /// Why not.
        why: String,
    },
    /// A flag that stands at the end.
    #[error("--{0} wants a value")]
    NoValue(String),
    /// The parser is not content.
    #[error("{0}")]
    Misused(String),
    /// Each option is fine, but not all together, or not on this machine.
    #[error("{0}")]
    Unsound(String),
}
