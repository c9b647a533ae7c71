//! What a client does: buys, comes back when it was not told what became of it, and looks.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Quantity};

use super::Shopping;
use super::exchange::Exchange;
use crate::history::{Call, OrderRead, Placing, ProductRead, What, Why};
use crate::store::PRODUCTS;

/// So often a client comes back with one order before it gives up.
const TRIES: u32 = 30;
/// Clients buy these: few, so that many look at what others buy.
const BOUGHT: usize = 3;
/// A client that is turned away, or gets no answer, waits so long before it asks again.
const PAUSE: Duration = Duration::from_millis(25);
/// Orders on a page: some pages are full, and some are not.
const PAGE: u32 = 8;

/// A client.
pub(super) struct Shopper {
    exchange: Exchange,
    random: StdRng,
    name: String,
    most: u64,
    begun: u64,
    calls: Vec<Call>,
}

impl Shopper {
    pub fn new(exchange: Exchange, shopping: &Shopping, client: u32) -> Self {
        let seed = shopping.seed.wrapping_mul(1000).wrapping_add(u64::from(client));
        Self {
            exchange,
            random: StdRng::seed_from_u64(seed),
            name: format!("s{}-c{client}", shopping.seed),
            most: shopping.most,
            begun: 0,
            calls: Vec::new(),
        }
    }

    /// Shops until it is told to stop.
    pub fn shop(mut self) -> Vec<Call> {
        while !self.exchange.shared.stopped() {
            match self.random.random_range(0..10) {
                0..4 => self.buy(),
                4..7 => self.look_up(),
                7 | 8 => self.read_order(),
                _ => self.list_orders(),
            }
        }
        self.calls
    }

    fn any_front_end(&mut self) -> usize {
        self.random.random_range(0..self.exchange.front_ends())
    }

    fn any_product(&mut self) -> ProductName {
        ProductName::new(PRODUCTS[self.random.random_range(0..BOUGHT)]).expect("a name")
    }

    /// Writes a call down, and takes a breath when the store was not there for it.
    fn record(&mut self, call: Call, served: bool) {
        self.calls.push(call);
        if !served {
            std::thread::sleep(PAUSE);
        }
    }

    fn buy(&mut self) {
        self.begun += 1;
        let key = OrderKey::new(&format!("{}-{}", self.name, self.begun)).expect("a key");
        let quantity = Quantity::new(self.random.random_range(1..=self.most)).expect("a quantity");
        let purchase = Purchase { key, product: self.any_product(), quantity };
        for _ in 0..TRIES {
            match self.place(&purchase) {
                Placing::Placed(_) if self.random.random_bool(0.1) => self.come_back(&purchase),
                Placing::Unknown | Placing::Refused(Why::Unavailable)
                    if !self.exchange.shared.stopped() => {}
                _ => return,
            }
        }
    }

    fn place(&mut self, purchase: &Purchase) -> Placing {
        let at = self.any_front_end();
        let call = self.exchange.place(at, purchase);
        let What::Place { outcome, .. } = call.what else { unreachable!("it was an order") };
        let served = !matches!(outcome, Placing::Unknown | Placing::Refused(Why::Unavailable));
        self.record(call, served);
        outcome
    }

    /// An order under a key that has one: another body now, and the same one when it goes on.
    fn come_back(&mut self, purchase: &Purchase) {
        if self.random.random_bool(0.3) {
            let more = purchase.quantity.get() + 1;
            let quantity = Quantity::new(more).expect("a quantity");
            self.place(&Purchase { quantity, ..purchase.clone() });
        }
    }

    fn look_up(&mut self) {
        let (at, product) = (self.any_front_end(), self.any_product());
        let call = self.exchange.look_up(at, &product);
        let served = !matches!(call.what, What::LookUp { outcome: ProductRead::Unavailable, .. });
        self.record(call, served);
    }

    /// The highest number that anybody was told of, at this moment.
    fn highest(&self) -> u64 {
        self.exchange.shared.highest.load(Ordering::Relaxed)
    }

    fn read_order(&mut self) {
        // Around the end: the last orders, and those that are about to come.
        let number = (self.highest() + 3).saturating_sub(self.random.random_range(0..7)).max(1);
        let at = self.any_front_end();
        let call = self.exchange.read_order(at, OrderNumber(number));
        let served = !matches!(call.what, What::ReadOrder { outcome: OrderRead::Unavailable, .. });
        self.record(call, served);
    }

    fn list_orders(&mut self) {
        let after = self.highest().saturating_sub(self.random.random_range(0..12));
        let at = self.any_front_end();
        let call = self.exchange.list_orders(at, OrderNumber(after), PAGE);
        let served = matches!(call.what, What::ListOrders { page: Some(_), .. });
        self.record(call, served);
    }
}
