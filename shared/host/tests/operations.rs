//! What operators see: health, metrics, a taken port, the wish to stop.

// Helpers of tests may fail by panicking, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Running, in_own_words, status};
use http::StatusCode;
use toystore_host::exit::{self, Threads};
use toystore_host::listen::{ListenError, bind};
use toystore_host::ops::{Metrics, routes};
use toystore_host::readiness::Check;
use toystore_host::{Address, Caller, ClusterToken, ServeOptions, Shutdown, ambient};
use warp::Filter;

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn health_and_metrics_are_told() {
    let ready = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&ready);
    let metrics = Metrics::new();
    let is_ready = move || match asked.load(Ordering::Relaxed) {
        true => Ok(()),
        false => Err("catching up".to_owned()),
    };
    let checks = || vec![Check::there("catalog", "answers"), Check::missing("log", "2 of 9")];
    let routes = routes(metrics.clone(), is_ready, checks).recover(metrics.recover()).unify();
    let server = Running::start(routes, ServeOptions::default()).await;

    assert!(server.say(get("/livez")).await.trim_end().ends_with(r#"{"data":"alive"}"#));
    let not_ready = server.say(get("/readyz")).await;
    assert_eq!((status(&not_ready), in_own_words(&not_ready)), (503, true), "{not_ready}");
    assert!(not_ready.contains("catching up") && !not_ready.contains("checks"));
    let checks = r#""checks":[{"name":"catalog","ok":true,"detail":"answers"},{"name":"log","ok":false,"detail":"2 of 9"}]"#;
    let missing = server.say(get("/readyz?verbose")).await;
    assert_eq!((status(&missing), in_own_words(&missing)), (503, true), "{missing}");
    assert!(missing.contains("catching up") && missing.contains(checks), "{missing}");
    assert!(missing.contains("retry-after: 1"), "{missing}");
    ready.store(true, Ordering::Relaxed);
    assert_eq!(status(&server.say(get("/readyz")).await), 200);
    let ready = server.say(get("/readyz?verbose=1")).await;
    assert!(ready.contains(&format!(r#"{{"data":{{"ready":true,{checks}}}}}"#)), "{ready}");
    assert_eq!(status(&server.say(get("/nowhere")).await), 404);
    let wrong = server.say(get("/livez").replace("GET", "POST")).await;
    assert!(wrong.starts_with("HTTP/1.1 405") && wrong.contains("allow: GET, HEAD"), "{wrong}");

    metrics.route("orders").measure(async { toystore_host::reply::internal_error() }).await;
    let page = server.say(get("/metrics")).await;
    assert!(page.contains(r#"toystore_requests_total{route="orders",status="500"} 1"#), "{page}");
    assert!(page.contains(r#"toystore_request_seconds_count{route="orders"} 1"#), "{page}");
    assert!(page.contains(r#"toystore_requests_total{route="none",status="404"} 1"#), "{page}");
    assert_eq!(StatusCode::OK.as_u16(), status(&page));
}

#[test]
fn counting_an_answer_allocates_nothing() {
    let route = Metrics::new().route("orders");
    for refused in [false, true] {
        let answer = || {
            let mut response = toystore_host::reply::Response::default();
            if refused {
                *response.status_mut() = StatusCode::NOT_FOUND;
            }
            futures_util::FutureExt::now_or_never(route.measure(async { response })).unwrap();
        };
        // The first of its kind makes the counter.
        answer();
        assert_eq!(allocation_counter::measure(answer).count_total, 0, "refused: {refused}");
    }
}

#[tokio::test]
async fn a_process_tells_what_it_is_and_uses() {
    let caller = Caller::new(ClusterToken::new("0123456789abcdef").unwrap()).unwrap();
    let page = Metrics::of_process("order", &caller).text().unwrap();
    let value = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in {page}")).parse::<f64>().unwrap()
    };
    assert!(value("toystore_process_cpu_seconds_total") > 0.0);
    assert!(value("toystore_process_start_time_seconds") > 1.0e9);
    assert!(value("toystore_process_resident_memory_bytes") > 100_000.0);
    assert!(value("toystore_process_open_fds") > 2.0);
    assert!(page.contains(r#"toystore_build_info{service="order",version="#), "{page}");
}

#[tokio::test]
async fn a_taken_port_is_said_so() {
    let free: Address = "127.0.0.1:0".parse().unwrap();
    let listener = bind(&free, "the catalog").await.unwrap();
    let taken: Address = listener.local_addr().unwrap().into();
    let error = bind(&taken, "the catalog").await.unwrap_err();
    assert!(matches!(error, ListenError::InUse { .. }));
    assert!(error.to_string().starts_with(&format!("{taken} is in use by another process; stop")));
}

#[tokio::test]
async fn stopping_is_heard_by_all_also_later() {
    let (trigger, mut shutdown) = Shutdown::manual();
    let mut other = shutdown.clone();
    assert!(!shutdown.is_requested());
    trigger.request();
    shutdown.requested().await;
    other.requested().await;
    assert!(other.is_requested());

    let (trigger, mut shutdown) = Shutdown::manual();
    drop(trigger);
    shutdown.requested().await;
    assert!(shutdown.is_requested());
}

#[test]
fn the_boot_clock_does_not_go_back() {
    let first = ambient::boot_millis();
    assert!(first > 0 && ambient::boot_millis() >= first);
}

#[test]
fn an_error_is_the_exit_code() {
    let code = |outcome: Result<(), &'static str>| {
        format!("{:?}", exit::run_main("toystore-test", Threads::One, async { outcome }))
    };
    assert_eq!(code(Ok(())), format!("{:?}", std::process::ExitCode::SUCCESS));
    assert_eq!(code(Err("cannot\n open")), format!("{:?}", std::process::ExitCode::FAILURE));
}
