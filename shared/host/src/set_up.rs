//! What every service needs before it can serve, and why it may not get it.

use std::io;

use tokio::net::TcpListener;

use crate::listen::{self, ListenError};
use crate::tokens::TokenError;
use crate::wire::CallerError;
use crate::{Address, Shutdown};

/// Why a service cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// A token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
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

/// Opens the port, and begins to heed signals.
///
/// # Errors
/// One of the two is not to be had.
pub async fn open(
    address: &Address,
    what: &'static str,
) -> Result<(TcpListener, Shutdown), SetUpError> {
    let listener = listen::bind(address, what).await?;
    Ok((listener, Shutdown::on_signals().map_err(SetUpError::Signals)?))
}
