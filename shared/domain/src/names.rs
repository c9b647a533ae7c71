//! What a product name and an idempotency key may be.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::amounts::OutOfBounds;

/// Longest product name, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 200;
/// Longest idempotency key, in bytes.
pub const MAX_KEY_BYTES: usize = 255;

/// Defines a checked, cheaply cloned text type: both have the same laws but for `valid`.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and wraps `text`; `None` when it breaks the type's rule.
            #[must_use]
            pub fn new(text: &str) -> Option<Self> {
                let valid: fn(&str) -> bool = $valid;
                valid(text).then(|| Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = OutOfBounds;
            fn try_from(text: String) -> Result<Self, OutOfBounds> {
                Self::new(&text).ok_or(OutOfBounds)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }
    };
}

checked_text!(
    /// A product's name: 1 to [`MAX_NAME_BYTES`] bytes without control characters.
    ProductName,
    |text| (1..=MAX_NAME_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
);

checked_text!(
    /// An idempotency key: 1 to [`MAX_KEY_BYTES`] visible ASCII characters.
    ///
    /// After draft-ietf-httpapi-idempotency-key-header, which leaves the syntax to the server.
    OrderKey,
    |text| (1..=MAX_KEY_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_bounds() {
        let longest = "é".repeat(100);
        let too_long = "x".repeat(201);
        for (text, allowed) in [
            ("Tux", true),
            ("Connect Four", true),
            (longest.as_str(), true),
            ("", false),
            (too_long.as_str(), false),
            ("a\nb", false),
            ("a\u{85}b", false),
        ] {
            assert_eq!(ProductName::new(text).is_some(), allowed, "{text:?}");
        }
    }

    #[test]
    fn keys_are_visible_ascii() {
        let longest = "k".repeat(255);
        let too_long = "k".repeat(256);
        for (text, allowed) in [
            ("a-1", true),
            (longest.as_str(), true),
            ("", false),
            (too_long.as_str(), false),
            ("a b", false),
            ("é", false),
        ] {
            assert_eq!(OrderKey::new(text).is_some(), allowed, "{text:?}");
        }
    }
}
