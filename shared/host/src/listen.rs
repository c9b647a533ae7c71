//! Opening a port, with an error that says what to do.

use std::io;

use tokio::net::TcpListener;

use crate::Address;

/// Why a port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process has it.
    #[error(
        "{address} is in use by another process; stop it or choose another port for {what} \
         with --listen"
    )]
    InUse {
        /// Where.
        address: Address,
        /// For what.
        what: &'static str,
    },
    /// The system does not allow it or does not know the address.
    #[error("cannot listen on {address} for {what}: {error}; choose another address with --listen")]
    Refused {
        /// Where.
        address: Address,
        /// For what.
        what: &'static str,
        /// Why not.
        #[source]
        error: io::Error,
    },
}

/// Opens a port. Port 0 takes any that is free: ask the listener which.
///
/// # Errors
/// The port is taken, or not to be had.
pub async fn bind(address: &Address, what: &'static str) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address.as_str()).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { address: address.clone(), what },
        _ => ListenError::Refused { address: address.clone(), what, error },
    })
}
