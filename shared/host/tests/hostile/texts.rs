//! What an operator writes: addresses, lists of replicas, files with tokens.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::collection::vec;
use proptest::prelude::*;
use toystore_domain::Refusal;
use toystore_host::tokens::{MAX_TOKEN_CHARS, MIN_TOKEN_CHARS};
use toystore_host::{Address, AdminToken, ClusterConfig, ClusterToken};

use crate::cases;

/// Texts near an address, and texts far from one.
fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9._-]{0,8}:[0-9]{0,6}",
        "[ -~é]{1,6}:[0-9]{1,4}",
        "(\\[[0-9a-f:.]{0,12}\\]|[ -~]{0,8}):[ -~]{0,6}",
        "[\\[\\]:/@ %+0-9a-f]{0,16}",
    ]
}

fn replicas() -> impl Strategy<Value = String> {
    let entry = prop_oneof![
        3 => ("[0-9]", "[a-c]", 1_u16..4).prop_map(|(id, host, port)| format!("{id}={host}:{port}")),
        1 => ("[0-9a+ -]{0,3}", "[= ]{0,2}", address()).prop_map(|(id, is, at)| id + &is + &at),
    ];
    vec(entry, 0..6).prop_map(|entries| entries.join(","))
}

/// The rule for tokens once more, written differently.
fn is_token(content: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(content) else { return false };
    let text = text.trim();
    let visible = text.chars().all(|c| ('!'..='~').contains(&c));
    visible && (MIN_TOKEN_CHARS..=MAX_TOKEN_CHARS).contains(&text.len())
}

fn token_file() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..60),
        "[ \n]{0,3}[!-~]{0,40}[ \n\t]{0,3}".prop_map(String::into_bytes),
        (1000_usize..1100).prop_map(|length| vec![b'x'; length]),
        any::<String>().prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn an_address_is_refused_or_kept_as_it_is(text in address()) {
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(address.as_str(), &text);
            let (host, port) = text.rsplit_once(':').unwrap();
            prop_assert!(!host.is_empty() && port.parse::<u16>().is_ok());
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:[]".contains(&b)));
            let json = serde_json::to_string(&address).unwrap();
            prop_assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), address);
        }
    }

    #[test]
    fn a_list_of_replicas_is_refused_or_survives_the_round_trip(text in replicas()) {
        if let Ok(config) = text.parse::<ClusterConfig>() {
            prop_assert!(config.replicas.keys().all(|id| (1..=9).contains(&id.0)));
            prop_assert_eq!(config.replicas.len(), text.split(',').count());
            prop_assert_eq!(config.to_string().parse::<ClusterConfig>(), Ok(config));
        }
    }

    #[test]
    fn a_token_file_holds_a_token_or_is_refused(content in token_file()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, &content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        prop_assert_eq!(ClusterToken::read(&path).is_ok(), is_token(&content));
        prop_assert_eq!(AdminToken::read(&path).is_ok(), is_token(&content));
    }

    #[test]
    fn only_the_token_itself_gets_in(given in any::<String>(), near in "(?i:bearer)? {0,2}[0-9a-f]{0,20}") {
        let token = ClusterToken::new("0123456789abcdef").unwrap();
        for header in [given, near] {
            let words: Vec<_> = header.split_whitespace().collect();
            let right = words.len() == 2
                && words[0].eq_ignore_ascii_case("bearer")
                && words[1] == "0123456789abcdef";
            let checked = token.matches(Some(&header));
            prop_assert!(checked.is_err() || right, "{header:?} got in");
            let refusals = [Refusal::Unauthorized, Refusal::Forbidden];
            prop_assert!(checked.err().is_none_or(|refusal| refusals.contains(&refusal)));
        }
    }
}

/// As `/dev/zero` would be, were it named as a token.
#[test]
fn a_huge_token_file_costs_no_memory() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(256 << 20).unwrap();
    let used = allocation_counter::measure(|| {
        assert!(ClusterToken::read(file.path()).is_err());
    });
    assert!(used.bytes_max < 1 << 20, "{used:?}");
}
