//! The trace of a request: taken over, begun, passed on with calls, and told to customers.

// Helpers of tests may fail by panicking, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{Running, status};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use toystore_domain::Refusal;
use toystore_host::desk::route;
use toystore_host::reject::recover;
use toystore_host::reply::{Response, internal_error, refuse};
use toystore_host::trace::{self, TRACEPARENT, Trace, carry, shared};
use toystore_host::{Call, CallError, Caller, ClusterToken, ServeOptions};
use warp::Filter;

const TIMEOUT: Duration = Duration::from_secs(20);
const TOKEN: &str = "0123456789abcdef";
const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn sent(values: &[&str]) -> Option<Trace> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(TRACEPARENT, value.parse().unwrap());
    }
    Trace::sent(&headers)
}

fn good() -> String {
    format!("00-{ID}-{SPAN}-01")
}

#[test]
fn only_a_valid_traceparent_counts() {
    let zeros = "0".repeat(32);
    for (text, valid) in [
        (good(), true),
        (format!("00-{ID}-{SPAN}-00"), true),
        (format!("00-{ID}-{SPAN}-ff"), true),
        // Of a later version what is known counts, and what follows it does not.
        (format!("01-{ID}-{SPAN}-01"), true),
        (format!("cc-{ID}-{SPAN}-01-what-the-future-will-be-like"), true),
        (format!("cc-{ID}-{SPAN}-01.what-the-future-will-be-like"), false),
        (format!("ff-{ID}-{SPAN}-01"), false),
        (format!("0-{ID}-{SPAN}-01"), false),
        (format!("000-{ID}-{SPAN}-01"), false),
        (format!(".0-{ID}-{SPAN}-01"), false),
        (format!("00-{ID}-{SPAN}-01-more"), false),
        (format!("00-{ID}-{SPAN}-01-"), false),
        (format!("00-{zeros}-{SPAN}-01"), false),
        (format!("00-{ID}-{}-01", &zeros[..16]), false),
        (format!("00-{}-{SPAN}-01", ID.to_uppercase()), false),
        (format!("00-{ID}-{}-01", SPAN.to_uppercase()), false),
        (format!("00-{ID}-{SPAN}-0X"), false),
        (format!("00-{}.-{SPAN}-01", &ID[..31]), false),
        (format!("00-{}-{SPAN}-01", &ID[..31]), false),
        (format!("00-{ID}-{}-01", &SPAN[..15]), false),
        (format!("00-{ID}-{SPAN}-1"), false),
        (format!("00-{ID}-{SPAN}"), false),
        (format!("00_{ID}-{SPAN}-01"), false),
        (String::new(), false),
    ] {
        let trace = sent(&[&text]);
        assert_eq!(trace.is_some(), valid, "{text}");
        let ids = trace.map(|trace| (trace.id().to_string(), trace.span_id().to_string()));
        assert!(ids.is_none_or(|ids| ids == (ID.to_owned(), SPAN.to_owned())), "{text}");
    }
    assert_eq!(sent(&[]), None);
    assert_eq!(sent(&[&good(), &good()]), None, "two are none");
}

#[test]
fn a_step_is_of_the_same_trace_and_a_trace_of_its_own() {
    let trace = sent(&[&good()]).unwrap();
    assert_eq!(trace.header().unwrap(), good());
    let child = trace.child();
    assert_eq!(child.id(), trace.id());
    assert_ne!(child.span_id(), trace.span_id());
    let threads = (0..4).map(|_| {
        std::thread::spawn(|| (0..1000).map(|_| Trace::begin().header().unwrap()).collect())
    });
    let begun: Vec<Vec<_>> = threads.map(|thread| thread.join().unwrap()).collect();
    let different: BTreeSet<_> = begun.iter().flatten().map(|h| h.to_str().unwrap()).collect();
    assert_eq!(different.len(), 4000);
    assert!(different.iter().all(|text| sent(&[text]).is_some()));
}

#[tokio::test]
async fn what_many_want_belongs_to_one_of_them_only_if_it_is_alone() {
    let (one, other) = (Trace::begin(), Trace::begin());
    let of = |these: Vec<Trace>| async {
        let call = async { Ok(trace::current().unwrap().id()) };
        shared(these, "a-call", call).await.unwrap()
    };
    assert_eq!(of(vec![one, one.child()]).await, one.id());
    let both = of(vec![one, other]).await;
    assert!(both != one.id() && both != other.id());
    assert_ne!(of(vec![]).await, of(vec![]).await);
    let failed: Result<(), _> = shared(vec![one], "a", async { Err(CallError::Unknown) }).await;
    assert_eq!(failed, Err(CallError::Unknown));
}

#[derive(Serialize, Deserialize)]
struct Which;

impl Call for Which {
    type Reply = Option<String>;
    const NAME: &'static str = "which";
}

/// The trace that a handler belongs to, also in a task of its own.
async fn which() -> Option<String> {
    let asked = carry(async { trace::current().map(|trace| trace.id().to_string()) });
    tokio::spawn(asked).await.unwrap()
}

/// A process that says which trace it is asked in, and one that asks it.
async fn two_hops() -> (Running, Running) {
    let token = || ClusterToken::new(TOKEN).unwrap();
    let last = route(token(), |_: Which| async { Ok::<_, Refusal>(which().await) });
    let last = Running::start(last.recover(recover).unify(), ServeOptions::default()).await;
    let (caller, to) = (Caller::new(token()).unwrap(), last.address());
    let ask = move || {
        let (caller, to) = (caller.clone(), to.clone());
        async move {
            let answer = caller.call(&to, &Which, TIMEOUT).await.unwrap().unwrap();
            let here = which().await.unwrap();
            Response::new(format!("{here} {answer}").into())
        }
    };
    let panics = warp::path("panics").then(|| async { panic!("on purpose") });
    let fails = warp::path("fails").map(internal_error);
    let missing = warp::path("missing").map(|| refuse(&Refusal::ProductNotFound));
    let routes = warp::path("ask").then(ask).or(panics).unify().or(fails).unify();
    let routes = routes.or(missing).unify().recover(recover).unify();
    (Running::start(routes, ServeOptions::default()).await, last)
}

async fn say(to: &Running, method: &str, path: &str, headers: &str) -> (String, Option<String>) {
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
    let answer = to.say(request).await;
    let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: "));
    (answer.clone(), id.map(str::to_owned))
}

#[tokio::test]
async fn a_trace_goes_through_all_hops_and_back() {
    let (first, _last) = two_hops().await;
    let header = format!("traceparent: {}\r\n", good());
    let (answer, id) = say(&first, "GET", "/ask", &header).await;
    assert!(answer.ends_with(&format!("{ID} {ID}")), "{answer}");
    assert_eq!(id.as_deref(), Some(ID));

    // What is none is replaced by one of our own, and a good look-up does not bear it.
    let (answer, id) = say(&first, "GET", "/ask", "traceparent: 00-0-0-00\r\n").await;
    let (here, there) = answer.lines().last().unwrap().split_once(' ').unwrap();
    assert!(here == there && here.len() == 32 && here != ID, "{answer}");
    assert_eq!(id, None);
}

#[tokio::test]
async fn changes_and_errors_bear_the_id_of_the_request() {
    let (first, _last) = two_hops().await;
    for (method, path, code) in [
        ("POST", "/ask", 200),
        ("GET", "/missing", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/fails", 500),
        ("GET", "/panics", 500),
    ] {
        let (answer, id) = say(&first, method, path, "").await;
        assert_eq!(status(&answer), code, "{path}");
        assert!(id.is_some_and(|id| id.len() == 32), "{path}: {answer}");
    }
}
