//! What clients saw of the store, and what was left of it in the end.
//!
//! A [`Call`] is one exchange of a client with a front end. The [`Rest`] is read out when all is
//! quiet; it decides what became of calls whose outcome nobody was told. The checkers in
//! [`checks`](crate::checks) need nothing else, whether the calls were made of real processes or
//! of simulated ones.

use std::collections::BTreeMap;
use std::fmt;

use toystore_domain::{Books, Order, OrderNumber, Product, ProductName, Purchase, Version};

/// An instant. Of two events the earlier has the smaller moment, and no two have the same: the
/// nanoseconds of one clock with ties broken, or the sequence numbers of a simulator. Moments are
/// above zero, which stands for "before everything".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// Before everything.
    pub const START: Self = Self(0);
    /// After everything.
    pub const END: Self = Self(u64::MAX);
}

/// One call of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The number of the front end that was asked.
    pub front_end: u8,
    /// Before the request was sent.
    pub begun: Moment,
    /// After the answer arrived; none when none ever did.
    pub ended: Option<Moment>,
    /// What was asked, and answered.
    pub what: What,
}

impl Call {
    /// When the answer was there; the end of time when there was none.
    #[must_use]
    pub fn end(&self) -> Moment {
        self.ended.unwrap_or(Moment::END)
    }
}

/// What was asked, and answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// An attempt to place an order. The same key may be tried again, with another body too.
    Place {
        /// What was to be bought.
        purchase: Purchase,
        /// What the client was told.
        outcome: Placing,
    },
    /// A look at one order.
    ReadOrder {
        /// Its number.
        number: OrderNumber,
        /// What the client was told.
        outcome: OrderRead,
    },
    /// A look at the orders above a number.
    ListOrders {
        /// They come after this one.
        after: OrderNumber,
        /// At most so many.
        limit: u32,
        /// The page; none when the store could not say.
        page: Option<Vec<Order>>,
    },
    /// A look at a product.
    LookUp {
        /// Its name.
        product: ProductName,
        /// What the client was told.
        outcome: ProductRead,
    },
}

/// What became of an attempt to place an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placing {
    /// The order has this number.
    Placed(OrderNumber),
    /// Nothing was and will be done for this attempt.
    Refused(Why),
    /// No answer, or one that does not say.
    Unknown,
}

/// Why an attempt was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// There were fewer left.
    OutOfStock,
    /// There is no such product.
    ProductNotFound,
    /// The key was used for another body.
    KeyReused,
    /// No leader, no catalog, too few in sync, or too much to do.
    Unavailable,
}

/// What a look at one order showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderRead {
    /// The order.
    Found(Order),
    /// There was none of this number at some moment of the call.
    NotFound,
    /// The store could not say, or nobody knows what it said.
    Unavailable,
}

/// What a look at a product showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProductRead {
    /// The product.
    Found(Product),
    /// There was none of this name at some moment of the call.
    NotFound,
    /// The store could not say, or nobody knows what it said.
    Unavailable,
}

/// What was left when all was quiet: nobody calls, every replica is in sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// All orders; the one with number `n` is at `n - 1`.
    pub log: Vec<Purchase>,
    /// So many of them were there before the first call began.
    pub before: usize,
    /// The catalog.
    pub products: BTreeMap<ProductName, Shelf>,
}

impl Rest {
    /// The order of this number.
    #[must_use]
    pub fn order(&self, number: OrderNumber) -> Option<&Purchase> {
        let at = usize::try_from(number.0).ok()?.checked_sub(1)?;
        self.log.get(at)
    }

    /// All orders with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (OrderNumber, &Purchase)> {
        (1..).map(OrderNumber).zip(&self.log)
    }

    /// Whether the order was there before the first call began.
    #[must_use]
    pub fn is_old(&self, number: OrderNumber) -> bool {
        number.0 <= self.before as u64
    }
}

/// A product in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// Its books.
    pub books: Books,
    /// Every change of its row that was neither a reservation nor a cancellation, by version.
    pub gains: Vec<Gain>,
    /// Several such changes may have been saved as one: stock may have gone and come unseen.
    pub merged: bool,
}

/// A restock, or an administrator's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gain {
    /// The product's version after it.
    pub version: Version,
    /// How many were added; negative if taken away, zero if only the price changed.
    pub amount: i64,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::START => f.write_str("the start"),
            Self::END => f.write_str("the end"),
            Self(number) => number.fmt(f),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { front_end, begun, what, .. } = self;
        write!(f, "{what} (front end {front_end}, from {begun} to {})", self.end())
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place { purchase: Purchase { key, product, quantity }, outcome } => {
                write!(f, "buy {} {product} under {key}: {outcome:?}", quantity.get())
            }
            Self::ReadOrder { number, outcome } => write!(f, "read order {number}: {outcome:?}"),
            Self::ListOrders { after, limit, page } => {
                let shown = page.as_ref().map(Vec::len);
                write!(f, "list {limit} orders after {after}: {shown:?}")
            }
            Self::LookUp { product, outcome } => write!(f, "look up {product}: {outcome:?}"),
        }
    }
}
