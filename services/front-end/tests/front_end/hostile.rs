//! Any request at all, on a real socket: every answer is a whole one in the store's own words, no
//! 500 for what a client sent, and the next good request is served.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::customer::Answer;
use crate::openapi;
use crate::store::{ADMIN, PATIENCE, Setup, Store};

/// How long to wait for an answer that may never come.
const MOMENT: Duration = Duration::from_millis(30);

fn cases(usual: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::Direct("proptest-regressions/front_end.txt");
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::default()
    }
}

/// What is sent on one connection, and how many of its bytes.
#[derive(Clone)]
struct Sent {
    bytes: Vec<u8>,
    /// It is whole, and nobody who reads it can doubt where it ends.
    plain: bool,
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.bytes))
    }
}

fn method() -> impl Strategy<Value = String> {
    let known = select(vec![
        "GET", "GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "get",
        "CONNECT",
    ]);
    prop_oneof![12 => known.prop_map(str::to_owned), 1 => "[!-~]{0,9}"]
}

fn target() -> impl Strategy<Value = String> {
    let path = select(vec![
        "/products",
        "/products/Tux",
        "/products/Connect%20Four",
        "/orders",
        "/orders/1",
        "/cluster",
        "/livez",
        "/readyz",
        "/metrics",
        "/internal/invalidate",
        "/internal/status",
        "/",
        "*",
        "//",
        "/products/",
        "/orders/1/2",
        "http://a/products",
        "http://a",
        "/../orders",
        "/products/%zz",
        "/products/%FF",
        "/orders/18446744073709551615",
        "/orders?after=18446744073709551615",
        "/products?limit=1000",
    ]);
    prop_oneof![
        12 => path.prop_map(str::to_owned),
        2 => "/(products|orders)/[!-~]{0,12}",
        2 => "/(products|orders)\\?[!-~]{0,16}",
        1 => "[ -~é]{0,16}",
        1 => (8100_usize..8300).prop_map(|length| format!("/{}", "x".repeat(length))),
    ]
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    let plain = select(vec![
        "Connection: close",
        "Connection: keep-alive",
        "Connection: upgrade",
        "Upgrade: h2c",
        "Expect: 100-continue",
        "Expect: more",
        "Content-Type: text/plain",
        "Range: bytes=0-1",
        "Content-Type: application/json",
        "If-None-Match: \"7\"",
        "If-None-Match: W/\"7\", *",
        "Idempotency-Key: a",
        "Idempotency-Key: b",
        "Idempotency-Key: a b",
        "Accept-Encoding: gzip",
        "Authorization: Bearer wrong-0123456789",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "Content-Length: 5",
        "Content-Length: 0",
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "Content-Length: 5, 5",
        "Host: b",
        "X",
        ": y",
        " folded",
        "X : y",
        "TE: trailers",
        "X: \u{e9}",
    ]);
    let long = (1_usize..17_000).prop_map(|length| format!("X: {}", "y".repeat(length)));
    let admin = format!("Authorization: Bearer {ADMIN}");
    let text = prop_oneof![30 => plain.prop_map(str::to_owned), 1 => long, 3 => Just(admin)];
    let noise = vec(any::<u8>().prop_filter("a line", |b| *b != b'\n'), 0..20);
    prop_oneof![15 => text.prop_map(String::into_bytes), 1 => noise]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        r#"{"name":"Tux","quantity":1}"#,
        r#"{"name":"Nothing","quantity":1}"#,
        r#"{"name":"Tux","quantity":101}"#,
        r#"{"price":9.99,"quantity":5}"#,
        "{}",
        "[]",
        "",
        "x",
    ]);
    prop_oneof![
        8 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..60),
        1 => (16_000_usize..17_000).prop_map(|length| vec![b' '; length]),
    ]
}

/// How the body is announced.
fn framed(kind: u8, body: &[u8]) -> (String, Vec<u8>) {
    let mut chunks = format!("{:x}\r\n", body.len()).into_bytes();
    chunks.extend([body, b"\r\n0\r\n\r\n"].concat());
    match kind {
        0..4 => (format!("Content-Length: {}\r\n", body.len()), body.to_vec()),
        4 if body.is_empty() => (String::new(), Vec::new()),
        4 | 5 if !body.is_empty() => ("Transfer-Encoding: chunked\r\n".to_owned(), chunks),
        6 => (format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", body.len()), chunks),
        7 => ("Transfer-Encoding: chunked\r\n".to_owned(), body.to_vec()),
        _ => (String::new(), body.to_vec()),
    }
}

fn request() -> impl Strategy<Value = Sent> {
    let version = prop_oneof![
        12 => Just("HTTP/1.1".to_owned()),
        1 => Just("HTTP/1.0".to_owned()),
        1 => select(vec!["HTTP/2.0", "HTTP/1.2", "http/1.1", "", "HTTP/1.1 "]).prop_map(str::to_owned),
        1 => "[!-~]{0,9}",
    ];
    let line = (method(), target(), version);
    let headers = prop_oneof![12 => vec(header(), 0..4), 1 => vec(header(), 50..80)];
    let end = prop_oneof![Just("\r\n"), Just("\r\n"), Just("\r\n"), Just("\n")];
    (line, headers, end, 0_u8..10, body(), prop::option::weighted(0.15, any::<Index>())).prop_map(
        |((method, target, version), headers, end, kind, body, cut)| {
            let (length, body) = framed(kind, &body);
            let plain = headers.is_empty() && cut.is_none() && kind < 4;
            let mut bytes =
                format!("{method} {target} {version}{end}Host: a\r\n{length}").into_bytes();
            for header in headers {
                bytes.extend([&header, end.as_bytes()].concat());
            }
            bytes.extend([end.as_bytes(), &body].concat());
            let whole = bytes.len();
            bytes.truncate(cut.map_or(whole, |cut| cut.index(whole)));
            Sent { bytes, plain }
        },
    )
}

fn noise() -> impl Strategy<Value = Sent> {
    vec(any::<u8>(), 0..200).prop_map(|bytes| Sent { bytes, plain: false })
}

/// Sends it all, waits for an answer to begin, says that nothing follows, and reads to the end.
/// Whoever says so earlier has hung up, and may get no answer.
async fn exchange(at: &str, sent: &Sent) -> Vec<u8> {
    let talk = async {
        let mut stream = TcpStream::connect(at).await.unwrap();
        // It may be cut off before all is sent.
        let _ = stream.write_all(&sent.bytes).await;
        let answering = stream.readable();
        if sent.plain {
            answering.await.unwrap();
        } else {
            let _ = tokio::time::timeout(MOMENT, answering).await;
        }
        let _ = stream.shutdown().await;
        let mut answers = Vec::new();
        stream.read_to_end(&mut answers).await.expect("no reset before the answer is read");
        answers
    };
    tokio::time::timeout(PATIENCE, talk).await.expect("the connection ends")
}

/// Takes the first answer off, and checks it; its status.
fn check_answer<'a>(rest: &'a [u8], sent: &[u8]) -> Result<(u16, &'a [u8]), TestCaseError> {
    let end = rest.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or_else(|| TestCaseError::fail("no whole head"))?;
    let head = std::str::from_utf8(&rest[..end]).unwrap().to_ascii_lowercase();
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    prop_assert!(first.starts_with("http/1.1 ") || first.starts_with("http/1.0 "), "{first}");
    let status: u16 = first[9..12].parse().unwrap();
    let rest = &rest[end + 4..];
    if status == 100 {
        return Ok((status, rest));
    }
    let allowed = [200, 304, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 422, 431];
    prop_assert!(allowed.contains(&status), "{head}");
    let header = |name: &str| lines.clone().find_map(|line| line.strip_prefix(name));
    prop_assert!(status != 405 || header("allow: ").is_some(), "{head}");
    let length = header("content-length: ").map_or(0, |text| text.parse().unwrap());
    // What is refused before it is parsed is refused with a body, a HEAD too; nothing follows it.
    let bare = status == 304 || sent.starts_with(b"HEAD ") && !rest.starts_with(b"{");
    if bare {
        return Ok((status, rest));
    }
    prop_assert!(rest.len() >= length, "cut off: {head}");
    let (body, rest) = rest.split_at(length);
    let is_metrics = status == 200 && !header("content-type: ").unwrap_or("").contains("json");
    if !is_metrics {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| TestCaseError::fail(format!("{error}: {head} {body:?}")))?;
        let data = status == 200 && body.get("data").is_some();
        prop_assert!(data || body["error"]["code"] == status, "{head} {body}");
    }
    Ok((status, rest))
}

/// The answer to a plain request is one that `openapi.json` describes.
fn check_described(sent: &Sent, answers: &[u8]) -> Result<(), TestCaseError> {
    let (sent, answers) = (String::from_utf8_lossy(&sent.bytes), String::from_utf8_lossy(answers));
    let mut words = sent.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    // The rest is no path.
    if !target.starts_with('/') {
        return Ok(());
    }
    let described = openapi::check(method, target, &Answer::read(&answers));
    prop_assert!(described.is_ok(), "{described:?}: {answers}");
    Ok(())
}

async fn check(store: &Store, sent: Sent) -> Result<(), TestCaseError> {
    let answers = exchange(store.at.as_str(), &sent).await;
    let mut rest = &answers[..];
    let mut statuses = Vec::new();
    while !rest.is_empty() {
        let (status, more) = check_answer(rest, &sent.bytes)?;
        statuses.push(status);
        rest = more;
    }
    prop_assert!(!sent.plain || !statuses.is_empty(), "no answer");
    if sent.plain {
        check_described(&sent, &answers)?;
    }
    let good = store.get("/products/Tux").await;
    prop_assert_eq!(good.status, 200, "after {:?}", statuses);
    Ok(())
}

#[test]
fn any_request_is_answered_in_the_stores_own_words() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(Store::open(Setup::default()));
    let mut runner = TestRunner::new(cases(300));
    let requests = prop_oneof![9 => request(), 1 => noise()];
    runner.run(&requests, |sent| runtime.block_on(check(&store, sent))).unwrap();
}
