//! The description of the public API, `openapi.json`, as it is served: embedded, and revalidated.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use toystore_host::reply::{Response, json};
use warp::http::header::{CACHE_CONTROL, ETAG, HeaderValue};
use warp::http::{HeaderMap, StatusCode};

use crate::requests::has_already;

/// The document; every public route is in it, which the tests of the API hold against each reply.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// The document with its entity tag. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Document {
    tag: String,
    etag: Option<HeaderValue>,
}

impl Document {
    /// Tags the document by its content.
    #[must_use]
    pub fn new() -> Self {
        let mut hasher = DefaultHasher::new();
        OPENAPI.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish());
        let etag = HeaderValue::from_str(&tag).ok();
        Self { tag, etag }
    }

    /// The reply to a request with these headers: 304 when the client has this version already.
    #[must_use]
    pub fn reply(&self, headers: &HeaderMap) -> Response {
        let mut response = if has_already(headers, &self.tag) {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            json(StatusCode::OK, Bytes::from_static(OPENAPI.as_bytes()))
        };
        response.headers_mut().extend(self.etag.clone().map(|etag| (ETAG, etag)));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

impl Default for Document {
    fn default() -> Self {
        Self::new()
    }
}
