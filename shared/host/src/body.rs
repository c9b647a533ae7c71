//! Reading request bodies: counted while they stream, within a time limit, strictly JSON.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde::de::DeserializeOwned;
use serde_json::Value;
use toystore_domain::Refusal;
use warp::Filter;
use warp::filters::BoxedFilter;

use crate::limits::{BODY_READ_TIMEOUT, MAX_BODY_BYTES};

/// Reads a whole body of at most `limit` bytes, chunked or not.
///
/// # Errors
/// [`Refusal::TooLarge`] at once when the headers announce too much, else as soon as too much
/// came; [`Refusal::RequestTimeout`]; [`Refusal::Malformed`] when the body breaks off.
pub async fn read_limited<S, B, E>(
    headers: &HeaderMap,
    body: S,
    limit: usize,
    timeout: Duration,
) -> Result<Bytes, Refusal>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > limit as u64) {
        return Err(Refusal::TooLarge(limit));
    }
    tokio::time::timeout(timeout, collect(body, limit))
        .await
        .map_err(|_| Refusal::RequestTimeout)?
}

async fn collect<S, B, E>(body: S, limit: usize) -> Result<Bytes, Refusal>
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| Refusal::Malformed("the body broke off".to_owned()))?;
        if whole.len() + piece.remaining() > limit {
            return Err(Refusal::TooLarge(limit));
        }
        bytes::BufMut::put(&mut whole, piece);
    }
    Ok(whole.freeze())
}

/// Reads a public JSON body within [`MAX_BODY_BYTES`] and [`BODY_READ_TIMEOUT`].
///
/// # Errors
/// Those of [`read_limited`] and [`json_body`].
pub async fn read_json_body<T, S, B, E>(headers: &HeaderMap, body: S) -> Result<T, Refusal>
where
    T: DeserializeOwned,
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let bytes = read_limited(headers, body, MAX_BODY_BYTES, BODY_READ_TIMEOUT).await?;
    let content_type = headers.get(CONTENT_TYPE).map(|v| v.to_str().unwrap_or("unreadable"));
    json_body(content_type, &bytes)
}

/// Reads a JSON object out of a whole body.
///
/// The body counts, not its declaration: a client that forgets the header is served. Anything but
/// an object is refused, also where a sequence could stand for one; so are duplicate fields (by
/// the derived decoder) and deep nesting, also inside fields that `T` does not know.
///
/// # Errors
/// [`Refusal::NotJson`] when it is declared as something else and is no JSON; else
/// [`Refusal::Malformed`].
pub fn json_body<T: DeserializeOwned>(
    content_type: Option<&str>,
    body: &[u8],
) -> Result<T, Refusal> {
    let malformed = |error: serde_json::Error| Refusal::Malformed(error.to_string());
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(_)) => serde_json::from_slice(body).map_err(malformed),
        Ok(_) => Err(Refusal::Malformed("send a JSON object".to_owned())),
        Err(_) if content_type.is_some_and(|declared| !is_json(declared)) => Err(Refusal::NotJson),
        Err(error) => Err(malformed(error)),
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

/// A filter that reads a public JSON body; it never rejects, the handler gets the refusal.
pub fn json<T: DeserializeOwned + Send + 'static>() -> BoxedFilter<(Result<T, Refusal>,)> {
    warp::header::headers_cloned()
        .and(warp::body::stream())
        .then(|headers: HeaderMap, body| async move { read_json_body(&headers, body).await })
        .boxed()
}
