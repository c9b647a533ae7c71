//! Every way to say no, and the one map to HTTP statuses.

use serde::{Deserialize, Serialize};

/// Why a request was not done. Each means that nothing was and will be done for that attempt,
/// except [`Refusal::OutcomeUnknown`] and [`Refusal::ChangeUnknown`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The request is not well formed; the text says what is wrong with it.
    #[error("{0}")]
    Malformed(String),
    /// No or a wrong token was sent along.
    #[error("a token is needed: Authorization: Bearer …")]
    Unauthorized,
    /// The token is not the administrator's.
    #[error("this token does not allow it")]
    Forbidden,
    /// No such product.
    #[error("product not found")]
    ProductNotFound,
    /// No such order; proven, never guessed.
    #[error("order not found")]
    OrderNotFound,
    /// No such page.
    #[error("not found")]
    NotFound,
    /// The path exists, the method does not; the text is the `Allow` header.
    #[error("method not allowed, try {0}")]
    MethodNotAllowed(String),
    /// The client took too long to send its request.
    #[error("the request took too long to arrive")]
    RequestTimeout,
    /// Fewer left than asked for.
    #[error("out of stock")]
    OutOfStock,
    /// The body is too large.
    #[error("body larger than {0} bytes")]
    TooLarge(usize),
    /// The address is too long.
    #[error("address longer than {0} bytes")]
    UriTooLong(usize),
    /// The body is declared as something other than JSON, and is not JSON.
    #[error("the body is not JSON; send a JSON object")]
    NotJson,
    /// The idempotency key was used for another order.
    #[error("this Idempotency-Key was used for another order")]
    KeyReused,
    /// Too many headers, or too long ones.
    #[error("too many or too long headers")]
    HeadersTooLarge,
    /// Too many requests are under way.
    #[error("the store is busy, try again soon")]
    Busy,
    /// Something the request needs is not there now; the text says what.
    #[error("{0}")]
    Unavailable(String),
    /// The order may or may not have been placed.
    #[error("outcome unknown, repeat with the same Idempotency-Key")]
    OutcomeUnknown,
    /// An administrator's change of a product may or may not have been made. Repeated, it could undo
    /// what somebody changed in between.
    #[error("outcome unknown, look at the product before you repeat the change")]
    ChangeUnknown,
    /// The catalog tells a front end of changes under a lease that this front end does not hold.
    #[error("this lease is not held here")]
    NoSuchLease,
}

impl Refusal {
    /// Its HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::ProductNotFound | Self::OrderNotFound | Self::NotFound => 404,
            Self::MethodNotAllowed(_) => 405,
            Self::RequestTimeout => 408,
            Self::OutOfStock | Self::NoSuchLease => 409,
            Self::TooLarge(_) => 413,
            Self::UriTooLong(_) => 414,
            Self::NotJson => 415,
            Self::KeyReused => 422,
            Self::HeadersTooLarge => 431,
            Self::Busy | Self::Unavailable(_) => 503,
            Self::OutcomeUnknown | Self::ChangeUnknown => 504,
        }
    }

    /// After how many seconds a client should try again, where that makes sense.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Busy | Self::Unavailable(_) | Self::OutcomeUnknown | Self::ChangeUnknown => {
                Some(1)
            }
            _ => None,
        }
    }
}
