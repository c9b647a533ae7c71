//! The storefront and the console: files inside the program, and the stream behind the console.
//!
//! They hold no code or style inline and load nothing from elsewhere, and the policy sent with
//! each of them lets a browser do nothing else.

use std::sync::Arc;

use bytes::Bytes;
use toystore_domain::Refusal;
use toystore_host::ops::Metrics;
use toystore_host::reject::allow;
use toystore_host::reply::{Response, refuse};
use warp::filters::BoxedFilter;
use warp::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use warp::http::{HeaderMap, StatusCode};
use warp::{Filter, Rejection};

use crate::console::Console;
use crate::requests;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// On every file, also one that the browser has already.
const HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    // Kept by the browser, but asked for each time: the next build may bring another.
    (CACHE_CONTROL, "no-cache"),
];

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

const SHOP: (&str, &[u8]) = (HTML, include_bytes!("../web/shop.html"));
const CONSOLE: (&str, &[u8]) = (HTML, include_bytes!("../web/console.html"));

/// What the two pages load, by its name under `/web/`.
const PARTS: [(&str, &str, &[u8]); 10] = [
    ("style.css", STYLE, include_bytes!("../web/style.css")),
    ("icon.svg", PICTURE, include_bytes!("../web/icon.svg")),
    ("dom.js", SCRIPT, include_bytes!("../web/dom.js")),
    ("calls.js", SCRIPT, include_bytes!("../web/calls.js")),
    ("purchase.js", SCRIPT, include_bytes!("../web/purchase.js")),
    ("orders.js", SCRIPT, include_bytes!("../web/orders.js")),
    ("shop.js", SCRIPT, include_bytes!("../web/shop.js")),
    ("plot.js", SCRIPT, include_bytes!("../web/plot.js")),
    ("news.js", SCRIPT, include_bytes!("../web/news.js")),
    ("console.js", SCRIPT, include_bytes!("../web/console.js")),
];

/// A file with its entity tag.
struct File {
    content: Bytes,
    kind: HeaderValue,
    tag: String,
}

impl File {
    fn new((kind, content): (&'static str, &'static [u8])) -> Arc<Self> {
        let tag = format!("\"{}\"", &blake3::hash(content).to_hex()[..16]);
        let kind = HeaderValue::from_static(kind);
        Arc::new(Self { content: Bytes::from_static(content), kind, tag })
    }

    fn reply(&self, asked: &HeaderMap) -> Response {
        let mut response = Response::default();
        if requests::has_already(asked, &self.tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            *response.body_mut() = self.content.clone().into();
            response.headers_mut().insert(CONTENT_TYPE, self.kind.clone());
        }
        let headers = response.headers_mut();
        headers.extend(HeaderValue::from_str(&self.tag).map(|tag| (ETAG, tag)));
        headers.extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    }
}

/// `/`, `/console`, `/web/NAME` and `/events`.
pub fn routes(console: &Console, metrics: &Metrics) -> BoxedFilter<(Response,)> {
    let shop = file(warp::path::end().boxed(), SHOP, metrics);
    let watching = warp::path("console").and(warp::path::end()).boxed();
    let pages = shop.or(file(watching, CONSOLE, metrics)).unify();
    pages.or(parts(metrics)).unify().or(events(console, metrics)).unify().boxed()
}

fn file(
    path: BoxedFilter<()>,
    content: (&'static str, &'static [u8]),
    metrics: &Metrics,
) -> BoxedFilter<(Response,)> {
    let (file, metrics) = (File::new(content), metrics.route("page"));
    path.clone()
        .and(warp::get())
        .and(warp::header::headers_cloned())
        .then(move |headers: HeaderMap| {
            let (file, metrics) = (Arc::clone(&file), metrics.clone());
            async move { metrics.measure(async { file.reply(&headers) }).await }
        })
        .or(allow(path, "GET"))
        .unify()
        .boxed()
}

fn parts(metrics: &Metrics) -> BoxedFilter<(Response,)> {
    let routes = PARTS.map(|(name, kind, content)| {
        file(warp::path(name).and(warp::path::end()).boxed(), (kind, content), metrics)
    });
    let none = nothing();
    let any = routes.into_iter().fold(none, |any, next| any.or(next).unify().boxed());
    warp::path("web").and(any).boxed()
}

fn nothing() -> BoxedFilter<(Response,)> {
    warp::any().and_then(|| async { Err::<Response, Rejection>(warp::reject()) }).boxed()
}

fn events(console: &Console, metrics: &Metrics) -> BoxedFilter<(Response,)> {
    let path = || warp::path("events").and(warp::path::end()).boxed();
    let (console, metrics) = (console.clone(), metrics.route("events"));
    path()
        .and(warp::get())
        .then(move || {
            let (console, metrics) = (console.clone(), metrics.clone());
            let stream = async move { console.stream().unwrap_or_else(|| refuse(&Refusal::Busy)) };
            async move { metrics.measure(stream).await }
        })
        .or(allow(path(), "GET"))
        .unify()
        .boxed()
}
