//! The storefront and the console: files inside the program, and the stream behind the console.
//!
//! They hold no code or style inline and load nothing from elsewhere, and the policy sent with
//! each of them lets a browser do nothing else.

use std::sync::Arc;

use toystore_domain::Refusal;
use toystore_host::ops::Metrics;
use toystore_host::reject::allow;
use toystore_host::reply::{Response, refuse};
use warp::filters::BoxedFilter;
use warp::http::HeaderMap;
use warp::http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use warp::{Filter, Rejection};

use crate::console::Console;
use crate::file::File;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// On every file, also one that the browser has already.
const HEADERS: &[(HeaderName, &str)] = &[
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
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

/// `/`, `/console`, `/web/NAME` and `/events`.
pub fn routes(console: &Console, metrics: &Metrics) -> BoxedFilter<(Response,)> {
    let shop = file(warp::path::end().boxed(), SHOP, metrics);
    let watching = warp::path("console").and(warp::path::end()).boxed();
    let pages = shop.or(file(watching, CONSOLE, metrics)).unify();
    pages.or(parts(metrics)).unify().or(events(console, metrics)).unify().boxed()
}

fn file(
    path: BoxedFilter<()>,
    (kind, content): (&'static str, &'static [u8]),
    metrics: &Metrics,
) -> BoxedFilter<(Response,)> {
    let file = Arc::new(File::new(kind, content, HEADERS));
    let metrics = metrics.route("page");
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
