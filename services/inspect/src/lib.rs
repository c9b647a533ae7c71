//! Says what is in a replica's or the catalog's data, and whether it is sound. A folder is never
//! opened in place: opening writes, so a private copy is read, by the code that services use.
//!
//! | file | holds |
//! |---|---|
//! | [`options`] | the command line |
//! | [`source`] | a folder or a running service, and what either turns out to be |
//! | [`portable`] | dumps: one file, checked to the last bit; a source like the others |
//! | [`folder`] | copying a folder, and opening the copy |
//! | [`service`] | asking a running service |
//! | [`orders`] | an order replica: its state, and its log from the first order to the last |
//! | [`catalog`] | the catalog: all its rows |
//! | [`dump`] | `dump`: every row, in one of three formats |
//! | [`verify`] | `verify`: each source alone, then all of them against each other |
//! | [`lockstep`] | several logs side by side, up to where they part |
//! | [`diff`] | `diff`: the first difference and what surrounds it |
//! | [`stats`] | `stats`: counts and totals |
//! | [`export`], [`import`] | `export`, `import`: one source as a dump, and a folder made of it |
//! | [`backup`], [`cut`] | `backup`: a whole store as a dump, and where the cut lies |
//! | [`restore`] | `restore`: a new store made of a backup |
//! | [`progress`] | how far a long command is, and where a signal stops it |
//! | [`rows`] | rows as a table, as JSON lines, as CSV |

pub mod backup;
pub mod catalog;
pub mod cut;
pub mod diff;
pub mod dump;
pub mod export;
pub mod folder;
pub mod import;
pub mod lockstep;
pub mod options;
pub mod orders;
pub mod portable;
pub mod progress;
pub mod restore;
pub mod rows;
pub mod service;
pub mod source;
pub mod stats;
pub mod verify;

use std::io::{self, Write};
use std::panic;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use toystore_host::Shutdown;
use toystore_storage::StorageError;

pub use options::Options;

use cut::Uncut;
use options::Command;
use portable::{Fault, Unwritten};
use progress::Stop;
use source::{Loader, Unreadable};

/// How long a command that was told to stop may clean up.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Sound; the same.
    Fine = 0,
    /// Damaged; different.
    Wrong = 1,
    /// A source could not be read, or the command line makes no sense.
    Unreadable = 2,
    /// Stopped by a signal.
    Interrupted = 130,
}

/// Why a command was not carried through.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A source cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The sources are not of a kind.
    #[error(
        "an order replica and the catalog have nothing to compare; `verify` checks one \
             against the other"
    )]
    Mixed,
    /// One source has nothing to differ from.
    #[error("name at least two sources to compare")]
    Alone,
    /// A source is damaged where it must be whole.
    #[error("{0} is damaged: {1}")]
    Damaged(String, String),
    /// A dump cannot be written.
    #[error(transparent)]
    Unwritten(#[from] Unwritten),
    /// A store cannot be backed up.
    #[error(transparent)]
    Uncut(#[from] Uncut),
    /// A folder cannot be made.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A whole store where one source was wanted.
    #[error("{0} is the backup of a whole store: `toystore-inspect restore` takes it")]
    IsBackup(String),
    /// One source where a whole store was wanted.
    #[error("{0} is no backup of a whole store but a dump of {1}: `import` takes it")]
    IsNoBackup(PathBuf, String),
    /// Stopped by a signal.
    #[error("stopped; nothing was left behind")]
    Interrupted,
    /// What was found cannot be printed.
    #[error("cannot print: {0}")]
    Output(#[from] io::Error),
    /// The system refuses what any program needs.
    #[error("cannot set up: {0}")]
    SetUp(io::Error),
}

impl Failure {
    /// A dump that cannot be used.
    #[must_use]
    pub fn dump(path: &Path, fault: Fault) -> Self {
        match fault {
            Fault::Io(_) | Fault::Foreign | Fault::Version => {
                Unreadable::Dump(path.to_path_buf(), fault).into()
            }
            fault => Self::Damaged(path.display().to_string(), fault.to_string()),
        }
    }

    /// How the process ends for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Damaged(..) | Self::Uncut(Uncut::Damaged(..) | Uncut::Apart { .. }) => {
                Exit::Wrong
            }
            Self::Storage(error) if error.is_damage() => Exit::Wrong,
            Self::Interrupted => Exit::Interrupted,
            _ => Exit::Unreadable,
        }
    }
}

/// Carries out one command; says on standard error why it could not.
#[must_use]
pub fn run(options: Options) -> Exit {
    hide_panics_of_sled();
    match set_up_and_run(options) {
        Ok(exit) => exit,
        // A reader that hung up, as `| head` does, has what it wanted.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(failure) => {
            eprintln!("toystore-inspect: {failure}");
            failure.exit()
        }
    }
}

fn set_up_and_run(options: Options) -> Result<Exit, Failure> {
    let scratch = tempfile::Builder::new().prefix("toystore-inspect-").tempdir();
    let scratch = scratch.map_err(Failure::SetUp)?;
    let runtime = Runtime::new().map_err(Failure::SetUp)?;
    let handle = runtime.handle().clone();
    let (access, command) = options.split();
    let stop = Stop::default();
    let loader = Loader::new(scratch.path().to_path_buf(), access, handle, stop.clone());
    let done = runtime.block_on(async {
        let mut shutdown = Shutdown::on_signals().map_err(Failure::SetUp)?;
        let mut work = spawn_blocking(move || execute(command, loader));
        tokio::select! {
            done = &mut work => done.map_err(|error| Failure::SetUp(error.into()))?,
            () = shutdown.requested() => {
                // What writes takes back what it wrote; what only reads may be left alone.
                stop.request();
                match timeout(LAST_WORDS, work).await {
                    Ok(done) => done.map_err(|error| Failure::SetUp(error.into()))?,
                    Err(_) => Ok(Exit::Interrupted),
                }
            }
        }
    });
    // After a signal the command may still be reading; the copies go all the same.
    runtime.shutdown_background();
    drop(scratch);
    done
}

fn execute(command: Command, mut loader: Loader) -> Result<Exit, Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let exit = match command {
        Command::Dump(command) => dump::dump(&command, &mut loader, &mut out),
        Command::Verify(command) => verify::verify(&command, &mut loader, &mut out),
        Command::Diff(command) => diff::diff(&command, &mut loader, &mut out),
        Command::Stats(command) => stats::stats(&command, &mut loader, &mut out),
        Command::Export(command) => export::export(&command, &mut loader, &mut out),
        Command::Import(command) => import::import(&command, &mut loader, &mut out),
        Command::Backup(command) => backup::backup(&command, &mut loader, &mut out),
        Command::Restore(command) => restore::restore(&command, &mut loader, &mut out),
    };
    // What was found before a failure is printed all the same.
    let flushed = out.flush();
    let exit = exit?;
    flushed?;
    Ok(exit)
}

/// Prints a text. A reader that hung up is no reason to fail.
pub fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
}

/// On damaged data sled panics where it could return an error. The storage crate catches that and
/// says what is damaged; a stack trace on top would only confuse.
fn hide_panics_of_sled() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let of_sled = info.location().is_some_and(|at| at.file().contains("/sled-"));
        if !of_sled {
            report(info);
        }
    }));
}
