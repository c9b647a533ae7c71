//! A store that speaks TLS: it works as any other, and nobody gets in who should not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use toystore_tests::store::{
    Certificates, OPERATOR, PATIENCE, Plan, Store, front_end, http, order, program, wait_for,
};

/// Longer than any handshake may take, and any answer.
const SOON: Duration = Duration::from_secs(20);

fn secure() -> Plan {
    Plan { tls: true, ..Plan::default() }
}

/// The same command with another value of an option, or with one more option.
fn with(command: &Command, option: &str, value: impl Into<OsString>) -> Command {
    let mut args: Vec<_> = command.get_args().map(OsString::from).collect();
    match args.iter().position(|arg| arg == option) {
        Some(at) => args[at + 1] = value.into(),
        None => args.extend([option.into(), value.into()]),
    }
    let mut changed = Command::new(command.get_program());
    changed.args(args);
    changed
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs the inspector with these options for TLS.
fn inspect(store: &Store, name: &str, options: &[OsString]) -> Output {
    let mut command = Command::new(program("toystore-inspect"));
    command.arg("stats").arg(store.url_of(name)).args(options);
    command.arg("--cluster-token").arg(store.token("cluster.token")).output().unwrap()
}

#[test]
fn a_store_with_mutual_tls_loses_nothing_with_its_leader() {
    let mut store = Store::start(secure());
    for n in 0..20 {
        let (status, body) = store.buy(1, &format!("before-{n}"), "Tux").unwrap();
        assert_eq!(status, 200, "{body}");
    }
    let leader = order(store.leader());
    store.kill(&leader);
    // The first of them may meet the change.
    let placed = wait_for("another leader", || {
        store.buy(1, "after", "Tux").ok().filter(|(status, _)| *status == 200)
    });
    assert_eq!(placed.1["data"]["order_number"], 21);
    store.run(&leader);
    store.check_at_rest();
    let again = store.buy(1, "before-7", "Tux").unwrap();
    assert_eq!(again.1["data"]["order_number"], 8);
    // Invalidations arrive: a cached product is never old.
    let left = |store: &Store| store.get(1, "/products/Tux").unwrap().1["data"]["quantity"].clone();
    let before = left(&store).as_u64().unwrap();
    assert_eq!(store.buy(1, "one-more", "Tux").unwrap().0, 200);
    assert_eq!(left(&store), before - 1);
}

#[test]
fn who_speaks_no_tls_is_told_nothing_and_harms_nobody() {
    let store = Store::start(secure());
    for name in store.names() {
        for request in [&b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"\x16\x03\x01", b"\xff\0"]
        {
            let mut stream = TcpStream::connect(store.address(&name)).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            stream.write_all(request).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            // A reset is as good an end as any, if it comes in time.
            let ended = stream.read_to_end(&mut answer).map_err(|error| error.kind());
            assert_ne!(ended, Err(std::io::ErrorKind::WouldBlock), "{name} keeps it");
            assert!(!answer.starts_with(b"HTTP"), "{name}: {answer:?}");
        }
    }
    assert_eq!(store.buy(1, "still", "Tux").unwrap().0, 200);
    store.check_at_rest();
}

#[test]
fn who_says_nothing_keeps_no_connection() {
    let store = Store::start(secure());
    let names = [front_end(1), order(1), "catalog".to_owned()];
    let silent: Vec<_> = (0..300)
        .map(|n| {
            let stream = TcpStream::connect(store.address(&names[n % names.len()])).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            stream
        })
        .collect();
    for n in 0..20 {
        let (status, body) = store.buy(1, &format!("meanwhile-{n}"), "Tux").unwrap();
        assert_eq!(status, 200, "{body}");
    }
    for mut stream in silent {
        let read = stream.read(&mut [0; 16]).map_err(|error| error.kind());
        assert!(matches!(read, Ok(0) | Err(std::io::ErrorKind::ConnectionReset)), "{read:?}");
    }
    store.check_at_rest();
}

#[test]
fn internal_ports_want_a_certificate_of_their_authority() {
    let store = Store::start(secure());
    let ours = store.certificates();
    let folder = tempfile::tempdir().unwrap();
    let foreign = Certificates::make(&folder.path().join("tls"), &[OPERATOR.to_owned()], &[]);
    // Who believes the store, and shows what another authority has signed.
    let both = folder.path().join("both.crt");
    let text =
        |certificates: &Certificates| fs::read_to_string(certificates.file("ca.crt")).unwrap();
    fs::write(&both, text(ours) + &text(&foreign)).unwrap();
    let mut intruder = foreign.options(OPERATOR);
    intruder.truncate(4);
    intruder.extend(["--tls-ca".into(), both.into()]);
    let nobody = ["--tls-ca".into(), ours.file("ca.crt").into()];
    for name in [order(1), "catalog".to_owned()] {
        let known = inspect(&store, &name, &ours.options(OPERATOR));
        assert!(known.status.success(), "{}", said(&known));
        for (who, options) in [("nobody", &nobody[..]), ("an intruder", &intruder)] {
            let refused = inspect(&store, &name, options);
            assert_eq!(refused.status.code(), Some(2), "{who} at {name}: {refused:?}");
            assert!(said(&refused).contains("certificate is not believed"), "{}", said(&refused));
        }
        let unknown = inspect(&store, &name, &foreign.options(OPERATOR));
        assert_eq!(unknown.status.code(), Some(2), "{name} is believed: {unknown:?}");
        assert!(said(&unknown).contains("certificate is not believed"), "{}", said(&unknown));
        let open = http(Some(ours)).build().unwrap().get(format!("{}/livez", store.url_of(&name)));
        assert!(open.send().is_err(), "{name} answers without a certificate");
    }
    // Customers have none.
    let livez = store.http().get(format!("{}/livez", store.url(1))).send().unwrap();
    assert_eq!(livez.status().as_u16(), 200);
}

/// Runs the customer at a front end, believing the authority in a file.
fn customer(url: &str, ca: &Path) -> Output {
    let mut command = Command::new(program("toystore-client"));
    command.args(["get", "Tux", "--front-end", url, "--tls-ca"]).arg(ca).output().unwrap()
}

#[test]
fn customers_believe_only_who_they_asked_for() {
    let store = Store::start(secure());
    let ours = store.certificates();
    let believed = customer(&store.url(1), &ours.file("ca.crt"));
    assert!(believed.status.success(), "{}", said(&believed));
    let folder = tempfile::tempdir().unwrap();
    let foreign = Certificates::make(&folder.path().join("tls"), &["x".to_owned()], &[]);
    let doubted = customer(&store.url(1), &foreign.file("ca.crt"));
    assert_eq!(doubted.status.code(), Some(3), "{doubted:?}");
    assert!(said(&doubted).contains("is not believed"), "{}", said(&doubted));

    // The same certificate at an address that is not in it.
    let port = TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap().port();
    let elsewhere = format!("127.0.0.2:{port}");
    let mut command = with(&store.command(&front_end(1)), "--listen", &elsewhere);
    let mut child = command.spawn().unwrap();
    let at: SocketAddr = elsewhere.parse().unwrap();
    let named = http(Some(ours)).resolve("localhost", at).build().unwrap();
    wait_for("the other front end", || {
        named.get(format!("https://localhost:{port}/livez")).send().ok()
    });
    let astray = customer(&format!("https://{elsewhere}"), &ours.file("ca.crt"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(astray.status.code(), Some(3), "{astray:?}");
    assert!(said(&astray).contains("is not believed"), "{}", said(&astray));
}

/// Starts a process that must end by itself.
fn refused(mut command: Command) -> Output {
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let begun = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{command:?} goes on");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

#[test]
fn a_public_address_wants_tls_or_the_wish_to_do_without() {
    let mut store = Store::prepare(Plan::default());
    for name in store.names() {
        for address in ["0.0.0.0:0", "[::]:0"] {
            let mut command = with(&store.command(&name), "--listen", address);
            let check = command.arg("--check-config").output().unwrap();
            let output = refused(with(&store.command(&name), "--listen", address));
            assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
            assert!(said(&output).contains("--insecure"), "{}", said(&output));
            let output = check;
            assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
            assert!(said(&output).contains("--insecure"), "{}", said(&output));
        }
        let mut command = with(&store.command(&name), "--listen", "0.0.0.0:0");
        command.arg("--insecure");
        store.adopt(&name, command);
        wait_for("a process that listens", || listens(store.pid(&name)).then_some(()));
        assert!(store.runs(&name), "{}", store.log(&name));
        store.kill(&name);
    }
    let folder = tempfile::tempdir().unwrap();
    let names = store.names();
    let certificates = Certificates::make(folder.path(), &names, &[]);
    for name in names {
        let mut command = with(&store.command(&name), "--listen", "0.0.0.0:0");
        command.args(certificates.options(&name));
        store.adopt(&name, command);
        wait_for("a process that listens", || listens(store.pid(&name)).then_some(()));
        store.kill(&name);
    }
}

/// Whether a process has a socket that waits for connections.
fn listens(pid: u32) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let waiting: Vec<_> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.get(3) == Some(&"0A"))
        .map(|words| format!("socket:[{}]", words[9]))
        .collect();
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    open.flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|link| waiting.iter().any(|socket| Path::new(socket) == link))
}

#[test]
fn files_that_do_not_fit_are_named_before_anything_starts() {
    let store = Store::prepare(secure());
    let (ours, name) = (store.certificates(), order(1));
    let own = store.command(&name);
    for (option, file, why) in [
        ("--tls-key", ours.file("catalog.key"), "does not belong to the certificate"),
        ("--tls-key", ours.file("none.key"), "cannot read a private key"),
        ("--tls-ca", store.token("catalog.csv"), "there is no certificate"),
        ("--tls-cert", ours.file("ca.crt"), "does not belong to the certificate"),
    ] {
        let check = with(&own, option, &file).arg("--check-config").output().unwrap();
        let started = refused(with(&own, option, &file));
        for (output, code) in [(started, 1), (check, 2)] {
            assert_eq!(output.status.code(), Some(code), "{why}: {output:?}");
            assert!(said(&output).contains(why), "{why}: {}", said(&output));
        }
    }
    let plain = Store::prepare(Plan::default());
    for name in plain.names() {
        let output = refused(with(&plain.command(&name), "--tls-key", ours.file("catalog.key")));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(said(&output).contains("--tls-cert is missing"), "{}", said(&output));
    }
}
