//! Typed calls between the store's processes: one frame there, one frame back, over HTTP.

use std::future::Future;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toystore_domain::Refusal;
use warp::Filter;
use warp::filters::BoxedFilter;

use crate::Address;
use crate::body::read_limited;
use crate::limits::{
    BODY_READ_TIMEOUT, CLIENT_POOL_IDLE, CONNECT_TIMEOUT, MAX_INTERNAL_BODY_BYTES,
};
use crate::ops::Metrics;
use crate::reply::{Response, refuse};
use crate::tokens::ClusterToken;

/// The version of every internal message; processes of different versions refuse each other.
pub const WIRE_VERSION: u8 = 1;

const FRAME: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// A message that has an answer. Its endpoint is `POST /internal/NAME`.
pub trait Call: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The answer.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
    /// The last part of its path.
    const NAME: &'static str;
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing was sent: no connection, or the message is too large for a frame.
    #[error("not reachable")]
    NotSent,
    /// It was sent, or may have been; whether it was done cannot be told.
    #[error("no answer")]
    Unknown,
    /// The other side wants another cluster token.
    #[error("the cluster token is not accepted")]
    Denied,
    /// The other side did not do it, and said so with this HTTP status.
    #[error("refused with status {0}")]
    Refused(u16),
    /// It answered, but not in a way this process understands.
    #[error("unreadable answer")]
    Garbled,
}

impl CallError {
    /// Whether the other side certainly has not done what was asked, and will not.
    #[must_use]
    pub fn certainly_not_done(&self) -> bool {
        match self {
            Self::NotSent | Self::Denied | Self::Refused(_) => true,
            Self::Unknown | Self::Garbled => false,
        }
    }
}

/// Why no caller could be made.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    /// The HTTP client did not start.
    #[error("cannot start the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The token does not fit into a header.
    #[error("the cluster token does not fit into a header")]
    Token,
}

/// Makes calls. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Caller {
    client: reqwest::Client,
    bearer: HeaderValue,
}

impl Caller {
    /// A caller that shows the given token.
    ///
    /// # Errors
    /// The HTTP client does not start, or the token cannot be sent.
    pub fn new(token: ClusterToken) -> Result<Self, CallerError> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(CLIENT_POOL_IDLE)
            .build()?;
        Ok(Self { client, bearer: token.bearer().ok_or(CallerError::Token)? })
    }

    /// Asks `to`, and waits at most `timeout` for the whole answer.
    ///
    /// # Errors
    /// See [`CallError::certainly_not_done`] for what each says about the other side.
    pub async fn call<C: Call>(
        &self,
        to: &Address,
        call: &C,
        timeout: Duration,
    ) -> Result<C::Reply, CallError> {
        let frame = toystore_codec::encode(WIRE_VERSION, call).map_err(|error| {
            tracing::error!(%error, call = C::NAME, "a call does not fit into a frame");
            CallError::NotSent
        })?;
        let request = self
            .client
            .post(format!("http://{to}/internal/{}", C::NAME))
            .header(AUTHORIZATION, self.bearer.clone())
            .header(CONTENT_TYPE, FRAME)
            .timeout(timeout)
            .body(frame);
        let response = request.send().await.map_err(|error| unsent_or_unknown(&error))?;
        judge(response.status())?;
        let body = read_answer(response).await?;
        toystore_codec::decode(WIRE_VERSION, &body).map_err(|_| CallError::Garbled)
    }
}

/// Only a connection that never stood proves that nothing was received.
fn unsent_or_unknown(error: &reqwest::Error) -> CallError {
    if error.is_connect() || error.is_builder() { CallError::NotSent } else { CallError::Unknown }
}

/// A 503 is an answer of the other side's own; any other 5xx may hide work half done.
fn judge(status: StatusCode) -> Result<(), CallError> {
    match status {
        StatusCode::OK => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(CallError::Denied),
        StatusCode::SERVICE_UNAVAILABLE => Err(CallError::Refused(status.as_u16())),
        _ if status.is_client_error() => Err(CallError::Refused(status.as_u16())),
        _ if status.is_server_error() => Err(CallError::Unknown),
        _ => Err(CallError::Garbled),
    }
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

/// The endpoint of one kind of call: checks the token, then the frame, then asks the handler.
///
/// It answers every request to its path, other methods with 405, and never rejects. The handler's
/// future is dropped when the caller hangs up or times out: what must be finished belongs into a
/// task of its own. A handler that refuses says that nothing was and will be done, except with
/// [`Refusal::OutcomeUnknown`].
pub fn route<C, H, Fut>(token: ClusterToken, handler: H) -> BoxedFilter<(Response,)>
where
    C: Call,
    H: Fn(C) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<C::Reply, Refusal>> + Send,
{
    warp::path("internal")
        .and(warp::path(C::NAME))
        .and(warp::path::end())
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method: Method, headers: HeaderMap, body| {
            let (token, handler) = (token.clone(), handler.clone());
            async move {
                let reply = async {
                    let call = admit::<C, _, _, _>(&token, &method, &headers, body).await?;
                    handler(call).await
                };
                reply.await.map_or_else(|refusal| refuse(&refusal), |reply| frame(&reply))
            }
        })
        .boxed()
}

/// The endpoint of a service that counts what it answers: the handler gets a clone of what the
/// service's handlers share. See [`route`].
pub fn handle<T, C, F, Fut>(
    shared: &T,
    token: &ClusterToken,
    metrics: &Metrics,
    handler: F,
) -> BoxedFilter<(Response,)>
where
    T: Clone + Send + Sync + 'static,
    C: Call,
    F: Fn(T, C) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<C::Reply, Refusal>> + Send + 'static,
{
    let (shared, metrics) = (shared.clone(), metrics.clone());
    route(token.clone(), move |call: C| {
        let (answer, metrics) = (handler(shared.clone(), call), metrics.clone());
        async move { metrics.measure_call(C::NAME, answer).await }
    })
}

async fn admit<C, S, B, E>(
    token: &ClusterToken,
    method: &Method,
    headers: &HeaderMap,
    body: S,
) -> Result<C, Refusal>
where
    C: Call,
    S: futures_util::Stream<Item = Result<B, E>>,
    B: bytes::Buf,
{
    if *method != Method::POST {
        return Err(Refusal::MethodNotAllowed(Method::POST.to_string()));
    }
    token.check(headers)?;
    let body = read_limited(headers, body, MAX_INTERNAL_BODY_BYTES, BODY_READ_TIMEOUT).await?;
    toystore_codec::decode(WIRE_VERSION, &body)
        .map_err(|error| Refusal::Malformed(format!("not a frame: {error}")))
}

fn frame<T: Serialize>(reply: &T) -> Response {
    match toystore_codec::encode(WIRE_VERSION, reply) {
        Ok(frame) => {
            let mut response = Response::new(frame.into());
            response.headers_mut().insert(CONTENT_TYPE, FRAME);
            response
        }
        Err(error) => {
            tracing::error!(%error, "an answer does not fit into a frame");
            crate::reply::internal_error()
        }
    }
}
