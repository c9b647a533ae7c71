//! One request and its answer: the cap on requests under way, and a handler that panics.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;
use http::header::{CONNECTION, HeaderValue, TRANSFER_ENCODING};
use hyper::body::Incoming;
use hyper::{Method, Request};
use tokio::sync::Semaphore;
use toystore_domain::Refusal;

use super::turn::{Answer, Turn};
use crate::load;
use crate::reply::{Response, internal_error, refuse};
use crate::trace::Tracing;

/// What hyper asks for each request of a connection.
pub(super) struct Exchange<S> {
    pub(super) routes: Arc<S>,
    pub(super) requests: Arc<Semaphore>,
    pub(super) turn: Arc<Turn>,
}

type Answering = Pin<Box<dyn Future<Output = Result<http::Response<Answer>, Infallible>> + Send>>;

impl<S> hyper::service::Service<Request<Incoming>> for Exchange<S>
where
    S: tower_service::Service<Request<Incoming>, Response = Response, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Response = http::Response<Answer>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, mut request: Request<Incoming>) -> Answering {
        // The parser knows what was asked, and leaves the body of its answer out.
        if *request.method() == Method::HEAD {
            *request.method_mut() = Method::GET;
        }
        let (routes, requests) = (S::clone(&self.routes), Arc::clone(&self.requests));
        let turn = Arc::clone(&self.turn);
        // The guard cannot see where a chunked body ends, so nothing may come after it.
        let last = request.headers().contains_key(TRANSFER_ENCODING);
        let tracing = Tracing::of(&request);
        Box::pin(async move {
            let _counted = load::request();
            let mut response = match requests.try_acquire() {
                Ok(_under_way) => tracing.trace.scope(handle(routes, request)).await,
                Err(_) => refuse(&Refusal::Busy),
            };
            tracing.sign(&mut response);
            if last {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(Answer::watch(response, turn))
        })
    }
}

/// Runs the routes; a panic becomes a 500 instead of a closed connection.
async fn handle<S>(mut routes: S, request: Request<Incoming>) -> Response
where
    S: tower_service::Service<Request<Incoming>, Response = Response, Error = Infallible>,
{
    let (method, uri) = (request.method().clone(), request.uri().clone());
    // Nothing that the handler held is used after its panic but what it shared with others, and
    // that is behind locks that recover.
    let routed = AssertUnwindSafe(async move { routes.call(request).await });
    match routed.catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(panic) => {
            let message = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            tracing::error!(%method, path = uri.path(), message, "a handler panicked");
            internal_error()
        }
    }
}
