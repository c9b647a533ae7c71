//! What operators ask every process: does it live, is it ready, how is it doing.

use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use toystore_domain::Refusal;
use warp::filters::BoxedFilter;
use warp::{Filter, Rejection};

use crate::Caller;
use crate::process::Process;
use crate::readiness::{self, Check, is_verbose};
use crate::reject::{allow, recover};
use crate::remarks;
use crate::reply::{Response, data, internal_error};

/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Upper bounds of the buckets of what goes together: up to a full call of orders.
const SIZES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// The route of requests that no route answers.
const NO_ROUTE: &str = "none";

const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

/// A process's metrics. Clones are the same metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
}

impl Metrics {
    /// Metrics with the two that every process has: requests, and how long they took.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("toystore");
        let requests = Family::default();
        let seconds = Family::new_with_constructor(times as fn() -> Histogram);
        registry.register("requests", "Requests answered", requests.clone());
        registry.register("request_seconds", "Time to answer a request", seconds.clone());
        Self { registry: Arc::new(Mutex::new(registry)), requests, seconds }
    }

    /// The same with what every process says of itself, and of the calls that it makes.
    #[must_use]
    pub fn of_process(service: &'static str, caller: &Caller) -> Self {
        let metrics = Self::new();
        let build = Info::new(vec![("service", service), ("version", env!("CARGO_PKG_VERSION"))]);
        metrics.register(|registry| {
            registry.register("build", "Which program this is", build);
            registry.register("call_errors", "Calls without an answer", caller.unanswered());
            registry.register_collector(Box::new(Process::begin()));
        });
        metrics
    }

    /// As [`recover`], and counts what no route has answered.
    pub fn recover(
        &self,
    ) -> impl Fn(Rejection) -> futures_util::future::BoxFuture<'static, Result<Response, Infallible>>
    + Clone
    + Send
    + Sync
    + use<> {
        let requests = self.requests.clone();
        move |rejection| {
            let requests = requests.clone();
            Box::pin(async move {
                let response = recover(rejection).await?;
                requests.get_or_create(&answered(NO_ROUTE, response.status())).inc();
                Ok(response)
            })
        }
    }

    /// The metrics of one route. `route` is its name, never a path from a client: each name is
    /// kept for ever.
    #[must_use]
    pub fn route(&self, route: &'static str) -> RouteMetrics {
        let done = self.requests.get_or_create_owned(&answered(route, StatusCode::OK));
        let seconds = self.seconds.get_or_create_owned(&Route { route });
        RouteMetrics { route, requests: self.requests.clone(), done, seconds }
    }

    /// Adds a process's own metrics.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// All metrics as Prometheus reads them.
    ///
    /// # Errors
    /// A metric of the process's own cannot be written.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// A histogram of times.
#[must_use]
pub fn times() -> Histogram {
    Histogram::new(BUCKETS)
}

/// A histogram of how many things went together.
#[must_use]
pub fn sizes() -> Histogram {
    Histogram::new(SIZES)
}

fn answered(route: &'static str, status: StatusCode) -> Answered {
    Answered { route, status: status.as_u16() }
}

/// The metrics of one route; those that nearly every request needs are at hand. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RouteMetrics {
    route: &'static str,
    requests: Family<Answered, Counter>,
    done: Counter,
    seconds: Histogram,
}

impl RouteMetrics {
    /// Notes an answered request.
    fn observe(&self, status: StatusCode, took: Duration) {
        match status {
            StatusCode::OK => self.done.inc(),
            status => self.requests.get_or_create(&answered(self.route, status)).inc(),
        };
        self.seconds.observe(took.as_secs_f64());
        remarks::answered(self.route, status, took);
    }

    /// Runs a handler and notes its answer.
    pub async fn measure(&self, handler: impl Future<Output = Response>) -> Response {
        let begun = Instant::now();
        let response = handler.await;
        self.observe(response.status(), begun.elapsed());
        response
    }

    /// Times an internal call and counts it under the status it is answered with.
    ///
    /// # Errors
    /// Those of `handler`.
    pub async fn measure_call<T>(
        &self,
        handler: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let begun = Instant::now();
        let answer = handler.await;
        let status = answer.as_ref().map_or_else(Refusal::status, |_| StatusCode::OK.as_u16());
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.observe(status, begun.elapsed());
        answer
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// `/livez`, `/readyz` and `/metrics`. `ready` says why the process is not ready, `checks` what
/// it needs; what is missing need not keep it from being ready.
pub fn routes<R, C>(metrics: Metrics, ready: R, checks: C) -> BoxedFilter<(Response,)>
where
    R: Fn() -> Result<(), String> + Clone + Send + Sync + 'static,
    C: Fn() -> Vec<Check> + Clone + Send + Sync + 'static,
{
    let path = |name: &'static str| warp::path(name).and(warp::path::end()).boxed();
    let live = path("livez").and(warp::get()).map(|| data(StatusCode::OK, &"alive"));
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let readiness = path("readyz").and(warp::get()).and(query).map(move |query: String| {
        if is_verbose(&query) {
            readiness::verbose(ready(), &checks())
        } else {
            readiness::short(ready())
        }
    });
    let scrape = path("metrics").and(warp::get()).map(move || page(&metrics));
    let real = live.or(readiness).unify().or(scrape).unify();
    let others = allow(path("livez"), "GET").or(allow(path("readyz"), "GET")).unify();
    real.or(others).unify().or(allow(path("metrics"), "GET")).unify().boxed()
}

fn page(metrics: &Metrics) -> Response {
    match metrics.text() {
        Ok(text) => {
            let mut response = Response::new(text.into());
            response.headers_mut().insert(CONTENT_TYPE, OPENMETRICS);
            response
        }
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            internal_error()
        }
    }
}
