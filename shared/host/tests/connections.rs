//! What a connection has to put up with: odd heads, slow clients, caps, and the end.

// Helpers of tests may fail by panicking, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{PATIENCE, Running, in_own_words, status};
use http::StatusCode;
use tokio::sync::{Notify, Semaphore};
use toystore_host::reject::{allow, recover};
use toystore_host::reply::{Response, answer, data};
use toystore_host::{ServeOptions, body};
use warp::Filter;

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(600);

/// `GET /hello`, and `POST /echo` with a JSON body.
fn routes()
-> impl Filter<Extract = (Response,), Error = std::convert::Infallible> + Clone + Send + Sync + 'static
{
    let hello = warp::path!("hello").and(warp::get()).map(|| data(StatusCode::OK, &"hello"));
    let echo = warp::path!("echo").and(warp::post()).and(body::json::<Toy>()).map(answer);
    let panics = warp::path!("panic").map(|| -> Response { panic!("on purpose") });
    let number =
        warp::path!("number").and(warp::query::<Number>()).map(|n| data(StatusCode::OK, &n));
    let real = hello.or(echo).unify().or(panics).unify().or(number).unify();
    let others = allow(warp::path!("hello").boxed(), "GET")
        .or(allow(warp::path!("echo").boxed(), "POST"))
        .unify()
        .or(allow(warp::path!("number").boxed(), "GET"))
        .unify();
    real.or(others).unify().recover(recover).unify()
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Toy {
    name: String,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Number {
    n: u64,
}

async fn server() -> Running {
    Running::start(routes(), ServeOptions::default()).await
}

const GET: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST_GET: &str = "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let server = server().await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.send(GET).await;
        assert!(client.answer().await.trim_end().ends_with(r#"{"data":"hello"}"#));
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = server().await;
    let post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 14\r\n\r\n{\"name\":\"Tux\"}";
    let answers = server.say(format!("{GET}{post}{GET}{post}{LAST_GET}")).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 5, "{answers}");
    assert_eq!(answers.matches("Tux").count(), 2, "{answers}");
}

#[tokio::test]
async fn a_head_may_come_in_single_bytes() {
    let server = server().await;
    let mut client = server.connect().await;
    client.0.set_nodelay(true).unwrap();
    for byte in LAST_GET.bytes() {
        client.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(status(&client.rest().await), 200);
}

#[tokio::test]
async fn heads_beyond_the_limits_are_refused_in_own_words() {
    let server = server().await;
    let long_uri = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(8 << 10));
    let headers: String = (0..65).map(|n| format!("X-{n}: 1\r\n")).collect();
    let many_headers = format!("GET /hello HTTP/1.1\r\n{headers}\r\n");
    let long_header = format!("GET /hello HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let both = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\
                Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let both_again = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
                      Content-Length: 5\r\n\r\n0\r\n\r\n";
    for (bytes, expected) in [
        (long_uri.as_str(), 414),
        (many_headers.as_str(), 431),
        (long_header.as_str(), 431),
        (both, 400),
        (both_again, 400),
    ] {
        let first = server.say(bytes).await;
        assert_eq!((status(&first), in_own_words(&first)), (expected, true), "{first}");
        // The same as a later request of a connection.
        let mut client = server.connect().await;
        client.send(format!("{GET}{bytes}")).await;
        assert_eq!(status(&client.answer().await), 200);
        assert_eq!(status(&client.rest().await), expected);
    }
    let allowed: String = (0..63).map(|n| format!("X-{n}: 1\r\n")).collect();
    let most = format!("GET /hello HTTP/1.1\r\n{allowed}Connection: close\r\n\r\n");
    assert_eq!(status(&server.say(most).await), 200);
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let server = server().await;
    for bytes in ["NONSENSE\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "\0\0\0\n\n"] {
        assert_eq!(status(&server.say(bytes).await), 400, "{bytes:?}");
    }
}

#[tokio::test]
async fn a_slow_head_is_refused_in_bounded_time() {
    let options =
        ServeOptions { header_timeout: SHORT, keep_alive_idle: LONG, ..Default::default() };
    let server = Running::start(routes(), options).await;
    let answer = server.say("GET /hello HTTP/1.1\r\nHos").await;
    assert_eq!((status(&answer), in_own_words(&answer)), (408, true), "{answer}");
    let mut client = server.connect().await;
    client.send(format!("{GET}G")).await;
    assert_eq!(status(&client.answer().await), 200);
    assert_eq!(status(&client.rest().await), 408);
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    let options =
        ServeOptions { header_timeout: LONG, keep_alive_idle: SHORT, ..Default::default() };
    let server = Running::start(routes(), options).await;
    assert_eq!(server.say("").await, "");
    let mut client = server.connect().await;
    client.send(GET).await;
    assert_eq!(status(&client.answer().await), 200);
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_client_that_leaves_its_answer_unread_is_dropped() {
    let large = "x".repeat(64 << 20);
    let sent = Arc::new(Notify::new());
    let told = Arc::clone(&sent);
    let routes = warp::any().map(move || {
        told.notify_one();
        data(StatusCode::OK, &large)
    });
    let options = ServeOptions {
        write_timeout: SHORT,
        linger: SHORT,
        shutdown_grace: LONG,
        ..Default::default()
    };
    let server = Running::start(routes, options).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    sent.notified().await;
    server.trigger.request();
    tokio::time::timeout(PATIENCE, server.ended).await.expect("dropped in time").unwrap();
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let server = server().await;
    let mut client = server.connect().await;
    client.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((status(&answer), in_own_words(&answer)), (500, true), "{answer}");
    client.send(GET).await;
    assert_eq!(status(&client.answer().await), 200);
}

#[tokio::test]
async fn a_head_is_answered_as_a_get_without_the_body() {
    let server = server().await;
    let ask = |method: &str, path: &str| {
        server.say(format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
    };
    for (path, expected) in [("/hello", 200), ("/nowhere", 404), ("/echo", 405)] {
        let (get, head) = (ask("GET", path).await, ask("HEAD", path).await);
        let lines = |answer: &str| -> Vec<String> {
            let (lines, _) = answer.split_once("\r\n\r\n").unwrap();
            let same = |line: &&str| !line.starts_with("date") && !line.starts_with("x-request-id");
            lines.lines().filter(same).map(str::to_owned).collect()
        };
        assert_eq!((status(&head), lines(&head)), (expected, lines(&get)), "{get}{head}");
        assert!(head.ends_with("\r\n\r\n") && !get.ends_with("\r\n\r\n"), "{get}{head}");
    }
    // The connection goes on behind it.
    let mut client = server.connect().await;
    client.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(status(&head), 200);
    client.send(GET).await;
    assert_eq!(status(&client.answer().await), 200);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_one() {
    let server = server().await;
    for (request, expected, allowed) in [
        ("DELETE /hello", 405, Some("allow: GET, HEAD")),
        ("GET /echo", 405, Some("allow: POST")),
        ("GET /nowhere", 404, None),
        ("POST /nowhere", 404, None),
        ("GET /number?n=x", 400, None),
        ("GET /number?n=7", 200, None),
    ] {
        let answer =
            server.say(format!("{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), expected, "{request}: {answer}");
        assert_eq!(answer.lines().find(|line| line.starts_with("allow")), allowed, "{answer}");
        assert_eq!(in_own_words(&answer), expected != 200, "{answer}");
    }
}

#[tokio::test]
async fn more_connections_than_allowed_are_told_at_once() {
    let options = ServeOptions { max_connections: 1, ..Default::default() };
    let server = Running::start(routes(), options).await;
    let mut first = server.connect().await;
    first.send(GET).await;
    assert_eq!(status(&first.answer().await), 200);
    let busy = server.say(GET).await;
    assert_eq!((status(&busy), in_own_words(&busy)), (503, true), "{busy}");
    assert!(busy.contains("retry-after: 1"), "{busy}");
    first.send(GET).await;
    assert_eq!(status(&first.answer().await), 200);
}

/// Routes whose handler says when it has begun, and ends when it is let go.
struct Held {
    begun: Arc<Notify>,
    go: Arc<Semaphore>,
}

impl Held {
    fn new() -> Self {
        Self { begun: Arc::new(Notify::new()), go: Arc::new(Semaphore::new(0)) }
    }

    async fn server(&self, options: ServeOptions) -> Running {
        let (begun, go) = (Arc::clone(&self.begun), Arc::clone(&self.go));
        let routes = warp::any().then(move || {
            let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
            async move {
                begun.notify_one();
                go.acquire().await.unwrap().forget();
                data(StatusCode::OK, &"done")
            }
        });
        Running::start(routes, options).await
    }
}

#[tokio::test]
async fn more_requests_than_allowed_are_told_at_once() {
    let held = Held::new();
    let server = held.server(ServeOptions { max_requests: 1, ..Default::default() }).await;
    let mut first = server.connect().await;
    first.send(LAST_GET).await;
    held.begun.notified().await;
    let busy = server.say(LAST_GET).await;
    assert_eq!((status(&busy), in_own_words(&busy)), (503, true), "{busy}");
    held.go.add_permits(1);
    assert_eq!(status(&first.rest().await), 200);
}

#[tokio::test]
async fn a_request_that_comes_early_waits_for_its_turn() {
    let held = Held::new();
    let options =
        ServeOptions { keep_alive_idle: LONG, header_timeout: LONG, ..Default::default() };
    let server = held.server(options).await;
    let mut client = server.connect().await;
    // Both arrive at once: after the first answer nothing more comes that could wake the server.
    client.send(format!("{GET}{LAST_GET}")).await;
    held.begun.notified().await;
    held.go.add_permits(1);
    assert_eq!(status(&client.answer().await), 200);
    held.begun.notified().await;
    held.go.add_permits(1);
    assert_eq!(status(&client.rest().await), 200);
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_request() {
    struct SaysWhenDropped(Arc<Notify>);
    impl Drop for SaysWhenDropped {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (begun, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell_begun, tell_dropped) = (Arc::clone(&begun), Arc::clone(&dropped));
    let routes = warp::any().then(move || {
        let (begun, guard) = (Arc::clone(&tell_begun), SaysWhenDropped(Arc::clone(&tell_dropped)));
        async move {
            begun.notify_one();
            std::future::pending::<()>().await;
            drop(guard);
            data(StatusCode::OK, &"never")
        }
    });
    let server = Running::start(routes, ServeOptions::default()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    begun.notified().await;
    drop(client);
    tokio::time::timeout(PATIENCE, dropped.notified()).await.expect("dropped in time");
}

#[tokio::test]
async fn stopping_waits_for_what_is_under_way_and_for_nothing_else() {
    let held = Held::new();
    let options = ServeOptions { shutdown_grace: LONG, header_timeout: LONG, ..Default::default() };
    let mut server = held.server(options).await;
    let mut half_sent = server.connect().await;
    half_sent.send("GET /hello HTTP/1.1\r\nHos").await;
    let mut idle = server.connect().await;
    held.go.add_permits(1);
    idle.send(GET).await;
    assert_eq!(status(&idle.answer().await), 200);
    held.begun.notified().await;
    let mut under_way = server.connect().await;
    under_way.send(GET).await;
    held.begun.notified().await;

    server.trigger.request();
    assert_eq!(half_sent.rest().await, "");
    assert_eq!(idle.rest().await, "");
    assert!(!server.ended.is_finished());
    held.go.add_permits(1);
    assert!(under_way.rest().await.trim_end().ends_with(r#"{"data":"done"}"#));
    tokio::time::timeout(PATIENCE, &mut server.ended).await.expect("an end in time").unwrap();
}

#[tokio::test]
async fn what_does_not_end_in_the_grace_is_dropped() {
    let held = Held::new();
    let server = held.server(ServeOptions { shutdown_grace: SHORT, ..Default::default() }).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    held.begun.notified().await;
    server.trigger.request();
    tokio::time::timeout(PATIENCE, server.ended).await.expect("an end in time").unwrap();
    assert_eq!(client.rest().await, "");
}
