//! A folder or a running service, and what either turns out to be.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use tokio::runtime::Handle;
use toystore_host::tokens::TokenError;
use toystore_host::wire::CallerError;
use toystore_host::{Address, CallError, Caller, ClusterToken};
use toystore_storage::StorageError;

use crate::catalog::Catalog;
use crate::folder;
use crate::orders::Orders;
use crate::service;

/// Where data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a folder that no process uses.
    Folder(PathBuf),
    /// At a running service.
    Service(Address),
}

impl FromStr for Place {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("http://") {
            let address = rest.strip_suffix('/').unwrap_or(rest).parse();
            return address.map(Self::Service).map_err(|_| {
                format!("\"{text}\" is no address; write http://host:port, without a path")
            });
        }
        match text {
            "" => Err("an empty text is no source".to_owned()),
            _ if text.contains("://") => Err(format!("\"{text}\": only http:// is spoken here")),
            _ => Ok(Self::Folder(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Service(address) => write!(f, "http://{address}"),
        }
    }
}

/// Why a source could not be read. Says nothing about whether it is sound.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The folder is missing, foreign, or the system refuses.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A process has the folder open; a copy of it could be torn.
    #[error(
        "{0} is in use by a running process; name that process by its address \
             (http://host:port), or stop it first"
    )]
    InUse(PathBuf),
    /// The folder changed while it was copied.
    #[error("a process used {0} while it was copied; try again")]
    Torn(PathBuf),
    /// The token of the cluster is not to be had.
    #[error("{0} (give its file with --cluster-token)")]
    Token(#[from] TokenError),
    /// No calls can be made.
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// The service does not answer, or not so.
    #[error("http://{0}: {1}")]
    Call(Address, CallError),
    /// Something else than an order replica or the catalog listens there.
    #[error("http://{0} is neither an order replica nor the catalog")]
    Stranger(Address),
    /// What the service said first no longer holds.
    #[error("http://{0} changed while it was read: {1}; try again")]
    Changed(Address, &'static str),
}

/// Why reading stopped before the end.
#[derive(Debug)]
pub enum Stop {
    /// This is damaged.
    Damaged(String),
    /// It could not be read.
    Unreadable(Unreadable),
}

/// What a source turned out to be.
pub enum Source {
    /// An order replica.
    Orders(Orders),
    /// The catalog.
    Catalog(Catalog),
    /// Too damaged to tell.
    Ruin {
        /// What to call it.
        name: String,
        /// What is wrong with it.
        damage: String,
    },
}

impl Source {
    /// What to call it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Orders(orders) => &orders.name,
            Self::Catalog(catalog) => &catalog.name,
            Self::Ruin { name, .. } => name,
        }
    }

    /// What is wrong with it, as far as opening it shows.
    #[must_use]
    pub fn damage(&self) -> Option<&str> {
        match self {
            Self::Orders(orders) => orders.damage.as_deref(),
            Self::Catalog(catalog) => catalog.damage.as_deref(),
            Self::Ruin { damage, .. } => Some(damage),
        }
    }

    fn rename(&mut self, to: String) {
        match self {
            Self::Orders(orders) => orders.name = to,
            Self::Catalog(catalog) => catalog.name = to,
            Self::Ruin { name, .. } => *name = to,
        }
    }
}

/// Opens sources: copies folders into a scratch folder, asks services with the cluster's token.
pub struct Loader {
    scratch: PathBuf,
    token: PathBuf,
    runtime: Handle,
    caller: Option<Caller>,
    copies: usize,
}

impl Loader {
    /// Opens sources with the token in this file; copies go below `scratch`.
    #[must_use]
    pub fn new(scratch: PathBuf, token: PathBuf, runtime: Handle) -> Self {
        Self { scratch, token, runtime, caller: None, copies: 0 }
    }

    /// Opens sources. Damage is no reason to fail: the source says what is damaged.
    pub fn load_all(&mut self, places: &[Place]) -> Vec<Result<Source, Unreadable>> {
        let mut sources: Vec<_> = places.iter().map(|place| self.load(place)).collect();
        // Two copies of one replica have one name: then their places tell them apart.
        let mut times = BTreeMap::new();
        for source in sources.iter().flatten() {
            *times.entry(source.name().to_owned()).or_insert(0) += 1;
        }
        for (source, place) in sources.iter_mut().zip(places) {
            if let Ok(source) = source
                && times.get(source.name()).is_some_and(|times| *times > 1)
            {
                source.rename(format!("{} ({place})", source.name()));
            }
        }
        sources
    }

    fn load(&mut self, place: &Place) -> Result<Source, Unreadable> {
        match place {
            Place::Folder(path) => folder::load(path, || self.scratch_folder()),
            Place::Service(address) => {
                service::load(service::Link::new(self.caller()?, self.runtime.clone(), address))
            }
        }
    }

    fn caller(&mut self) -> Result<Caller, Unreadable> {
        if let Some(caller) = &self.caller {
            return Ok(caller.clone());
        }
        let caller = Caller::new(ClusterToken::read(&self.token)?)?;
        self.caller = Some(caller.clone());
        Ok(caller)
    }

    /// A name in the scratch folder for a copy that is to be made.
    fn scratch_folder(&mut self) -> PathBuf {
        self.copies += 1;
        self.scratch.join(self.copies.to_string())
    }
}

impl From<Unreadable> for Stop {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

/// Damage is found in what was read; any other error is a failure to read.
impl From<StorageError> for Stop {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Damaged { what, .. } => Self::Damaged(what),
            other => Self::Unreadable(other.into()),
        }
    }
}
