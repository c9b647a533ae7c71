//! How a process ends: quietly, or with one line that says what to do.

use std::fmt::Display;
use std::future::Future;
use std::io::{self, Write};
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use structopt::StructOpt;
use tokio::runtime::{Builder, Runtime};
use toystore_config::Stop;

use crate::limits::BLOCKING_GRACE;

/// The exit code for a command line that makes no sense.
pub const USAGE: u8 = 2;

/// Closes the help of every service.
pub const SERVICE_HELP: &str = "\
Each option can come from the environment instead, or from a file (--config). TOYSTORE_LOG filters the log, as in
TOYSTORE_LOG=info,toystore_replication=debug.

EXIT CODES:
    0  stopped by SIGTERM or Ctrl-C
    1  could not start or go on; one line on standard error says why
    2  usage";

/// Prints lines on standard output. Whoever closed the pipe has read enough.
pub fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
}

/// Reads the command line.
///
/// # Errors
/// The exit code, after help or what is wrong with it was printed.
pub fn command_line<T: StructOpt>() -> Result<T, ExitCode> {
    T::from_args_safe().map_err(|error| {
        if error.use_stderr() {
            eprintln!("{}", error.message);
            return ExitCode::from(USAGE);
        }
        say(&error.message);
        ExitCode::SUCCESS
    })
}

/// Reads the command line, the environment and the file they name. `together` says what is wrong
/// with options that are each fine alone, for `--check-config`.
///
/// # Errors
/// The exit code, after what was asked for, or what is wrong, was printed.
pub fn configured<T: StructOpt>(together: impl Fn(&T) -> Vec<String>) -> Result<T, ExitCode> {
    toystore_config::read(together).map_err(|stop| match stop {
        Stop::Misused(text) => {
            eprintln!("{text}");
            ExitCode::from(USAGE)
        }
        Stop::Said(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
    })
}

/// How many threads a service's tasks run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One, for work that goes through one task anyway: between threads an order would only wait.
    One,
    /// Half as many as there are cores: the store's other processes need the rest.
    HalfOfCores,
}

/// A runtime with so many threads.
///
/// # Errors
/// The system gives none.
pub fn runtime(threads: Threads) -> io::Result<Runtime> {
    let mut builder = match threads {
        Threads::One => Builder::new_current_thread(),
        Threads::HalfOfCores => {
            let cores = thread::available_parallelism().map_or(1, NonZero::get);
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(cores.div_ceil(2));
            builder
        }
    };
    builder.enable_all().build()
}

/// Runs a service to its end. An error is printed on one line and makes the exit code 1.
pub fn run_main<F, E>(service: &str, threads: Threads, run: F) -> ExitCode
where
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    raise_file_limit();
    let runtime = match runtime(threads) {
        Ok(runtime) => runtime,
        Err(error) => return fail(service, format!("cannot start its threads: {error}")),
    };
    let outcome = runtime.block_on(run);
    // A blocking thread that hangs on a disk must not keep a process alive that wants to end.
    runtime.shutdown_timeout(BLOCKING_GRACE);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(service, error),
    }
}

/// Allows as many open files as the system lets this process have: the usual soft limit is far
/// below the cap on connections. Without success accepting pauses earlier, nothing else.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Prints what makes no sense about the command line on stderr, and gives the exit code for it.
pub fn misused(service: &str, message: impl Display) -> ExitCode {
    let _ = fail(service, message);
    ExitCode::from(USAGE)
}

/// Prints `service: message` on stderr, on one line, and gives the exit code 1.
pub fn fail(service: &str, message: impl Display) -> ExitCode {
    let message = message.to_string();
    let line = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    eprintln!("{service}: {line}");
    ExitCode::FAILURE
}
