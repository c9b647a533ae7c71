//! `/readyz?verbose`: what a process needs, one by one, and what of it is missing.

use http::StatusCode;
use serde::Serialize;
use toystore_domain::Refusal;

use crate::reply::{Response, data, refuse};

/// Something that a process needs to do all its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is.
    pub name: &'static str,
    /// Whether it is there.
    pub ok: bool,
    /// How it is, or why it is missing, for people.
    pub detail: String,
}

impl Check {
    /// It is there, and how it is.
    #[must_use]
    pub fn there(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, ok: true, detail: detail.into() }
    }

    /// It is missing, and why.
    #[must_use]
    pub fn missing(name: &'static str, why: impl Into<String>) -> Self {
        Self { name, ok: false, detail: why.into() }
    }

    /// There or missing.
    #[must_use]
    pub fn of(name: &'static str, outcome: Result<String, String>) -> Self {
        outcome.map_or_else(|why| Self::missing(name, why), |detail| Self::there(name, detail))
    }
}

#[derive(Serialize)]
struct Ready<'a> {
    ready: bool,
    checks: &'a [Check],
}

#[derive(Serialize)]
struct Missing<'a> {
    error: MissingBody<'a>,
}

#[derive(Serialize)]
struct MissingBody<'a> {
    code: u16,
    message: String,
    checks: &'a [Check],
}

/// Whether a query asks for everything: `verbose`, also with a value.
pub(crate) fn is_verbose(query: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next() == Some("verbose"))
}

/// The answer in short.
pub(crate) fn short(ready: Result<(), String>) -> Response {
    match ready {
        Ok(()) => data(StatusCode::OK, &"ready"),
        Err(reason) => refuse(&Refusal::Unavailable(reason)),
    }
}

/// The same answer with everything that was looked at.
pub(crate) fn verbose(ready: Result<(), String>, checks: &[Check]) -> Response {
    match ready {
        Ok(()) => data(StatusCode::OK, &Ready { ready: true, checks }),
        Err(reason) => {
            let refusal = Refusal::Unavailable(reason);
            let (code, message) = (refusal.status(), refusal.to_string());
            let mut response = refuse(&refusal);
            let missing = Missing { error: MissingBody { code, message, checks } };
            // Without the checks the answer is still the right one.
            if let Ok(mut body) = serde_json::to_vec(&missing) {
                body.push(b'\n');
                *response.body_mut() = body.into();
            }
            response
        }
    }
}
