//! A customer of the toy store: shops, keeps what it was told, and checks it. It knows the
//! public JSON only, so what it says about the store holds for every other customer too.
//!
//! | file | rule |
//! |---|---|
//! | [`options`] | the command line and its bounds |
//! | [`api`] | one request, one reply, or one kind of trouble |
//! | [`patience`] | what is repeated, for how long, and through which front end |
//! | [`shopper`] | what a customer looks at and buys; pure |
//! | [`run`] | many customers at once: shop, then check |
//! | [`check`] | whether the store still says what it said |
//! | [`stats`] | counts, percentiles, the longest gap |
//! | [`report`] | the outcome of a run as JSON, as text, and as an exit code |
//! | [`load`] | as many requests as a store takes, with exact times |
//! | [`commands`] | one request from the command line |
//! | [`table`] | columns for people |

pub mod api;
pub mod check;
pub mod commands;
pub mod load;
pub mod options;
pub mod patience;
pub mod report;
pub mod run;
pub mod shopper;
pub mod stats;
pub mod table;

use std::io::Write;
use std::path::PathBuf;

use toystore_tls::TlsError;

pub use options::Options;

use api::Trouble;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done; after a run: every acknowledged order matches.
    Fine = 0,
    /// An order is lost, differs, or shares its number; or the store refused a single request.
    Wrong = 1,
    /// The command line makes no sense, or the report cannot be written.
    Usage = 2,
    /// The store could not be reached, or not for long enough to check every order.
    Unreachable = 3,
    /// Ctrl-C; of a run the second one: left without the check.
    Interrupted = 130,
}

/// Why a command could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store refused, or could not be reached.
    #[error("{0}")]
    Store(#[from] Trouble),
    /// The same, of one request.
    #[error("cannot {doing}: {trouble}, at {at}")]
    Asked {
        /// What was to be done.
        doing: String,
        /// Which front ends were asked.
        at: String,
        /// What came of it.
        trouble: Trouble,
    },
    /// The toys cannot be listed, so nobody can go shopping.
    #[error("cannot list the toys: {0}")]
    Listing(Trouble),
    /// There is nothing to look at.
    #[error("the store has no products")]
    NothingForSale,
    /// The report cannot be written.
    #[error("cannot write the report {0}: {1}")]
    Report(PathBuf, std::io::Error),
    /// The files for TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nobody is named who could vouch for the store.
    #[error("{0} wants --tls-ca FILE, the certificate of the authority that has signed its own")]
    NoAuthority(String),
    /// The operating system refuses what any program needs.
    #[error("cannot set up: {0}")]
    SetUp(String),
    /// Stopped twice.
    #[error("left without checking the orders")]
    Interrupted,
}

impl Failure {
    /// The exit code for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Store(trouble) | Self::Asked { trouble, .. } => match trouble.is_transport() {
                true => Exit::Unreachable,
                false => Exit::Wrong,
            },
            Self::Listing(_) | Self::NothingForSale => Exit::Unreachable,
            Self::Report(..) | Self::Tls(_) | Self::NoAuthority(_) | Self::SetUp(_) => Exit::Usage,
            Self::Interrupted => Exit::Interrupted,
        }
    }

    /// What can be done about it, where that is known.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Store(trouble) | Self::Asked { trouble, .. } | Self::Listing(trouble) => {
                trouble.advice()
            }
            _ => None,
        }
    }
}

/// Carries out one command; says on standard error why it could not.
pub async fn execute(options: Options) -> Exit {
    let done = match options {
        Options::Run(options) => run::run(options).await,
        Options::Load(options) => load::load(options).await,
        Options::Get(options) => commands::get(options).await,
        Options::Buy(options) => commands::buy(options).await,
        Options::Order(options) => commands::order(options).await,
        Options::Status(options) => commands::status(options).await,
    };
    done.unwrap_or_else(|failure| {
        eprintln!("toystore-client: {failure}");
        if let Some(advice) = failure.advice() {
            eprintln!("{advice}");
        }
        failure.exit()
    })
}

/// Prints a text. A reader that hung up, as `| head` does, is no reason to fail.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}
