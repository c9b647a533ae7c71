//! A folder or a running service, and what either turns out to be.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio::runtime::Handle;
use toystore_config::secret::masked;
use toystore_host::tokens::TokenError;
use toystore_host::wire::CallerError;
use toystore_host::{Address, CallError, Caller, ClusterToken};
use toystore_storage::StorageError;
use toystore_storage::schema::OrderState;
use toystore_tls::TlsError;

use crate::catalog::Catalog;
use crate::folder;
use crate::options::Access;
use crate::orders::Orders;
use crate::portable::{Dump, Fault, Head};
use crate::progress::Stop as StopSign;
use crate::service;

/// Where data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a folder that no process uses, or in a dump.
    Folder(PathBuf),
    /// At a running service.
    Service(At),
}

/// Where a service listens, and whether TLS is spoken there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// Where.
    pub address: Address,
    /// Whether by https.
    pub secure: bool,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.address)
    }
}

impl FromStr for Place {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
            Some(_) => {
                let text = masked(text);
                return Err(format!("\"{text}\": only http:// and https:// are spoken here"));
            }
            None if text.is_empty() => return Err("an empty text is no source".to_owned()),
            // Perhaps an address with a password, which no message may repeat.
            None if text.contains('@') && !Path::new(text).exists() => {
                return Err(
                    "what has an @ in it is no folder here; write http://host:port".to_owned()
                );
            }
            None if text.parse::<Address>().is_ok() && !Path::new(text).exists() => {
                return Err(format!("\"{text}\" is no folder; an address is http://{text}"));
            }
            None => return Ok(Self::Folder(PathBuf::from(text))),
        };
        let address = rest.strip_suffix('/').unwrap_or(rest).parse();
        let at = |address| Self::Service(At { address, secure: scheme == "https" });
        address.map(at).map_err(|_| {
            let text = masked(text);
            format!("\"{text}\" is no address; write {scheme}://host:port, without a path")
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Service(at) => at.fmt(f),
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
    /// The files for TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nobody is named who could vouch for the service.
    #[error("{0} wants --tls-ca FILE, the certificate of the authority that has signed its own")]
    NoAuthority(At),
    /// No calls can be made.
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// The service does not answer, or not so.
    #[error("{0}: {1}")]
    Call(At, CallError),
    /// Something else than an order replica or the catalog listens there.
    #[error("{0} is neither an order replica nor the catalog")]
    Stranger(At),
    /// The dump cannot be read.
    #[error("{0}: {1}")]
    Dump(PathBuf, Fault),
    /// What the service said first no longer holds.
    #[error("{0} changed while it was read: {1}; try again")]
    Changed(At, &'static str),
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
    access: Access,
    runtime: Handle,
    plain: Option<Caller>,
    secure: Option<Caller>,
    copies: usize,
    stop: StopSign,
}

/// A source, or why it could not be read.
type Loaded = Result<Source, Unreadable>;

impl Loader {
    /// Opens sources, services with what they want to see; copies go below `scratch`.
    #[must_use]
    pub fn new(scratch: PathBuf, access: Access, runtime: Handle, stop: StopSign) -> Self {
        Self { scratch, access, runtime, plain: None, secure: None, copies: 0, stop }
    }

    /// Opens sources, and says of each where it is; the backup of a whole store is two. Damage is
    /// no reason to fail: the source says what is damaged.
    pub fn load_each<'a>(&mut self, places: &'a [Place]) -> Vec<(&'a Place, Loaded)> {
        let mut sources = Vec::with_capacity(places.len());
        for place in places {
            match self.load(place) {
                Ok(found) => sources.extend(found.into_iter().map(|source| (place, Ok(source)))),
                Err(error) => sources.push((place, Err(error))),
            }
        }
        // Two copies of one replica have one name: then their places tell them apart.
        let mut times = BTreeMap::new();
        for source in sources.iter().filter_map(|(_, source)| source.as_ref().ok()) {
            *times.entry(source.name().to_owned()).or_insert(0) += 1;
        }
        for (place, source) in &mut sources {
            if let Ok(source) = source
                && times.get(source.name()).is_some_and(|times| *times > 1)
            {
                source.rename(format!("{} ({place})", source.name()));
            }
        }
        sources
    }

    /// Opens sources, all of them.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub fn load_all(&mut self, places: &[Place]) -> Result<Vec<Source>, Unreadable> {
        self.load_each(places).into_iter().map(|(_, source)| source).collect()
    }

    /// Whether the command is to stop.
    #[must_use]
    pub fn stop(&self) -> &StopSign {
        &self.stop
    }

    fn load(&mut self, place: &Place) -> Result<Vec<Source>, Unreadable> {
        match place {
            Place::Folder(path) if path.is_file() => dump(path),
            Place::Folder(path) => Ok(vec![folder::load(path, || self.scratch_folder())?]),
            Place::Service(at) => {
                let link = service::Link::new(self.caller(at)?, self.runtime.clone(), at);
                Ok(vec![service::load(link)?])
            }
        }
    }

    /// Who calls as that address wants it.
    fn caller(&mut self, at: &At) -> Result<Caller, Unreadable> {
        let known = if at.secure { &mut self.secure } else { &mut self.plain };
        if let Some(caller) = known {
            return Ok(caller.clone());
        }
        let token = ClusterToken::read(&self.access.token)?;
        let tls = if at.secure { self.access.tls.read()? } else { None };
        if at.secure && tls.is_none() {
            return Err(Unreadable::NoAuthority(at.clone()));
        }
        Ok(known.insert(Caller::speaking(token, tls.as_ref())?).clone())
    }

    /// A name in the scratch folder for a copy that is to be made.
    fn scratch_folder(&mut self) -> PathBuf {
        self.copies += 1;
        self.scratch.join(self.copies.to_string())
    }
}

/// What is in a dump. A file that is none is no damaged one.
fn dump(path: &Path) -> Result<Vec<Source>, Unreadable> {
    let dump = match Dump::read(path) {
        Ok(dump) => dump,
        Err(fault @ (Fault::Io(_) | Fault::Foreign | Fault::Version)) => {
            return Err(Unreadable::Dump(path.to_path_buf(), fault));
        }
        Err(fault) => {
            let (name, damage) = (path.display().to_string(), fault.to_string());
            return Ok(vec![Source::Ruin { name, damage }]);
        }
    };
    let catalog = |dump: &Dump| Source::Catalog(Catalog::in_dump(dump));
    Ok(match dump.head().clone() {
        Head::Replica { id, store, state, .. } => {
            vec![Source::Orders(Orders::in_dump(id, store, state, dump))]
        }
        Head::Catalog { .. } => vec![catalog(&dump)],
        Head::Store { view, from, last } => {
            let (promise, mark) = (view.epoch, view.epoch);
            let (cluster, incarnation) = (Some(view.cluster), from.incarnation);
            let state = OrderState { cluster, incarnation, promise, mark, commit: last };
            let catalog = catalog(&dump);
            vec![catalog, Source::Orders(Orders::in_dump(from.id, from.store, state, dump))]
        }
    })
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
