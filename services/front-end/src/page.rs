//! A product as customers get it: the reply's bytes, written once and sent to everyone who asks.

use std::sync::Arc;

use bytes::Bytes;
use toystore_domain::Product;
use toystore_domain::api::ProductBody;
use toystore_host::reply::{Response, bytes_of, internal_error, json};
use warp::http::header::{ETAG, HeaderValue};
use warp::http::{HeaderMap, StatusCode};

use crate::requests;

/// A product and its reply. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Page(Arc<Written>);

#[derive(Debug)]
struct Written {
    product: Product,
    /// The entity tag, without and with its header.
    tag: String,
    etag: Option<HeaderValue>,
    /// None only if the product could not be written as JSON.
    body: Option<Bytes>,
}

impl Page {
    /// Writes a product's reply.
    #[must_use]
    pub fn of(product: Product) -> Self {
        let tag = format!("\"{}\"", product.version.0);
        let etag = HeaderValue::from_str(&tag).ok();
        let body = bytes_of(&ProductBody::from(&product));
        Self(Arc::new(Written { product, tag, etag, body }))
    }

    /// The product.
    #[must_use]
    pub fn product(&self) -> &Product {
        &self.0.product
    }

    /// The reply to a request with these headers: 304 when the client has this version already.
    #[must_use]
    pub fn reply(&self, headers: &HeaderMap) -> Response {
        let mut response = match &self.0.body {
            _ if requests::has_already(headers, &self.0.tag) => {
                let mut response = Response::default();
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                response
            }
            Some(body) => json(StatusCode::OK, body.clone()),
            None => return internal_error(),
        };
        response.headers_mut().extend(self.0.etag.clone().map(|etag| (ETAG, etag)));
        response
    }
}
