//! Tokens: which files hold one, and who gets past it.

// Helpers of tests may fail by panicking, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use toystore_domain::Refusal;
use toystore_host::{AdminToken, ClusterToken};

const TOKEN: &str = "0123456789abcdef";

#[test]
fn only_a_token_of_visible_characters_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    assert!(ClusterToken::read(&path).is_err());
    for (content, usable) in [
        (format!("  {TOKEN}\n"), true),
        (TOKEN[..15].to_owned(), false),
        (String::new(), false),
        ("two words, more than 16".to_owned(), false),
        ("ééééééééééééééééé".to_owned(), false),
        ("x".repeat(1025), false),
    ] {
        fs::write(&path, &content).unwrap();
        assert_eq!(ClusterToken::read(&path).is_ok(), usable, "{content}");
        assert_eq!(AdminToken::read(&path).is_ok(), usable, "{content}");
    }
}

#[test]
fn only_the_very_token_passes() {
    let token = AdminToken::new(TOKEN).unwrap();
    assert_eq!(token.matches(Some("Bearer 0123456789abcdef")), Ok(()));
    assert_eq!(token.matches(Some("bearer 0123456789abcdef")), Ok(()));
    for none in [None, Some(""), Some(TOKEN), Some("Basic 0123456789abcdef"), Some("Bearer")] {
        assert_eq!(token.matches(none), Err(Refusal::Unauthorized), "{none:?}");
    }
    for wrong in ["Bearer ", "Bearer 0123456789abcde", "Bearer 0123456789abcdeF"] {
        assert_eq!(token.matches(Some(wrong)), Err(Refusal::Forbidden), "{wrong}");
    }
}

#[test]
fn a_token_is_never_printed() {
    let token = ClusterToken::new(TOKEN).unwrap();
    let printed = format!("{token:?} {:?}", token.bearer().unwrap());
    assert!(!printed.contains(TOKEN), "{printed}");
    // Given in place of its file's name.
    let told = ClusterToken::read(TOKEN.as_ref()).unwrap_err();
    assert!(!format!("{told} {told:?}").contains(TOKEN), "{told}");
    assert!(told.to_string().starts_with("--cluster-token wants the name of the file"), "{told}");
    let told = AdminToken::read("data/run/admin.token".as_ref()).unwrap_err();
    assert!(told.to_string().contains("cannot read the token in data/run/admin.token"), "{told}");
}
