//! The accept loop, and the options that its guards keep.

mod exchange;
mod guard;
mod handshake;
mod head;
mod turn;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use toystore_domain::Refusal;
use warp::{Filter, Reply};

pub use self::head::HeadLimits;

use self::exchange::Exchange;
use self::guard::Guard;
use self::handshake::agree;
use self::turn::Turn;
use crate::{Port, Shutdown, limits, load};

/// What a server allows. The default is what [`limits`] says.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// What the head of a request may be like.
    pub head: HeadLimits,
    /// From the start of a connection until both sides have agreed on keys, where TLS is spoken.
    pub handshake_timeout: Duration,
    /// From the first byte of a head to its end; then 408.
    pub header_timeout: Duration,
    /// Between two requests; then the connection is closed.
    pub keep_alive_idle: Duration,
    /// How long a client may leave an answer unread.
    pub write_timeout: Duration,
    /// How long a refused client may go on sending.
    pub linger: Duration,
    /// Open connections; one more is answered 503.
    pub max_connections: usize,
    /// Requests under way; one more is answered 503.
    pub max_requests: usize,
    /// From the wish to stop until requests under way are dropped.
    pub shutdown_grace: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            head: HeadLimits {
                head_bytes: limits::MAX_HEADER_BYTES,
                uri_bytes: limits::MAX_URI_BYTES,
                headers: limits::MAX_HEADERS,
            },
            handshake_timeout: limits::HANDSHAKE_TIMEOUT,
            header_timeout: limits::HEADER_READ_TIMEOUT,
            keep_alive_idle: limits::KEEP_ALIVE_IDLE,
            write_timeout: limits::WRITE_TIMEOUT,
            linger: limits::LINGER,
            max_connections: limits::MAX_CONNECTIONS,
            max_requests: limits::MAX_REQUESTS_UNDER_WAY,
            shutdown_grace: limits::SHUTDOWN_GRACE,
        }
    }
}

/// What all connections share.
struct Server<S> {
    routes: Arc<S>,
    options: ServeOptions,
    requests: Arc<Semaphore>,
    shutdown: Shutdown,
}

/// Serves `routes` until `shutdown`; then lets requests under way end within the grace, and
/// drops what is left. Wants routes that answer everything: `routes.recover(reject::recover)`.
pub async fn serve<F>(
    port: impl Into<Port>,
    routes: F,
    options: ServeOptions,
    mut shutdown: Shutdown,
) where
    F: Filter<Error = Infallible> + Clone + Send + Sync + 'static,
    F::Extract: Reply,
{
    let Port { listener, tls } = port.into();
    let server = Arc::new(Server {
        routes: Arc::new(warp::service(routes)),
        options,
        requests: Arc::new(Semaphore::new(options.max_requests)),
        shutdown: shutdown.clone(),
    });
    let connections = Arc::new(Semaphore::new(options.max_connections));
    let turned_away = Arc::new(Semaphore::new(limits::MAX_TURNED_AWAY));
    let mut open = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = shutdown.requested() => break,
            Some(_) = open.join_next() => continue,
            stream = accept(&listener) => stream,
        };
        load::accepted();
        // Without it small answers wait for the client's delayed acknowledgements; worth no more.
        let _ = stream.set_nodelay(true);
        if let Ok(place) = Arc::clone(&connections).try_acquire_owned() {
            let (place, server) = ((place, load::connection()), Arc::clone(&server));
            // Tasks of two kinds, so that one without TLS keeps no room for it.
            match &tls {
                None => open.spawn(hold(place, converse(stream, server))),
                Some(tls) => {
                    let agreed = agree(tls.clone(), stream, options.handshake_timeout, &shutdown);
                    open.spawn(hold(place, async {
                        if let Some(stream) = agreed.await {
                            converse(stream, server).await;
                        }
                    }))
                }
            };
        } else if let Ok(place) = Arc::clone(&turned_away).try_acquire_owned() {
            match &tls {
                None => open.spawn(hold(place, turn_away(stream, options))),
                Some(tls) => {
                    let agreed = agree(tls.clone(), stream, options.linger, &shutdown);
                    open.spawn(hold(place, async move {
                        if let Some(stream) = agreed.await {
                            turn_away(stream, options).await;
                        }
                    }))
                }
            };
        }
    }
    // New connections are refused by the system from here on.
    drop(listener);
    let all_done = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(options.shutdown_grace, all_done).await.is_err() {
        tracing::warn!(connections = open.len(), "dropping what did not end in time");
    }
}

/// Holds a connection's place to its end.
async fn hold<P>(place: P, connection: impl Future<Output = ()>) {
    connection.await;
    drop(place);
}

/// The next connection. Without file descriptors it waits for some: those in use go on.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections for a moment");
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the error is about the connection that would have been next, not about this process.
fn is_of_one_connection(error: &io::Error) -> bool {
    [Errno::CONNABORTED, Errno::INTR, Errno::PROTO, Errno::CONNRESET]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Serves one connection to its end.
async fn converse<T, S>(stream: T, server: Arc<Server<S>>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: tower_service::Service<
            hyper::Request<hyper::body::Incoming>,
            Response = crate::reply::Response,
            Error = Infallible,
        > + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    let options = server.options;
    let mut shutdown = server.shutdown.clone();
    let turn = Arc::new(Turn::default());
    let io = TokioIo::new(Guard::new(stream, options, Arc::clone(&turn)));
    let (routes, requests) = (Arc::clone(&server.routes), Arc::clone(&server.requests));
    let exchange = Exchange { routes, requests, turn };
    let mut connection = parser(&options).serve_connection(io, exchange);
    let mut leaving = false;
    let outcome = loop {
        tokio::select! {
            outcome = &mut connection => break outcome,
            () = shutdown.requested(), if !leaving => {
                leaving = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection broke");
    }
    let guard = connection.into_parts().io.into_inner();
    // Whether the client hears the end is its own affair.
    let _ = tokio::time::timeout(options.linger, guard.close()).await;
}

/// The parser, with limits of its own behind the guard's: where both see the same, the guard is
/// first, and answers in the store's own words.
fn parser(options: &ServeOptions) -> http1::Builder {
    let mut parser = http1::Builder::new();
    parser
        // The guard keeps the time.
        .header_read_timeout(None)
        .max_headers(options.head.headers)
        .max_header_size(options.head.head_bytes)
        .max_buf_size(limits::CONNECTION_BUFFER_BYTES);
    parser
}

/// Tells a client above the cap to come back later, without reading what it wants.
async fn turn_away<T: AsyncRead + AsyncWrite + Unpin>(stream: T, options: ServeOptions) {
    let mut guard = Guard::new(stream, options, Arc::new(Turn::default()));
    guard.refuse(Refusal::Busy);
    let _ = tokio::time::timeout(options.linger, guard.close()).await;
}
