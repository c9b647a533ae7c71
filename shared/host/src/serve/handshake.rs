//! Agreeing on keys before anything else is said, where TLS is spoken.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::limits::LINGER;
use crate::{Shutdown, remarks};

/// The connection once both sides have agreed; none when they do not, or not in time. A client
/// that speaks no TLS learns no more than that this side does.
pub(super) fn agree(
    tls: TlsAcceptor,
    stream: TcpStream,
    limit: Duration,
    shutdown: &Shutdown,
) -> impl Future<Output = Option<TlsStream<TcpStream>>> + Send + use<> {
    let mut shutdown = shutdown.clone();
    let peer = stream.peer_addr().ok();
    async move {
        let agreed = tokio::select! {
            agreed = timeout(limit, tls.accept(stream).into_fallible()) => agreed.ok()?,
            () = shutdown.requested() => return None,
        };
        match agreed {
            Ok(stream) => Some(stream),
            Err((error, stream)) => {
                remark(&error, peer);
                // Whether the client hears the end is its own affair.
                let _ = timeout(LINGER, let_hear(stream)).await;
                None
            }
        }
    }
}

/// Who wonders why a process is not reachable finds the reason in the log. Connections that just
/// end are everyday.
fn remark(error: &io::Error, peer: Option<SocketAddr>) {
    if error.get_ref().is_some_and(|error| error.is::<rustls::Error>())
        && let Some(left_out) = remarks::admit()
    {
        let peer = peer.map(tracing::field::display);
        tracing::warn!(%error, peer, left_out, "no agreement on TLS with a client");
    }
}

/// Ends the connection so that a client that still sends gets to read why: closing a socket with
/// unread bytes resets it, which can destroy the last words on their way.
async fn let_hear(mut stream: TcpStream) {
    if stream.shutdown().await.is_ok() {
        let mut unread = [0; 1024];
        while stream.read(&mut unread).await.is_ok_and(|bytes| bytes > 0) {}
    }
}
