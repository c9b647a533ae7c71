//! The one place that turns values and refusals into HTTP.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use toystore_domain::Refusal;
use toystore_domain::api::{Data, Failure, FailureBody};
pub use warp::reply::Response;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `{"data": …}` with the given status.
pub fn data<T: Serialize>(status: StatusCode, value: &T) -> Response {
    bytes_of(value).map_or_else(internal_error, |body| json(status, body))
}

/// The body `{"data": …}`; none, and a line in the log, if the value cannot be written as JSON.
pub fn bytes_of<T: Serialize>(value: &T) -> Option<Bytes> {
    match serde_json::to_vec(&Data { data: value }) {
        Ok(body) => Some(line(body)),
        Err(error) => {
            tracing::error!(%error, "a reply cannot be written as JSON");
            None
        }
    }
}

/// `{"error": …}` with the refusal's status and headers.
pub fn refuse(refusal: &Refusal) -> Response {
    let mut response = json(status(refusal), line(body(&Failure::from(refusal))));
    response.headers_mut().extend(headers(refusal));
    response
}

/// The answer to a request, whichever way it went.
pub fn answer<T: Serialize>(outcome: Result<T, Refusal>) -> Response {
    match outcome {
        Ok(value) => data(StatusCode::OK, &value),
        Err(refusal) => refuse(&refusal),
    }
}

/// The answer when the fault is this process's own: a handler that panicked.
pub fn internal_error() -> Response {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let message = "internal error; the outcome is unknown".to_owned();
    json(status, line(body(&Failure { error: FailureBody { code: status.as_u16(), message } })))
}

/// A refusal as bytes for a connection on which HTTP has not begun; the connection is then closed.
pub(crate) fn refuse_raw(refusal: &Refusal) -> Vec<u8> {
    let body = body(&Failure::from(refusal));
    let mut lines = vec![format!("HTTP/1.1 {}", status(refusal))];
    lines.push("content-type: application/json".to_owned());
    lines.push(format!("content-length: {}", body.len()));
    lines.push("connection: close".to_owned());
    if let Some(seconds) = refusal.retry_after() {
        lines.push(format!("retry-after: {seconds}"));
    }
    let mut bytes = lines.join("\r\n").into_bytes();
    bytes.extend(b"\r\n\r\n");
    bytes.extend(body);
    bytes
}

/// A JSON body with the given status.
pub fn json(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// Ends with a newline, for whoever reads it in a terminal.
fn line(mut body: Vec<u8>) -> Bytes {
    body.push(b'\n');
    body.into()
}

fn status(refusal: &Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn body(failure: &Failure) -> Vec<u8> {
    // Two plain fields always serialise; an empty body would still carry the status.
    serde_json::to_vec(failure).unwrap_or_default()
}

fn headers(refusal: &Refusal) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    if let Some(seconds) = refusal.retry_after() {
        set(RETRY_AFTER, &seconds.to_string());
    }
    match refusal {
        Refusal::MethodNotAllowed(methods) => set(ALLOW, methods),
        Refusal::Unauthorized => set(WWW_AUTHENTICATE, "Bearer"),
        _ => {}
    }
    headers
}
