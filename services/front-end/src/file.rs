//! A file inside the program: served with an entity tag made of its content, and revalidated.

use bytes::Bytes;
use toystore_host::reply::Response;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use warp::http::{HeaderMap, StatusCode};

use crate::requests::has_already;

/// Kept by the client, but asked for each time: the next build may bring another.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// A file with its entity tag.
#[derive(Debug)]
pub struct File {
    content: Bytes,
    kind: HeaderValue,
    tag: String,
    headers: &'static [(HeaderName, &'static str)],
}

impl File {
    /// Content of this kind. `headers` come with each reply, also with a 304.
    #[must_use]
    pub fn new(
        kind: &'static str,
        content: &'static [u8],
        headers: &'static [(HeaderName, &'static str)],
    ) -> Self {
        let tag = format!("\"{}\"", &blake3::hash(content).to_hex()[..16]);
        let kind = HeaderValue::from_static(kind);
        Self { content: Bytes::from_static(content), kind, tag, headers }
    }

    /// The reply to a request with these headers: 304 when the client has this version already.
    #[must_use]
    pub fn reply(&self, asked: &HeaderMap) -> Response {
        let mut response = Response::default();
        if has_already(asked, &self.tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            *response.body_mut() = self.content.clone().into();
            response.headers_mut().insert(CONTENT_TYPE, self.kind.clone());
        }
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, NO_CACHE);
        headers.extend(HeaderValue::from_str(&self.tag).map(|tag| (ETAG, tag)));
        let more = self.headers.iter();
        headers.extend(more.map(|(name, value)| (name.clone(), HeaderValue::from_static(value))));
        response
    }
}
