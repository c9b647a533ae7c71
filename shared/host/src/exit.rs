//! How a process ends: quietly, or with one line that says what to do.

use std::fmt::Display;
use std::future::Future;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits::BLOCKING_GRACE;

/// Runs a service to its end. An error is printed on one line and makes the exit code 1.
pub fn run_main<F, E>(service: &str, run: F) -> ExitCode
where
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    raise_file_limit();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
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

/// Prints `service: message` on stderr, on one line, and gives the exit code 1.
pub fn fail(service: &str, message: impl Display) -> ExitCode {
    let message = message.to_string();
    let line = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    eprintln!("{service}: {line}");
    ExitCode::FAILURE
}
