//! Sources that lie: folders with random damage, and services that answer nonsense, without an end,
//! or a byte a second. The inspector says so, in bounded time and memory.
//!
//! `PROPTEST_CASES=500 cargo test -p toystore-inspect --test hostile` tries more; a case that
//! failed once stays in `proptest-regressions/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{CLUSTER, Shop, inspect, log, name};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::FileFailurePersistence;
use toystore_authority::messages::CatalogPage;
use toystore_domain::{Books, Cents, OrderNumber};
use toystore_replication::StoreId;
use toystore_replication::messages::OrdersPage;
use toystore_storage::folder;

/// More than the inspector needs for anything in these tests.
const MOST_KIB: u64 = 192 << 10;
/// Far more than the inspector's patience with a service.
const PATIENCE: Duration = Duration::from_secs(40);

fn cases(usual: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::Direct("proptest-regressions/hostile.txt");
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::default()
    }
}

/// Sound databases of a replica and of the catalog, made once.
fn templates() -> &'static [PathBuf; 2] {
    static MADE: OnceLock<(Shop, [PathBuf; 2])> = OnceLock::new();
    let (_, paths) = MADE.get_or_init(|| {
        let (shop, orders) = (Shop::new(), log(20));
        let replica = shop.replica("order-1", 1, &orders);
        let catalog = shop.catalog("catalog", &[&replica], &orders, 2);
        (shop, [replica, catalog])
    });
    paths
}

fn files(path: &Path) -> Vec<PathBuf> {
    common::content(path).into_keys().collect()
}

/// What happens to a file: some bytes in the middle become these, or it ends there.
type Scratch = (Index, Index, Vec<u8>, bool);

fn scratch(path: &Path, (which, at, bytes, cut): &Scratch) {
    let files = files(path);
    let file = &files[which.index(files.len())];
    let mut content = fs::read(file).unwrap();
    let at = at.index(content.len().max(1)).min(content.len());
    if *cut {
        content.truncate(at);
    }
    let end = content.len().min(at + bytes.len());
    content.splice(at.min(end)..end, bytes.iter().copied());
    fs::write(file, content).unwrap();
}

proptest! {
    #![proptest_config(cases(6))]

    #[test]
    fn a_damaged_folder_is_sound_damaged_or_unreadable(
        catalog in any::<bool>(),
        scratches in vec((any::<Index>(), any::<Index>(), vec(any::<u8>(), 0..30), prop::bool::weighted(0.2)), 1..3),
        command in select(vec!["verify", "stats", "dump", "diff"]),
    ) {
        let temp = tempfile::tempdir().unwrap();
        let sound = &templates()[usize::from(catalog)];
        let damaged = temp.path().join("damaged");
        folder::copy(sound, &damaged).unwrap();
        scratches.iter().for_each(|harm| scratch(&damaged, harm));
        let mut args = vec![command.into(), damaged.into_os_string()];
        if command == "diff" {
            args.push(sound.clone().into_os_string());
        }
        let ran = inspect(args);
        prop_assert!([0, 1, 2].contains(&ran.code), "{} {}", ran.code, ran.err);
        prop_assert!(ran.code == 0 || !ran.err.is_empty() || !ran.out.is_empty(), "no word of why");
    }
}

/// Answers every request on every connection in this way, given its path; returns the URL.
fn serve(answer: impl Fn(&mut TcpStream, &str) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), answer.clone());
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let bytes = stream.read(&mut request).unwrap_or(0);
                let text = String::from_utf8_lossy(&request[..bytes]).into_owned();
                answer(&mut stream, text.split(' ').nth(1).unwrap_or_default());
            });
        }
    });
    url
}

/// The inspector's exit code and the most memory it used, in KiB; it is ended when it takes more
/// time or memory than allowed.
fn watch(command: &str, url: &str) -> (i32, u64) {
    let temp = tempfile::tempdir().unwrap();
    let token = temp.path().join("token");
    fs::write(&token, "0123456789abcdef").unwrap();
    let mut inspect = Command::new(env!("CARGO_BIN_EXE_toystore-inspect"));
    inspect.args([command, url, "--cluster-token"]).arg(token);
    inspect.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = inspect.spawn().unwrap();
    let (begun, mut most) = (Instant::now(), 0);
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()));
        let peak = status.unwrap_or_default().lines().find_map(|line| {
            line.strip_prefix("VmHWM:")?.trim().trim_end_matches(" kB").parse().ok()
        });
        most = peak.unwrap_or(0).max(most);
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code().unwrap_or(-1), most);
        }
        if begun.elapsed() > PATIENCE || most > MOST_KIB {
            child.kill().unwrap();
            child.wait().unwrap();
            return (-1, most);
        }
        sleep(Duration::from_millis(5));
    }
}

#[track_caller]
fn unreadable(url: &str) {
    let (code, most) = watch("verify", url);
    assert!(code == 2 && most < MOST_KIB, "ended with {code} after {most} KiB");
}

#[test]
fn an_endless_answer_is_unreadable() {
    unreadable(&serve(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[0; 1 << 16]).is_ok() {}
    }));
    unreadable(&serve(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
        while stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
    }));
}

#[test]
fn an_answer_of_a_byte_a_second_is_unreadable() {
    unreadable(&serve(|stream, _| {
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n".iter().chain(&[0; 900]) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            sleep(Duration::from_secs(1));
        }
    }));
}

fn ok(stream: &mut TcpStream, body: &[u8]) {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

/// The same page of the catalog again and again, each time with the word that there are more.
#[test]
fn a_catalog_that_repeats_itself_is_unreadable() {
    let books = Books::open(Cents::new(1).unwrap(), 1);
    let page = CatalogPage {
        cluster: CLUSTER,
        view: None,
        products: (0..500).map(|n| (name(&format!("{n:0>150}")), books.clone())).collect(),
        reservations: vec![],
        more: true,
    };
    let frame = toystore_codec::encode(1, &page).unwrap();
    unreadable(&serve(move |stream, path| match path {
        "/internal/export-catalog" => ok(stream, &frame),
        _ => drop(stream.write_all(b"HTTP/1.1 404 None\r\nContent-Length: 0\r\n\r\n")),
    }));
}

/// Bodies near a message and far from one.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let member = common::member(1, StoreId(1));
    let entries = log(3);
    let page = OrdersPage { member, commit: OrderNumber(u64::MAX), entries, more: true };
    let page = toystore_codec::encode(1, &page).unwrap();
    let sealed = vec(prop_oneof![0_u8..4, any::<u8>()], 0..60).prop_map(|payload| {
        let mut frame = vec![1];
        frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        frame.extend(toystore_codec::checksum(&payload).to_be_bytes());
        frame.extend(payload);
        frame
    });
    prop_oneof![3 => sealed, 1 => Just(page), 1 => vec(any::<u8>(), 0..60)]
}

proptest! {
    #![proptest_config(cases(10))]

    #[test]
    fn nonsense_is_unreadable_or_damaged(
        body in body(),
        line in select(vec!["200 OK", "200 OK", "404 No", "999 X", "x"]),
        command in select(vec!["verify", "stats", "dump"]),
    ) {
        let url = serve(move |stream, _| {
            let length = body.len();
            let head = format!("HTTP/1.1 {line}\r\nContent-Length: {length}\r\n\r\n");
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        });
        let (code, most) = watch(command, &url);
        prop_assert!([1, 2].contains(&code) && most < MOST_KIB, "{code} after {most} KiB");
    }
}
