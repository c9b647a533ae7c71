//! Calls between processes, over real connections.

// Helpers of tests may fail by panicking, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::future::pending;
use std::time::Duration;

use common::{Running, status};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use toystore_domain::Refusal;
use toystore_host::calls::WIRE_VERSION;
use toystore_host::desk::route;
use toystore_host::reject::recover;
use toystore_host::{Address, Call, CallError, Caller, ClusterToken, ServeOptions};
use warp::Filter;

const TIMEOUT: Duration = Duration::from_secs(20);
const TOKEN: &str = "0123456789abcdef";

#[derive(Serialize, Deserialize)]
enum Ask {
    Double(u64),
    Refuse(Refusal),
    Hang,
    Panic,
}

impl Call for Ask {
    type Reply = u64;
    const NAME: &'static str = "ask";
}

fn token(text: &str) -> ClusterToken {
    ClusterToken::new(text).unwrap()
}

fn caller(text: &str) -> Caller {
    Caller::new(token(text)).unwrap()
}

async fn server() -> Running {
    let ask = route(token(TOKEN), |ask: Ask| async {
        match ask {
            Ask::Double(n) => Ok(2 * n),
            Ask::Refuse(refusal) => Err(refusal),
            Ask::Hang => pending().await,
            Ask::Panic => panic!("on purpose"),
        }
    });
    Running::start(ask.recover(recover).unify(), ServeOptions::default()).await
}

#[tokio::test]
async fn an_answer_comes_back() {
    let server = server().await;
    let caller = caller(TOKEN);
    for n in 0..10 {
        assert_eq!(caller.call(&server.address(), &Ask::Double(n), TIMEOUT).await, Ok(2 * n));
    }
}

#[tokio::test]
async fn each_failure_says_whether_it_may_have_been_done() {
    let server = server().await;
    let caller = caller(TOKEN);
    let at = server.address();
    let unavailable = Refusal::Unavailable("no leader".to_owned());
    for (ask, error, certainly_not) in [
        (Ask::Refuse(unavailable), CallError::Refused(503), true),
        (Ask::Refuse(Refusal::OutOfStock), CallError::Refused(409), true),
        (Ask::Refuse(Refusal::OutcomeUnknown), CallError::Unknown, false),
        (Ask::Panic, CallError::Unknown, false),
    ] {
        assert_eq!(caller.call(&at, &ask, TIMEOUT).await, Err(error));
        assert_eq!(error.certainly_not_done(), certainly_not);
    }
    let hung = caller.call(&at, &Ask::Hang, Duration::from_millis(50)).await;
    assert_eq!(hung, Err(CallError::Unknown));
}

#[tokio::test]
async fn nobody_there_means_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at: Address = listener.local_addr().unwrap().into();
    drop(listener);
    let error = caller(TOKEN).call(&at, &Ask::Double(1), TIMEOUT).await;
    assert_eq!(error, Err(CallError::NobodyThere));
}

#[tokio::test]
async fn a_connection_that_breaks_is_an_unknown_outcome() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at: Address = listener.local_addr().unwrap().into();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
    });
    let error = caller(TOKEN).call(&at, &Ask::Double(1), TIMEOUT).await;
    assert_eq!(error, Err(CallError::Unknown));
    server.await.unwrap();
}

#[tokio::test]
async fn another_token_is_denied() {
    let server = server().await;
    let other = caller("fedcba9876543210");
    let denied = other.call(&server.address(), &Ask::Double(1), TIMEOUT).await;
    assert_eq!(denied, Err(CallError::Denied));
}

#[tokio::test]
async fn a_server_with_another_frame_is_garbled() {
    let routes = warp::any().map(|| toystore_host::reply::Response::new("hello".into()));
    let server = Running::start(routes, ServeOptions::default()).await;
    let garbled = caller(TOKEN).call(&server.address(), &Ask::Double(1), TIMEOUT).await;
    assert_eq!(garbled, Err(CallError::Garbled));
}

#[tokio::test]
async fn what_is_no_call_is_refused() {
    let server = server().await;
    let request = |method: &str, path: &str, headers: &str, body: &[u8]| {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{headers}\r\n"
        );
        [head.as_bytes(), body].concat()
    };
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let good = toystore_codec::encode(WIRE_VERSION, &Ask::Double(1)).unwrap();
    let newer = toystore_codec::encode(WIRE_VERSION + 1, &Ask::Double(1)).unwrap();
    let other = toystore_codec::encode(WIRE_VERSION, &(200_u64, 7_u64)).unwrap();
    for (method, path, headers, body, expected) in [
        ("POST", "/internal/ask", bearer.as_str(), &good[..], 200),
        ("POST", "/internal/ask", &bearer, &newer, 400),
        ("POST", "/internal/ask", &bearer, &other, 400),
        ("POST", "/internal/ask", &bearer, b"garbage", 400),
        ("POST", "/internal/ask", &bearer, b"", 400),
        ("POST", "/internal/ask", "", &good, 401),
        ("POST", "/internal/ask", "Authorization: Basic 0123456789abcdef\r\n", &good, 401),
        ("POST", "/internal/ask", &format!("{bearer}{bearer}"), &good, 401),
        ("POST", "/internal/ask", "Authorization: Bearer no\r\n", &good, 403),
        ("PUT", "/internal/ask", &bearer, &good, 405),
        ("POST", "/internal/other", &bearer, &good, 404),
        ("POST", "/internal/ask/more", &bearer, &good, 404),
    ] {
        let answer = server.connect().await;
        let mut client = answer;
        client.send(request(method, path, headers, body)).await;
        let mut bytes = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut client.0, &mut bytes).await.unwrap();
        let answer = String::from_utf8_lossy(&bytes);
        assert_eq!(status(&answer), expected, "{method} {path} {headers}: {answer}");
    }
    let huge = format!(
        "POST /internal/ask HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n{bearer}\r\n"
    );
    assert_eq!(status(&server.say(huge).await), 413);
}
