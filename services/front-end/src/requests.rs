//! What a request says, read strictly: what is not plainly meant is refused, never guessed.

use percent_encoding::percent_decode;
use serde::{Deserialize, Deserializer};
use toystore_coherence::messages::PutProduct;
use toystore_domain::amounts::MAX_STOCK;
use toystore_domain::names::{MAX_KEY_BYTES, MAX_NAME_BYTES};
use toystore_domain::{Cents, OrderKey, OrderNumber, ProductName, Purchase, Quantity, Refusal};
use toystore_host::ambient::{NoRandomness, random};
use toystore_host::limits::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX};

use crate::orders::no_randomness;

/// The body of `POST /orders`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderBody {
    name: String,
    quantity: u64,
}

/// The body of `PUT /products/<name>`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductBody {
    #[serde(default, deserialize_with = "present")]
    price: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    quantity: Option<u64>,
}

/// A field that is there has a value: `null` is none.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl OrderBody {
    /// What is to be bought, under this key.
    ///
    /// # Errors
    /// The name or the quantity is none.
    pub fn purchase(self, key: OrderKey) -> Result<Purchase, Refusal> {
        let product = product_name(&self.name)?;
        let quantity = Quantity::new(self.quantity)
            .ok_or_else(|| malformed("the quantity is not a whole number from 1 to 1000000"))?;
        Ok(Purchase { key, product, quantity })
    }
}

impl ProductBody {
    /// The change of this product.
    ///
    /// # Errors
    /// Nothing changes, or the price or the stock is none.
    pub fn change(self, name: ProductName) -> Result<PutProduct, Refusal> {
        if self.price.is_none() && self.quantity.is_none() {
            return Err(malformed("give a price, a quantity, or both"));
        }
        let price = self.price.map(|price| {
            let wrong = "the price is not a decimal from 0 to 10000000 with at most two decimals";
            Cents::from_decimal(price).ok_or_else(|| malformed(wrong))
        });
        if self.quantity.is_some_and(|stock| stock > MAX_STOCK) {
            return Err(Refusal::Malformed(format!("the quantity is above {MAX_STOCK}")));
        }
        Ok(PutProduct { name, price: price.transpose()?, stock: self.quantity })
    }
}

fn malformed(text: &str) -> Refusal {
    Refusal::Malformed(text.to_owned())
}

fn product_name(text: &str) -> Result<ProductName, Refusal> {
    ProductName::new(text).ok_or_else(|| {
        let rule = "without control characters";
        Refusal::Malformed(format!("a product name has 1 to {MAX_NAME_BYTES} bytes {rule}"))
    })
}

/// Reads a product's name out of a path segment.
///
/// # Errors
/// The encoding or the name is none.
pub fn name_in_path(segment: &str) -> Result<ProductName, Refusal> {
    product_name(&decode(segment)?)
}

/// Percent-decodes strictly: a `%` that two hex digits do not follow is refused, not kept.
fn decode(text: &str) -> Result<String, Refusal> {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        rest = &rest[at + 1..];
        if !(rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit)) {
            return Err(malformed("a % in the address is not followed by two hex digits"));
        }
    }
    let decoded = percent_decode(text.as_bytes()).decode_utf8();
    decoded.map(Into::into).map_err(|_| malformed("the address is not UTF-8"))
}

/// Reads an order's number out of a path segment.
///
/// # Errors
/// What is no number is no order either.
pub fn number_in_path(segment: &str) -> Result<OrderNumber, Refusal> {
    OrderNumber::parse(segment).ok_or(Refusal::OrderNotFound)
}

/// The `Idempotency-Key` of a request, or a random one.
///
/// # Errors
/// There is more than one, or it is none.
pub fn order_key(headers: &warp::http::HeaderMap) -> Result<OrderKey, Refusal> {
    let mut given = headers.get_all("idempotency-key").iter();
    match (given.next(), given.next()) {
        (None, _) => random_key(),
        (Some(_), Some(_)) => Err(malformed("send one Idempotency-Key")),
        (Some(key), None) => key.to_str().ok().and_then(OrderKey::new).ok_or_else(|| {
            let rule = "visible ASCII characters without blanks";
            Refusal::Malformed(format!("an Idempotency-Key has 1 to {MAX_KEY_BYTES} {rule}"))
        }),
    }
}

fn random_key() -> Result<OrderKey, Refusal> {
    let half = || random().map_err(no_randomness);
    let key = format!("{:016x}{:016x}", half()?, half()?);
    OrderKey::new(&key).ok_or_else(|| no_randomness(NoRandomness))
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What comes after this.
    pub after: T,
    /// At most so many.
    pub limit: u32,
}

/// Reads the page of products out of a query.
///
/// # Errors
/// A value is none, or given twice. Other parameters are ignored.
pub fn products_page(query: &str) -> Result<Page<Option<ProductName>>, Refusal> {
    let (after, limit) = page(query)?;
    Ok(Page { after: after.map(|text| product_name(&text)).transpose()?, limit })
}

/// Reads the page of orders out of a query.
///
/// # Errors
/// A value is none, or given twice. Other parameters are ignored.
pub fn orders_page(query: &str) -> Result<Page<OrderNumber>, Refusal> {
    let (after, limit) = page(query)?;
    let after = match after.as_deref() {
        None | Some("0") => OrderNumber::ZERO,
        Some(text) => {
            OrderNumber::parse(text).ok_or_else(|| malformed("after is not an order number"))?
        }
    };
    Ok(Page { after, limit })
}

fn page(query: &str) -> Result<(Option<String>, u32), Refusal> {
    let after = parameter(query, "after")?;
    let limit = match parameter(query, "limit")? {
        None => PAGE_LIMIT_DEFAULT,
        Some(text) => {
            number(&text).filter(|n| (1..=PAGE_LIMIT_MAX).contains(n)).ok_or_else(|| {
                Refusal::Malformed(format!("limit is not a number from 1 to {PAGE_LIMIT_MAX}"))
            })?
        }
    };
    Ok((after, u32::try_from(limit).unwrap_or(u32::MAX)))
}

/// A number in its canonical form only, like an order's.
fn number(text: &str) -> Option<usize> {
    usize::try_from(OrderNumber::parse(text)?.0).ok()
}

/// The value of a parameter, in the encoding of forms.
fn parameter(query: &str, name: &str) -> Result<Option<String>, Refusal> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => decode(&value.replace('+', " ")).map(Some),
        (Some(_), Some(_)) => Err(Refusal::Malformed(format!("{name} is given twice"))),
    }
}

/// Whether the client has this version already: one of the tags in `If-None-Match`.
#[must_use]
pub fn has_already(headers: &warp::http::HeaderMap, tag: &str) -> bool {
    let given = headers.get_all("if-none-match").iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).map(str::trim).any(|candidate| {
        candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == tag
    })
}

#[cfg(test)]
mod tests;
