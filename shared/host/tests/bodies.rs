//! Bodies: counted, timed, and strictly JSON.

// Helpers of tests may fail by panicking, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use common::{Running, in_own_words, status};
use futures_util::stream;
use http::HeaderMap;
use tokio::io::AsyncWriteExt;
use toystore_domain::Refusal;
use toystore_domain::api::OrderRequest;
use toystore_host::reject::recover;
use toystore_host::reply::answer;
use toystore_host::{ServeOptions, body};
use warp::Filter;

const LIMIT: usize = 16 << 10;

async fn server() -> Running {
    let routes = warp::any().and(body::json::<OrderRequest>()).map(answer);
    let routes = routes.recover(recover).unify();
    Running::start(routes, ServeOptions::default()).await
}

fn post(headers: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n{body}")
}

fn sized(body: &str) -> String {
    post(&format!("Content-Length: {}\r\n", body.len()), body)
}

fn chunked(body: &str) -> String {
    let chunks = body.as_bytes().chunks(1000).map(|c| String::from_utf8_lossy(c).into_owned());
    let chunks: String = chunks.map(|c| format!("{:x}\r\n{c}\r\n", c.len())).collect();
    post("Transfer-Encoding: chunked\r\n", &format!("{chunks}0\r\n\r\n"))
}

#[tokio::test]
async fn bodies_are_counted_however_they_come() {
    let server = server().await;
    let order = |bytes: usize| {
        let empty = r#"{"name":"","quantity":1}"#.len();
        format!(r#"{{"name":"{}","quantity":1}}"#, "x".repeat(bytes - empty))
    };
    for send in [sized as fn(&str) -> String, chunked] {
        assert_eq!(status(&server.say(send(&order(LIMIT))).await), 200);
        for bytes in [LIMIT + 1, 1 << 20] {
            let refused = server.say(send(&order(bytes))).await;
            assert_eq!((status(&refused), in_own_words(&refused)), (413, true), "{refused}");
        }
    }
}

#[tokio::test]
async fn a_refused_client_may_finish_sending_and_then_reads_why() {
    let server = server().await;
    for request in [sized(&"x".repeat(16 << 20)), chunked(&"x".repeat(16 << 20))] {
        let mut client = server.connect().await;
        client.0.write_all(request.as_bytes()).await.expect("no reset while sending");
        assert_eq!(status(&client.rest().await), 413);
    }
}

#[tokio::test]
async fn a_chunked_request_is_the_last_of_its_connection() {
    let server = server().await;
    let body = r#"{"name":"Tux","quantity":1}"#;
    let chunked = chunked(body).replace("Connection: close\r\n", "");
    let answers = server.say(format!("{chunked}{chunked}")).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 1, "{answers}");
    assert!(answers.contains("connection: close"), "{answers}");
}

#[tokio::test]
async fn a_refused_body_never_ends_up_as_a_request() {
    let routes = warp::any().map(|| answer::<()>(Err(Refusal::Busy)));
    let server = Running::start(routes, ServeOptions::default()).await;
    let inner = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    let request = sized(&inner).replace("Connection: close\r\n", "");
    let answers = server.say(request).await;
    assert_eq!(answers.matches("HTTP/1.1").count(), 1, "{answers}");
}

#[tokio::test]
async fn a_slow_body_is_refused() {
    let body = stream::pending::<Result<Bytes, Infallible>>();
    let read = body::read_limited(&HeaderMap::new(), body, 10, Duration::from_millis(20)).await;
    assert_eq!(read, Err(Refusal::RequestTimeout));
}

#[test]
fn only_a_json_object_of_the_right_shape_is_read() {
    let status = |content_type: Option<&str>, body: &[u8]| {
        body::json_body::<OrderRequest>(content_type, body).map_or_else(|r| r.status(), |_| 200)
    };
    let good = br#"{"name":"Tux","quantity":1}"#;
    let json = Some("application/json; charset=utf-8");
    for content_type in [None, json, Some("text/plain"), Some("application/x+json")] {
        assert_eq!(status(content_type, good), 200);
    }
    let deep =
        format!(r#"{{"name":"Tux","quantity":1,"x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    for bad in [
        &b""[..],
        b"{",
        b"null",
        br#"["Tux",1]"#,
        br#"{"name":"Tux","quantity":1} x"#,
        br#"{"name":"Tux","name":"Tux","quantity":1}"#,
        br#"{"name":"Tux","quantity":-1}"#,
        br#"{"name":"Tux","quantity":1.5}"#,
        br#"{"name":"Tux","quantity":1e3}"#,
        br#"{"name":"Tux","quantity":"1"}"#,
        br#"{"name":"Tux"}"#,
        b"{\"name\":\"\xff\",\"quantity\":1}",
        b"{\"name\":\"Tux\",\"quantity\":1,\"x\":\"\xff\"}",
        deep.as_bytes(),
    ] {
        let text = String::from_utf8_lossy(bad);
        assert_eq!(status(None, bad), 400, "{text}");
        assert_eq!(status(json, bad), 400, "{text}");
    }
    assert_eq!(status(Some("text/plain"), b"name=Tux"), 415);
    assert_eq!(status(Some("text/plain"), br#"{"name":"Tux"}"#), 400);
}
