//! What warp turns down, said in the store's own words.

use std::convert::Infallible;

use http::Method;
use toystore_domain::Refusal;
use warp::filters::BoxedFilter;
use warp::reject::{
    InvalidHeader, InvalidQuery, LengthRequired, MissingHeader, PayloadTooLarge, Reject,
    UnsupportedMediaType,
};
use warp::{Filter, Rejection};

use crate::limits::MAX_BODY_BYTES;
use crate::reply::{Response, refuse};

/// A refusal on its way through warp's filters: `warp::reject::custom(Rejected(refusal))`.
#[derive(Debug)]
pub struct Rejected(pub Refusal);

impl Reject for Rejected {}

/// Answers a path that exists when the method does not: 405 with `Allow`.
///
/// To be `or`ed after the routes of that path. `methods` is the header's text, as `"GET, PUT"`;
/// a request with one of these was turned down by its route for another reason, which stands.
pub fn allow(path: BoxedFilter<()>, methods: &'static str) -> BoxedFilter<(Response,)> {
    path.and(warp::method())
        .and_then(move |method: Method| async move {
            if methods.split(',').any(|allowed| allowed.trim() == method.as_str()) {
                return Err(warp::reject());
            }
            // What answers GET answers HEAD, see `serve`.
            let methods = methods.replace("GET", "GET, HEAD");
            Ok(refuse(&Refusal::MethodNotAllowed(methods)))
        })
        .boxed()
}

/// The end of a service's routes: `routes.recover(recover)`. A rejection is never a 500.
///
/// Each path's methods are told by [`allow`]; what is left is therefore a path that is not there,
/// also where warp says "method not allowed" because some other path has that method.
///
/// # Errors
/// None.
pub async fn recover(rejection: Rejection) -> Result<Response, Infallible> {
    Ok(refuse(&reason(&rejection)))
}

fn reason(rejection: &Rejection) -> Refusal {
    if let Some(Rejected(refusal)) = rejection.find() {
        return refusal.clone();
    }
    if rejection.find::<PayloadTooLarge>().is_some() {
        return Refusal::TooLarge(MAX_BODY_BYTES);
    }
    if rejection.find::<UnsupportedMediaType>().is_some() {
        return Refusal::NotJson;
    }
    if let Some(header) = rejection.find::<MissingHeader>() {
        return Refusal::Malformed(header.to_string());
    }
    if let Some(header) = rejection.find::<InvalidHeader>() {
        return Refusal::Malformed(header.to_string());
    }
    if let Some(query) = rejection.find::<InvalidQuery>() {
        return Refusal::Malformed(query.to_string());
    }
    if let Some(length) = rejection.find::<LengthRequired>() {
        return Refusal::Malformed(length.to_string());
    }
    if let Some(body) = rejection.find::<warp::body::BodyDeserializeError>() {
        return Refusal::Malformed(body.to_string());
    }
    Refusal::NotFound
}
