//! How frames travel between processes: `POST /internal/NAME`, the cluster token beside them.

use std::error::Error;
use std::time::Duration;
use std::{fmt, io};

use futures_util::future::BoxFuture;
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};

use crate::Address;
use crate::calls::CallError;
use crate::limits::{CLIENT_POOL_IDLE, CONNECT_TIMEOUT, MAX_INTERNAL_BODY_BYTES};
use crate::tls::{Tls, TlsError, is_doubt, nobody};
use crate::tokens::ClusterToken;
use crate::trace::{self, TRACEPARENT};

pub(crate) const FRAME: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Carries frames: HTTP in a service, a simulated network in the simulator.
pub trait Wire: fmt::Debug + Send + Sync {
    /// Sends the frame of the call of this name, and waits at most `timeout` for the answer's.
    ///
    /// # Errors
    /// See [`CallError`].
    fn exchange<'a>(
        &'a self,
        to: &'a Address,
        name: &'static str,
        frame: Vec<u8>,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<u8>, CallError>>;
}

/// Why no caller could be made.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    /// The HTTP client did not start.
    #[error("cannot start the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The library for TLS does not start.
    #[error("cannot start TLS: {0}")]
    NoTls(#[source] rustls::Error),
    /// The token does not fit into a header.
    #[error("the cluster token does not fit into a header")]
    Token,
}

/// Carries frames over HTTP/1.1.
#[derive(Debug)]
pub struct HttpWire {
    client: reqwest::Client,
    scheme: &'static str,
    bearer: HeaderValue,
}

impl HttpWire {
    /// A wire that shows the given token, over TLS if it is given.
    ///
    /// # Errors
    /// The HTTP client does not start, or the token cannot be sent.
    pub fn new(token: ClusterToken, tls: Option<&Tls>) -> Result<Self, CallerError> {
        // Left to itself the HTTP client would look for authorities on this machine.
        let (scheme, config) = match tls {
            Some(tls) => ("https", tls.client()?),
            None => ("http", nobody().map_err(CallerError::NoTls)?),
        };
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(CLIENT_POOL_IDLE)
            .tls_backend_preconfigured(config)
            .build()?;
        Ok(Self { client, scheme, bearer: token.bearer().ok_or(CallerError::Token)? })
    }

    async fn post(
        &self,
        to: &Address,
        name: &'static str,
        frame: Vec<u8>,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let trace = trace::current().and_then(|trace| trace.child().header());
        let request = self
            .client
            .post(format!("{}://{to}/internal/{name}", self.scheme))
            .header(AUTHORIZATION, self.bearer.clone())
            .header(CONTENT_TYPE, FRAME)
            .headers(trace.into_iter().map(|trace| (TRACEPARENT, trace)).collect())
            .timeout(timeout)
            .body(frame);
        let response = request.send().await.map_err(|error| unsent_or_unknown(&error))?;
        match response.status() {
            StatusCode::OK => read_answer(response).await,
            other => Err(CallError::of_status(other.as_u16())),
        }
    }
}

impl Wire for HttpWire {
    fn exchange<'a>(
        &'a self,
        to: &'a Address,
        name: &'static str,
        frame: Vec<u8>,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<u8>, CallError>> {
        Box::pin(self.post(to, name, frame, timeout))
    }
}

/// Only a connection that never stood, or ended over a certificate, proves that nothing was received.
fn unsent_or_unknown(error: &reqwest::Error) -> CallError {
    if is_doubt(error) {
        CallError::Distrusted
    } else if !error.is_connect() && !error.is_builder() {
        CallError::Unknown
    } else if is_refused(error) {
        CallError::NobodyThere
    } else {
        CallError::NotSent
    }
}

/// A port without a listener refuses; whatever else keeps a connection from standing says nothing
/// of the other side.
fn is_refused(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        let system: Option<&io::Error> = error.downcast_ref();
        if system.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        source = error.source();
    }
    false
}

async fn read_answer(mut response: reqwest::Response) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|_| CallError::Unknown)? {
        if body.len() + piece.len() > MAX_INTERNAL_BODY_BYTES {
            return Err(CallError::Garbled);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
