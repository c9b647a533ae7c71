//! The front ends, as far as replicas and catalog see them. What an answer to a copy means is
//! `judge` of the front end's `orders.rs`; when a leader is proposed, its `choosing.rs`.

use std::sync::LazyLock;

use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_replication::View;
use toystore_replication::messages::{OrderRefusal, OrderReply};
use toystore_replication::view::Proposal;

/// At most so many orders.
pub const MOST_ORDERS: usize = 3;

/// What is ordered: different keys, one piece each of the only product.
pub static PURCHASES: LazyLock<Vec<Purchase>> = LazyLock::new(|| {
    let purchase = |index| Purchase {
        key: OrderKey::new(&format!("k{index}")).unwrap(),
        product: PRODUCT.clone(),
        quantity: Quantity::new(1).unwrap(),
    };
    (0..MOST_ORDERS).map(purchase).collect()
});

/// What is sold.
pub static PRODUCT: LazyLock<ProductName> = LazyLock::new(|| ProductName::new("Tux").unwrap());

/// A front end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FrontEnd {
    /// The latest view it heard of.
    pub known: Option<View>,
    /// Its proposal that is on its way to the catalog.
    pub proposal: Option<Proposal>,
}

impl FrontEnd {
    /// Hears of a view.
    pub fn hear(&mut self, view: Option<View>) {
        let known = self.known.take();
        let news = |view: &View| known.as_ref().is_none_or(|known| view.is_later_than(known));
        self.known = view.filter(news).or(known);
    }
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// No copy was sent yet.
    Idle,
    /// The answer to the last copy is waited for.
    Waiting,
    /// The last copy brought no answer to the order itself: another may follow, or none.
    Between,
    /// It has a number.
    Placed,
    /// Nothing was and will be done.
    Refused,
}

/// One attempt of a front end to place an order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// Which order, see [`PURCHASES`].
    pub order: usize,
    /// Whose attempt.
    pub front_end: usize,
    /// How far it has come.
    pub progress: Progress,
    /// The outcome of a copy is unknown.
    pub open: bool,
    /// Copies sent.
    pub copies: u8,
}

impl Attempt {
    /// What to buy.
    #[must_use]
    pub fn purchase(&self) -> &'static Purchase {
        &PURCHASES[self.order]
    }

    /// Whether the customer could be told now that nothing was and will be done.
    #[must_use]
    pub fn refusable(&self) -> bool {
        match self.progress {
            Progress::Idle | Progress::Refused => true,
            Progress::Waiting | Progress::Placed => false,
            Progress::Between => !self.open,
        }
    }

    /// What the answer to the copy that is waited for means; the view that came along.
    pub fn judge(&mut self, reply: OrderReply) -> Option<View> {
        self.progress = Progress::Between;
        match reply {
            OrderReply::Placed(_) => self.progress = Progress::Placed,
            OrderReply::Unknown => self.open = true,
            OrderReply::Refused(OrderRefusal::NotLeader(view)) => return view,
            // These are about this copy alone: an earlier one may still be carried through.
            OrderReply::Refused(
                OrderRefusal::Busy | OrderRefusal::TooFewInSync | OrderRefusal::Expired,
            ) if self.open => {}
            OrderReply::Refused(_) => self.progress = Progress::Refused,
        }
        None
    }
}

/// A look-up of the first order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Look {
    /// Whether the order was known to exist when it was asked for.
    pub exists: bool,
    /// What came of it.
    pub found: Option<bool>,
}

impl Look {
    /// The order looked for.
    pub const NUMBER: OrderNumber = OrderNumber(1);
}
