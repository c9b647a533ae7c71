//! What every service needs before it can serve, and why it may not get it.

use std::io;

use crate::listen::{self, ListenError, Port};
use crate::tls::{Callers, TlsError, TlsFiles};
use crate::tokens::TokenError;
use crate::wire::CallerError;
use crate::{Address, Shutdown};

/// Why a service cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// A token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Calls to other processes cannot be made.
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// The port cannot be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The signals to stop cannot be caught.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] io::Error),
}

/// Opens the port, where TLS is spoken with `callers` if files for it are named, and begins to heed
/// signals.
///
/// # Errors
/// The files cannot be used, or port or signals are not to be had.
pub async fn open(
    address: &Address,
    what: &'static str,
    files: &TlsFiles,
    callers: Callers,
) -> Result<(Port, Shutdown), SetUpError> {
    let tls = files.read()?.map(|tls| tls.server(callers)).transpose()?.flatten();
    let port = Port::new(listen::bind(address, what).await?, tls);
    Ok((port, Shutdown::on_signals().map_err(SetUpError::Signals)?))
}
