//! Ctrl-C and SIGTERM, for programs that start others.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Waits, on a thread for nothing else, until the user or the system wants this process to end.
///
/// # Errors
/// There is no way to hear of signals: the first one ends the process at once.
pub fn wait() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted,
        }
    })
}
