//! What is never printed: a password in an address, and a token that was given where the name of
//! its file belongs.

use std::path::Path;

/// How files with tokens are named when nobody chooses.
const TOKEN_FILE: &str = ".token";

/// In the first line of a private key in PEM form.
const KEY: &str = "PRIVATE KEY-----";

/// Whether a value has a name or a password in it, as addresses may, or a query, or is a private key.
#[must_use]
pub fn holds_a_secret(value: &str) -> bool {
    if value.contains(KEY) {
        return true;
    }
    let with_name = value.rsplit_once('@').is_some_and(|(before, _)| before.contains(':'));
    with_name || value.split_once("://").is_some_and(|(_, rest)| rest.contains('?'))
}

/// What may be printed of a text that should have been an address.
#[must_use]
pub fn masked(text: &str) -> String {
    if text.contains(KEY) {
        return "…".to_owned();
    }
    if !text.contains(['@', '?']) {
        return text.to_owned();
    }
    let plain = |scheme: &&str| scheme.bytes().all(|b| b.is_ascii_alphanumeric());
    let scheme = text.split_once("://").map(|(scheme, _)| scheme).filter(plain);
    scheme.map_or_else(|| "…".to_owned(), |scheme| format!("{scheme}://…"))
}

/// Whether a text that was given as the name of a token's file may be printed: it looks like one.
#[must_use]
pub fn names_a_file(path: &Path) -> bool {
    let folder =
        path.parent().filter(|folder| folder.file_name().is_some() || *folder == Path::new("."));
    path.symlink_metadata().is_ok()
        || folder.is_some_and(Path::is_dir)
        || path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(TOKEN_FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_passwords_and_queries_are_not_shown() {
        for (text, shown) in [
            ("http://user:secret@host:1", "http://…"),
            ("http://secret@host:1", "http://…"),
            ("http://user:se/cr@et@host", "http://…"),
            ("http://host:1/?token=secret", "http://…"),
            ("user:secret@host:1", "…"),
            ("user:secret://a@host", "…"),
            ("secret@host:1", "…"),
            ("127.0.0.1", "127.0.0.1"),
            ("http://host", "http://host"),
            ("-----BEGIN EC PRIVATE KEY-----\nsecret", "…"),
        ] {
            assert_eq!(masked(text), shown);
        }
        assert!(holds_a_secret("--catalog=http://secret@host") && holds_a_secret("u:secret@h"));
        assert!(holds_a_secret("-----BEGIN PRIVATE KEY-----\nsecret"));
        assert!(!holds_a_secret("/home/me@work/data") && !holds_a_secret("127.0.0.1:6060"));
    }

    #[test]
    fn only_what_looks_like_a_file_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        for file in [folder.path(), &folder.path().join("none"), Path::new("./none")] {
            assert!(names_a_file(file), "{}", file.display());
        }
        assert!(names_a_file(Path::new("data/run/cluster.token")));
        for token in ["0123456789abcdef", "abc/def+ghi/jkl==", "/abcdefghijklmno", "", "a.b.c"] {
            assert!(!names_a_file(Path::new(token)), "{token}");
        }
        assert!(!names_a_file(Path::new(&"x".repeat(1000))));
    }
}
