//! Opening a port, with an error that says what to do.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::Address;
use crate::limits::LISTEN_BACKLOG;

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

/// An open port, and what is spoken there: plain HTTP, or HTTP over TLS.
pub struct Port {
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
}

impl Port {
    /// A port where TLS is spoken if it is given.
    #[must_use]
    pub fn new(listener: TcpListener, tls: Option<Arc<ServerConfig>>) -> Self {
        Self { listener, tls: tls.map(TlsAcceptor::from) }
    }

    /// Where it is.
    ///
    /// # Errors
    /// The system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl From<TcpListener> for Port {
    fn from(listener: TcpListener) -> Self {
        Self::new(listener, None)
    }
}

/// Opens a port. Port 0 takes any that is free: ask the listener which.
///
/// # Errors
/// The port is taken, or not to be had.
pub async fn bind(address: &Address, what: &'static str) -> Result<TcpListener, ListenError> {
    let opened = TcpListener::bind(address.as_str()).await.and_then(with_room_to_wait);
    opened.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { address: address.clone(), what },
        _ => ListenError::Refused { address: address.clone(), what, error },
    })
}

/// Lets a crowd that comes at once wait: the library's own room is 128 connections.
fn with_room_to_wait(listener: TcpListener) -> io::Result<TcpListener> {
    rustix::net::listen(&listener, i32::from(LISTEN_BACKLOG))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_crowd_that_comes_at_once_is_connected() {
        let listener = bind(&"127.0.0.1:0".parse().unwrap(), "a crowd").await.unwrap();
        let at = listener.local_addr().unwrap();
        let crowd: Vec<_> = (0..400).map(|_| tokio::spawn(TcpStream::connect(at))).collect();
        let all = futures_util::future::join_all(crowd);
        let streams = tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
        assert!(streams.into_iter().all(|stream| stream.unwrap().is_ok()));
    }
}
