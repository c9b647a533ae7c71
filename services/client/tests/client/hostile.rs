//! A front end that answers nonsense: the client says so, in bounded time and memory.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::FileFailurePersistence;

use crate::client;

/// More than the client needs for any reply.
const MOST_KIB: u64 = 64 << 10;
/// Far more than the client's longest wait for one reply.
const PATIENCE: Duration = Duration::from_secs(40);

fn cases(usual: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::Direct("proptest-regressions/client.txt");
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::default()
    }
}

/// Answers every connection in this way; returns the URL.
fn serve(answer: impl Fn(&mut TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), answer.clone());
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                answer(&mut stream);
            });
        }
    });
    url
}

/// The most memory it uses until it ends, in KiB, and its exit code.
fn watch(mut child: Child) -> (u64, i32) {
    let (begun, mut most) = (Instant::now(), 0);
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let peak = status.unwrap_or_default().lines().find_map(|line| {
            line.strip_prefix("VmHWM:")?.trim().trim_end_matches(" kB").parse().ok()
        });
        most = peak.unwrap_or(0).max(most);
        if let Some(status) = child.try_wait().unwrap() {
            return (most, status.code().unwrap_or(-1));
        }
        if begun.elapsed() > PATIENCE || most > MOST_KIB {
            child.kill().unwrap();
            child.wait().unwrap();
            return (most, -1);
        }
        sleep(Duration::from_millis(5));
    }
}

/// Runs a command; it ends by itself, with one of these codes, in little memory.
fn check(args: &[&str], url: &str, codes: &[i32]) -> Result<(), TestCaseError> {
    let mut command = client(args);
    command.args(["--front-end", url]).stdin(Stdio::null()).stdout(Stdio::null());
    let (most, code) = watch(command.stderr(Stdio::null()).spawn().unwrap());
    prop_assert!(most < MOST_KIB, "{args:?} used {most} KiB");
    prop_assert!(codes.contains(&code), "{args:?} ended with {code}");
    Ok(())
}

const COMMANDS: [&[&str]; 4] =
    [&["get", "Tux"], &["order", "1"], &["status"], &["buy", "Tux", "1"]];

#[test]
fn an_endless_reply_costs_no_memory() {
    let url = serve(|stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"data\":\"";
        let _ = stream.write_all(head.as_bytes());
        while stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
    });
    check(COMMANDS[0], &url, &[1, 3]).unwrap();
    let url = serve(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
    });
    check(COMMANDS[0], &url, &[1, 3]).unwrap();
}

#[test]
fn a_reply_of_a_byte_a_second_is_given_up() {
    let url = serve(|stream| {
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n".iter().chain(&[b' '; 9000]) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            sleep(Duration::from_secs(1));
        }
    });
    check(COMMANDS[0], &url, &[3]).unwrap();
}

/// A reply near the store's own, and near none.
fn reply() -> impl Strategy<Value = Vec<u8>> {
    let body = select(vec![
        r#"{"data":{"name":"Tux","price":25.99,"quantity":100}}"#,
        r#"{"data":{"name":"\u0007","price":1e300,"quantity":18446744073709551615}}"#,
        r#"{"data":{"order_number":18446744073709551615}}"#,
        r#"{"data":{"number":0,"name":"","quantity":0}}"#,
        r#"{"data":{"epoch":0,"leader":0,"in_sync":[9,9],"replicas":[],
            "catalog":{"address":"","healthy":true},
            "cache":{"enabled":true,"entries":0,"hits":0,"misses":0,"invalidations":0}}}"#,
        r#"{"error":{"code":99999,"message":"x"}}"#,
        r#"{"error":{"code":404,"message":"\n"}}"#,
        r#"{"data":[]}"#,
        "[]",
        "null",
        "",
    ]);
    let status =
        select(vec!["200 OK", "204 None", "301 There", "404 No", "200", "999 X", "99 Y", "abc"]);
    let harm = prop::option::weighted(0.4, (any::<Index>(), any::<u8>()));
    let near = (status, body, harm, any::<bool>()).prop_map(|(status, body, harm, framed)| {
        let length = body.len();
        let length = if framed { format!("Content-Length: {length}\r\n") } else { String::new() };
        let mut bytes = format!("HTTP/1.1 {status}\r\n{length}\r\n{body}").into_bytes();
        if let Some((at, byte)) = harm {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    });
    prop_oneof![5 => near, 1 => vec(any::<u8>(), 0..200)]
}

proptest! {
    #![proptest_config(cases(25))]

    #[test]
    fn any_reply_is_an_answer_or_a_failure(reply in reply(), which in 0_usize..4) {
        let url = serve(move |stream| drop(stream.write_all(&reply)));
        check(COMMANDS[which], &url, &[0, 1, 3])?;
    }
}
