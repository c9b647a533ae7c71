//! What a process answers to other processes: a table from the name of a call to its handler.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use serde::Serialize;
use toystore_domain::Refusal;
use warp::Filter;
use warp::filters::BoxedFilter;

use crate::body::read_limited;
use crate::calls::{Call, WIRE_VERSION};
use crate::limits::{BODY_READ_TIMEOUT, MAX_INTERNAL_BODY_BYTES};
use crate::ops::Metrics;
use crate::reply::{Response, refuse};
use crate::tokens::ClusterToken;
use crate::wire::FRAME;

/// From a frame to the answer's frame.
type Handler = Arc<dyn Fn(&[u8]) -> BoxFuture<'static, Result<Vec<u8>, Refusal>> + Send + Sync>;

/// The calls that a process answers. Cheap to clone.
///
/// A handler's future is dropped when the caller hangs up or times out: what must be finished
/// belongs into a task of its own. A handler that refuses says that nothing was and will be done,
/// except with [`Refusal::OutcomeUnknown`].
#[derive(Clone)]
pub struct Desk {
    handlers: Arc<BTreeMap<&'static str, Handler>>,
    metrics: Metrics,
}

impl Desk {
    /// A desk that answers nothing yet, and counts in `metrics` what it answers.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self { handlers: Arc::default(), metrics }
    }

    /// Answers one more kind of call. The handler gets a clone of what handlers share.
    #[must_use]
    pub fn on<T, C, F, Fut>(mut self, shared: &T, handler: F) -> Self
    where
        T: Clone + Send + Sync + 'static,
        C: Call,
        F: Fn(T, C) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<C::Reply, Refusal>> + Send + 'static,
    {
        let (shared, metrics) = (shared.clone(), self.metrics.route(C::NAME));
        let answer: Handler = Arc::new(move |bytes| {
            let call: Result<C, _> = toystore_codec::decode(WIRE_VERSION, bytes);
            let (shared, handler, metrics) = (shared.clone(), handler.clone(), metrics.clone());
            Box::pin(async move {
                let malformed = |error| Refusal::Malformed(format!("not a frame: {error}"));
                let call = call.map_err(malformed)?;
                frame(&metrics.measure_call(handler(shared, call)).await?)
            })
        });
        Arc::make_mut(&mut self.handlers).insert(C::NAME, answer);
        self
    }

    /// Answers the frame of the call of this name; none when nobody answers such calls.
    #[must_use]
    pub fn answer(
        &self,
        name: &str,
        frame: &[u8],
    ) -> Option<BoxFuture<'static, Result<Vec<u8>, Refusal>>> {
        self.handlers.get(name).map(|handler| handler(frame))
    }

    /// `POST /internal/NAME` of everything that is answered: checks the token, then the frame,
    /// then asks the handler. Other methods get 405.
    #[must_use]
    pub fn routes(self, token: ClusterToken) -> BoxedFilter<(Response,)> {
        let known = move |name: String| {
            let handler = self.handlers.get(name.as_str()).cloned();
            std::future::ready(handler.ok_or_else(warp::reject::not_found))
        };
        warp::path("internal")
            .and(warp::path::param().and_then(known))
            .and(warp::path::end())
            .and(warp::method())
            .and(warp::header::headers_cloned())
            .and(warp::body::stream())
            .then(move |handler: Handler, method: Method, headers: HeaderMap, body| {
                let token = token.clone();
                async move {
                    let reply = async {
                        let bytes = admit(&token, &method, &headers, body).await?;
                        handler(&bytes).await
                    };
                    reply.await.map_or_else(|refusal| refuse(&refusal), framed)
                }
            })
            .boxed()
    }
}

/// The endpoint of a process that answers one kind of call, see [`Desk`].
pub fn route<C, H, Fut>(token: ClusterToken, handler: H) -> BoxedFilter<(Response,)>
where
    C: Call,
    H: Fn(C) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<C::Reply, Refusal>> + Send + 'static,
{
    Desk::new(Metrics::new()).on(&(), move |(), call: C| handler(call)).routes(token)
}

async fn admit<S, B, E>(
    token: &ClusterToken,
    method: &Method,
    headers: &HeaderMap,
    body: S,
) -> Result<Bytes, Refusal>
where
    S: futures_util::Stream<Item = Result<B, E>>,
    B: bytes::Buf,
{
    if *method != Method::POST {
        return Err(Refusal::MethodNotAllowed(Method::POST.to_string()));
    }
    token.check(headers)?;
    read_limited(headers, body, MAX_INTERNAL_BODY_BYTES, BODY_READ_TIMEOUT).await
}

fn framed(frame: Vec<u8>) -> Response {
    let mut response = Response::new(frame.into());
    response.headers_mut().insert(CONTENT_TYPE, FRAME);
    response
}

fn frame<T: Serialize>(reply: &T) -> Result<Vec<u8>, Refusal> {
    toystore_codec::encode(WIRE_VERSION, reply).map_err(|error| {
        tracing::error!(%error, "an answer does not fit into a frame");
        // The work is done; only the news of it cannot be told.
        Refusal::OutcomeUnknown
    })
}
