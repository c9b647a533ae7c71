//! Files that cannot be used are named with what is wrong; only those are believed that should be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use common::{Authority, at, files, refusal, tls};
use rcgen::KeyPair;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use tempfile::TempDir;
use toystore_tls::{Callers, TlsFiles, nobody};

const VALID: [i32; 2] = [2000, 4000];

/// Two authorities, and a valid certificate of each.
fn folder() -> (TempDir, Authority) {
    let folder = tempfile::tempdir().unwrap();
    let ours = Authority::new(folder.path(), "ours");
    ours.sign(folder.path(), "own", VALID);
    Authority::new(folder.path(), "theirs").sign(folder.path(), "foreign", VALID);
    (folder, ours)
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let (folder, ours) = folder();
    let path = folder.path();
    assert!(files(path, "own", "own", "ours").read().unwrap().is_some());
    let wrong = refusal(&files(path, "own", "foreign", "ours"));
    assert!(wrong.contains("foreign.key does not belong to the certificate in"), "{wrong}");
    let wrong = refusal(&files(path, "foreign", "foreign", "ours"));
    assert!(wrong.contains("foreign.crt is not signed by an authority in"), "{wrong}");
    ours.sign(path, "old", [2000, 2001]);
    let wrong = refusal(&files(path, "old", "old", "ours"));
    assert!(wrong.ends_with("old.crt has expired"), "{wrong}");
    ours.sign(path, "new", [3999, 4000]);
    let wrong = refusal(&files(path, "new", "new", "ours"));
    assert!(wrong.ends_with("new.crt is not valid yet"), "{wrong}");
}

#[test]
fn what_is_no_certificate_or_key_is_named() {
    let (folder, _ours) = folder();
    let path = folder.path();
    let wrong = refusal(&files(path, "own", "none", "ours"));
    assert!(
        wrong.contains("cannot read a private key in") && wrong.contains("none.key"),
        "{wrong}"
    );
    std::fs::write(at(path, "text.crt"), "dear").unwrap();
    let wrong = refusal(&files(path, "text", "own", "ours"));
    assert!(wrong.contains("there is no certificate in") && wrong.contains("text.crt"), "{wrong}");
    let wrong = refusal(&files(path, "own", "own", "text"));
    assert!(wrong.contains("there is no certificate in"), "{wrong}");
    let swapped =
        TlsFiles { tls_key: Some(at(path, "own.crt")), ..files(path, "own", "own", "ours") };
    assert!(refusal(&swapped).contains("there is no private key in"));
    let endless = TlsFiles { tls_key: Some("/dev/zero".into()), ..swapped };
    assert!(refusal(&endless).contains("cannot read a private key in /dev/zero"));
}

#[test]
fn a_key_given_in_place_of_its_file_is_not_repeated() {
    let (folder, _) = folder();
    let own = files(folder.path(), "own", "own", "ours");
    let key = KeyPair::generate().unwrap().serialize_pem();
    let told = refusal(&TlsFiles { tls_key: Some(key.into()), ..own });
    assert_eq!(
        told,
        "the name of the file with a private key is wanted, not what is in it, which is not shown"
    );
}

#[test]
fn nothing_is_read_where_nothing_is_named() {
    assert!(TlsFiles::default().read().unwrap().is_none());
    let (folder, _ours) = folder();
    let mut files = files(folder.path(), "own", "own", "ours");
    (files.tls_cert, files.tls_key) = (None, None);
    let caller = files.read().unwrap().unwrap();
    assert!(caller.server(Callers::Anyone).unwrap().is_none(), "who only calls has no port");
}

/// One side's bytes to the other.
fn carry(
    from: &mut dyn FnMut(&mut Vec<u8>) -> io::Result<usize>,
    to: &mut dyn FnMut(&mut &[u8]) -> io::Result<usize>,
) {
    let mut bytes = Vec::new();
    while from(&mut bytes).unwrap() > 0 {}
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        to(&mut rest).unwrap();
    }
}

/// Lets two sides agree on keys; which of them says no, and why.
fn agree(server: Arc<ServerConfig>, client: ClientConfig, host: &str) -> Result<(), String> {
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    for _ in 0..5 {
        carry(&mut |bytes| client.write_tls(bytes), &mut |bytes| server.read_tls(bytes));
        server.process_new_packets().map_err(|error| format!("server: {error:?}"))?;
        carry(&mut |bytes| server.write_tls(bytes), &mut |bytes| client.read_tls(bytes));
        client.process_new_packets().map_err(|error| format!("client: {error:?}"))?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    assert_eq!(client.alpn_protocol(), Some(&b"http/1.1"[..]));
    Ok(())
}

#[test]
fn only_who_is_vouched_for_is_believed() {
    let (folder, _ours) = folder();
    let path = folder.path();
    let own = tls(path, "own", "ours");
    let anyone = own.server(Callers::Anyone).unwrap().unwrap();
    let known = own.server(Callers::Known).unwrap().unwrap();
    let mut stranger = files(path, "own", "own", "ours");
    (stranger.tls_cert, stranger.tls_key) = (None, None);
    let stranger = stranger.read().unwrap().unwrap();
    let foreign = tls(path, "foreign", "theirs");
    let client = |tls: &toystore_tls::Tls| tls.client().unwrap();

    assert_eq!(agree(anyone.clone(), client(&stranger), "localhost"), Ok(()));
    assert_eq!(agree(known.clone(), client(&own), "localhost"), Ok(()));
    for (server, caller, host, why) in [
        (&anyone, client(&stranger), "elsewhere", "client: InvalidCertificate(NotValidForName"),
        (&anyone, client(&foreign), "localhost", "client: InvalidCertificate(UnknownIssuer"),
        (&anyone, nobody().unwrap(), "localhost", "client: InvalidCertificate(UnknownIssuer"),
        (&known, client(&stranger), "localhost", "server: NoCertificatesPresented"),
    ] {
        let refused = agree(server.clone(), caller, host).unwrap_err();
        assert!(refused.starts_with(why), "{why}: {refused}");
    }
    // It believes this side, and shows what another authority has signed.
    let both = std::fs::read_to_string(at(path, "ours.crt")).unwrap()
        + &std::fs::read_to_string(at(path, "theirs.crt")).unwrap();
    std::fs::write(at(path, "both.crt"), both).unwrap();
    let refused = agree(known, client(&tls(path, "foreign", "both")), "localhost").unwrap_err();
    assert!(refused.starts_with("server: InvalidCertificate(UnknownIssuer"), "{refused}");
}

/// Runs the script that makes certificates for tests; whether it succeeded, and what it complained of.
fn certs(folder: &Path, args: &[&str]) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/certs.sh");
    let output = Command::new(script).arg(folder).args(args).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn openssl(folder: &Path, args: &str) -> bool {
    let args = args.split_whitespace();
    Command::new("openssl").args(args).current_dir(folder).output().unwrap().status.success()
}

#[test]
fn an_authority_for_tests_outlives_what_it_signs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_eq!(certs(folder, &["--only", "a", "--days", "1"]), (true, String::new()));
    let ten_years = 3650 * 24 * 3600;
    assert!(openssl(folder, &format!("x509 -in ca.crt -noout -checkend {ten_years}")));
    // What it signs longer is believed as long.
    assert_eq!(certs(folder, &["--only", "b", "--days", "3650"]), (true, String::new()));
    assert!(openssl(folder, "verify -CAfile ca.crt a.crt b.crt"));

    assert!(openssl(folder, "req -new -key ca.key -subj /CN=old -out old.csr"));
    assert!(openssl(folder, "x509 -req -in old.csr -signkey ca.key -days -1 -out ca.crt"));
    let (signed, why) = certs(folder, &["--only", "c"]);
    assert!(!signed && why.contains("remove ca.crt and ca.key"), "{why}");
    assert!(!folder.join("c.crt").exists());
}
