//! The two shared secrets: read from files, compared in constant time, never printed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;
use toystore_config::secret::names_a_file;
use toystore_domain::Refusal;

/// Fewest characters of a token.
pub const MIN_TOKEN_CHARS: usize = 16;
/// Most characters of a token: it has to fit into a header.
pub const MAX_TOKEN_CHARS: usize = 1024;
/// Of a token's file no more is read: the token, and blanks around it.
const MAX_TOKEN_FILE_BYTES: u64 = 4 * MAX_TOKEN_CHARS as u64;

/// Why a token file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error(
        "cannot read the token in {}: {error}; a store that runs has one already, and wants to be \
         shown that; to make one for a new store: openssl rand -hex 32 > {}",
        path.display(), path.display()
    )]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// There is no such file, and what was given may be the token itself.
    #[error(
        "{0} wants the name of the file that holds the token, and names no file; what it says is not \
         shown, since it may be the token"
    )]
    NoFile(&'static str),
    /// What the file holds is no token.
    #[error(
        "the token in {} is not {MIN_TOKEN_CHARS} to {MAX_TOKEN_CHARS} visible characters; \
         to make one: openssl rand -hex 32 > {}", .0.display(), .0.display()
    )]
    Unusable(PathBuf),
}

/// What both tokens have in common.
#[derive(Clone)]
struct Secret(Arc<str>);

impl Secret {
    fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let long_enough = (MIN_TOKEN_CHARS..=MAX_TOKEN_CHARS).contains(&text.len());
        let usable = long_enough && text.bytes().all(|b| b.is_ascii_graphic());
        usable.then(|| Self(text.into()))
    }

    fn read(path: &Path, flag: &'static str) -> Result<Self, TokenError> {
        if !names_a_file(path) {
            return Err(TokenError::NoFile(flag));
        }
        let unreadable = |error| TokenError::Unreadable { path: path.to_owned(), error };
        let file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "others may read this token; chmod 600 it");
        }
        // Another file named by mistake may be of any size, or without an end.
        let mut bytes = Vec::new();
        file.take(MAX_TOKEN_FILE_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
        let whole = (bytes.len() as u64) < MAX_TOKEN_FILE_BYTES;
        let text = std::str::from_utf8(&bytes).ok().filter(|_| whole);
        text.and_then(Self::new).ok_or_else(|| TokenError::Unusable(path.to_owned()))
    }

    fn matches(&self, header: Option<&str>) -> Result<(), Refusal> {
        let (scheme, given) = header.and_then(|h| h.split_once(' ')).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::Unauthorized);
        }
        let same = self.0.as_bytes().ct_eq(given.trim().as_bytes());
        if bool::from(same) { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        match (given.next(), given.next()) {
            (Some(one), None) => self.matches(one.to_str().ok()),
            _ => Err(Refusal::Unauthorized),
        }
    }
}

/// Defines a token type of its own, so that the one is never taken for the other.
macro_rules! token {
    ($(#[$doc:meta])* $name:ident, $flag:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Secret);

        impl $name {
            /// Checks and wraps a token; `None` when it is too short, too long, or not visible.
            #[must_use]
            pub fn new(text: &str) -> Option<Self> {
                Secret::new(text).map(Self)
            }

            /// Reads the token in a file, and warns when others may read it too.
            ///
            /// # Errors
            /// The file cannot be read, or holds no token.
            pub fn read(path: &Path) -> Result<Self, TokenError> {
                Secret::read(path, $flag).map(Self)
            }

            /// Compares an `Authorization` header's value, in constant time.
            ///
            /// # Errors
            /// [`Refusal::Unauthorized`] without a bearer token, [`Refusal::Forbidden`] with
            /// another one.
            pub fn matches(&self, header: Option<&str>) -> Result<(), Refusal> {
                self.0.matches(header)
            }

            /// Like `matches`, for all headers of a request: just one `Authorization` counts.
            ///
            /// # Errors
            /// As `matches`.
            pub fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
                self.0.check(headers)
            }

            /// The `Authorization` header to send.
            #[must_use]
            pub fn bearer(&self) -> Option<HeaderValue> {
                let mut value = HeaderValue::try_from(format!("Bearer {}", self.0.0)).ok()?;
                value.set_sensitive(true);
                Some(value)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

token!(
    /// What the store's own processes show each other.
    ClusterToken, "--cluster-token"
);

token!(
    /// What an administrator shows.
    AdminToken, "--admin-token"
);
