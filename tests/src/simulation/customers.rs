//! Customers of a simulated store: they look, buy, ask again under the same key, look their orders
//! up, and remember what they were told and when.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use toystore_coherence::messages::PutProduct;
use toystore_domain::{Cents, OrderKey, OrderNumber, ProductName, Purchase, Quantity, Refusal};
use toystore_front_end::parts::Parts;
use toystore_front_end::{orders, reads};
use toystore_host::limits::PAGE_LIMIT_MAX;

use super::process::in_time;
use super::rest::BOUND;
use super::world::{Name, Node, PRODUCTS, World};
use crate::history::{Call, Moment, OrderRead, Placing, ProductRead, What, Why};

/// Longer than any front end takes to answer while it runs.
const PATIENCE: Duration = Duration::from_secs(8);
/// A toy that is there only once somebody has added it.
const LATE: &str = "Yoyo";

/// One customer.
pub struct Customer {
    world: Rc<World>,
    number: u64,
    /// What it tried to buy.
    purchases: Vec<Purchase>,
}

impl Customer {
    /// A customer who has bought nothing yet.
    #[must_use]
    pub fn new(world: Rc<World>, number: u64) -> Self {
        Self { world, number, purchases: Vec::new() }
    }

    /// Shops until faults end.
    pub async fn shop(mut self) {
        let busy = [5, 50, 200][self.world.control.below(3) as usize];
        while !self.world.control.healing() {
            let pause = self.world.control.below(busy);
            sleep(Duration::from_millis(pause)).await;
            self.do_something().await;
        }
        // I11: with the catalog and enough in-sync replicas up, an order is placed.
        let end = Instant::now() + BOUND;
        while Instant::now() < end {
            let purchase = self.new_purchase();
            match self.place(purchase, PATIENCE / 8).await {
                Placing::Placed(_) | Placing::Refused(Why::OutOfStock | Why::ProductNotFound) => {
                    return;
                }
                Placing::Refused(_) | Placing::Unknown => sleep(Duration::from_millis(200)).await,
            }
        }
        if self.world.somebody_may_lead() {
            self.world.control.fail("I11: no order can be placed".to_owned());
        }
    }

    async fn do_something(&mut self) {
        match self.world.control.below(100) {
            0..30 => {
                let purchase = self.new_purchase();
                self.buy(purchase).await;
            }
            30..40 => self.buy_again().await,
            40..75 => self.look().await,
            75..90 => self.read().await,
            90..95 => self.list().await,
            95..97 => self.look_at_all().await,
            _ => self.administer().await,
        }
    }

    fn below(&self, limit: u64) -> u64 {
        self.world.control.below(limit)
    }

    fn product(&self) -> ProductName {
        let name = if self.below(40) == 0 { LATE } else { PRODUCTS[self.below(3) as usize] };
        ProductName::new(name).unwrap()
    }

    fn new_purchase(&mut self) -> Purchase {
        let key = format!("c{}-{}", self.number, self.purchases.len());
        let quantity = Quantity::new(1 + self.below(3)).unwrap();
        let purchase =
            Purchase { key: OrderKey::new(&key).unwrap(), product: self.product(), quantity };
        self.purchases.push(purchase.clone());
        purchase
    }

    /// Buys, and asks again as long as it does not know what became of it, or loses interest.
    async fn buy(&mut self, purchase: Purchase) {
        for _ in 0..4 {
            let longest = [300, 1_500, 5_000][self.below(3) as usize];
            let patience = Duration::from_millis(60 + self.below(longest));
            let outcome = self.place(purchase.clone(), patience).await;
            let again = match outcome {
                Placing::Unknown => self.below(4) > 0,
                Placing::Refused(Why::Unavailable) => self.below(2) > 0,
                Placing::Placed(_) | Placing::Refused(_) => false,
            };
            if !again {
                return;
            }
        }
    }

    /// The same key again, now and then with another body.
    async fn buy_again(&mut self) {
        let Some(last) = (self.purchases.len() as u64).checked_sub(1) else { return };
        let back = self.below(last.min(5) + 1);
        let mut purchase = self.purchases[(last - back) as usize].clone();
        if self.below(10) == 0 {
            purchase.quantity = Quantity::new(purchase.quantity.get() + 1).unwrap();
        }
        self.buy(purchase).await;
    }

    async fn place(&mut self, purchase: Purchase, patience: Duration) -> Placing {
        let wanted = purchase.clone();
        let place = async move |parts: Parts| {
            orders::place(&parts.relay, wanted, Instant::now() + patience).await
        };
        let told = self.ask(place).await;
        let outcome = match told.answer {
            Some(Ok(number)) => Placing::Placed(number),
            Some(Err(refusal)) => refused(&refusal),
            None => Placing::Unknown,
        };
        self.world.control.count(|seen| {
            seen.refused += u64::from(matches!(outcome, Placing::Refused(_)));
            seen.unknown += u64::from(outcome == Placing::Unknown);
        });
        self.remember(told.asked, What::Place { purchase, outcome });
        outcome
    }

    async fn look(&mut self) {
        let product = self.product();
        let name = product.clone();
        let told = self.ask(async move |parts: Parts| parts.products.look_up(&name).await).await;
        let outcome = match told.answer {
            Some(Ok(found)) => {
                self.world.control.count(|seen| {
                    seen.cache_hits += u64::from(found.hit);
                    seen.cache_misses += u64::from(!found.hit);
                });
                let product = found.page.map(|page| page.product().clone());
                product.map_or(ProductRead::NotFound, ProductRead::Found)
            }
            Some(Err(_)) | None => ProductRead::Unavailable,
        };
        self.remember(told.asked, What::LookUp { product, outcome });
    }

    /// The list of all products shows each of them, and what is not in it is not there.
    async fn look_at_all(&mut self) {
        let list = async move |parts: Parts| parts.products.list(None, PAGE_LIMIT_MAX as u32).await;
        let told = self.ask(list).await;
        let Some(Ok(products)) = told.answer else { return };
        self.world.control.count(|seen| seen.listed_products += 1);
        for name in PRODUCTS.into_iter().chain([LATE]) {
            let product = ProductName::new(name).unwrap();
            let shown = products.iter().find(|shown| shown.name == product).cloned();
            let outcome = shown.map_or(ProductRead::NotFound, ProductRead::Found);
            self.remember(told.asked, What::LookUp { product, outcome });
        }
    }

    /// Mostly one of the last orders, or one that is not there yet.
    fn near_the_end(&self) -> OrderNumber {
        let last = self.world.watch.last_told().0;
        let back = if self.below(5) > 0 { 4 } else { last + 3 };
        OrderNumber((last + 2).saturating_sub(self.below(back)))
    }

    async fn read(&mut self) {
        let number = self.near_the_end();
        let deadline = Instant::now() + Duration::from_millis(100 + self.below(2_000));
        let told =
            self.ask(async move |parts: Parts| reads::read(&parts.relay, number, deadline).await);
        let told = told.await;
        let outcome = match told.answer {
            Some(Ok(order)) => OrderRead::Found(order),
            Some(Err(Refusal::OrderNotFound)) => OrderRead::NotFound,
            Some(Err(_)) | None => OrderRead::Unavailable,
        };
        self.world.control.count(|seen| {
            seen.found += u64::from(matches!(outcome, OrderRead::Found(_)));
            seen.not_found += u64::from(outcome == OrderRead::NotFound);
        });
        self.remember(told.asked, What::ReadOrder { number, outcome });
    }

    async fn list(&mut self) {
        let (after, limit) = (self.near_the_end(), 1 + self.below(10) as u32);
        let deadline = Instant::now() + Duration::from_millis(100 + self.below(2_000));
        let list =
            async move |parts: Parts| reads::list(&parts.relay, after, limit, deadline).await;
        let told = self.ask(list).await;
        let page = told.answer.and_then(Result::ok);
        self.world.control.count(|seen| seen.listed += u64::from(page.is_some()));
        self.remember(told.asked, What::ListOrders { after, limit, page });
    }

    /// An administrator changes a product. What came of it is seen at the catalog.
    async fn administer(&mut self) {
        let (name, both) = (self.product(), self.below(2) == 0);
        let put = PutProduct {
            name,
            price: (both || self.below(2) == 0).then(|| Cents::new(1 + self.below(500))).flatten(),
            stock: both.then(|| self.below(20)),
        };
        let deadline = Instant::now() + Duration::from_secs(2);
        let _ = self.ask(async move |parts: Parts| parts.products.put(put, deadline).await).await;
    }

    fn remember(&self, asked: Option<Asked>, what: What) {
        self.world.calls.borrow_mut().extend(asked.map(|asked| {
            let Asked { front_end, begun, ended } = asked;
            Call { front_end, begun, ended, what }
        }));
    }

    /// Asks a front end; nothing happened where none could be asked.
    async fn ask<T: 'static, F>(&self, act: impl FnOnce(Parts) -> F + 'static) -> Told<T>
    where
        F: Future<Output = T> + 'static,
    {
        let number = 1 + self.below(u64::from(self.world.plan.front_ends)) as u8;
        let node = self.world.node(Name::FrontEnd(number));
        let parts = node.as_ref().and_then(|node| node.offer.borrow().parts.clone());
        let (Some(node), Some(parts)) = (node, parts) else {
            return Told { asked: None, answer: None };
        };
        let begun = self.world.control.moment();
        let (tell, told) = oneshot::channel();
        let handler = node.process.spawn(async move {
            let _ = tell.send(act(parts).await);
        });
        let answer = if self.below(40) == 0 {
            // It hangs up, and the front end notices.
            let patience = Duration::from_millis(self.below(300));
            let answer = timeout(patience, told).await.ok().and_then(Result::ok);
            handler.into_iter().for_each(|handler| handler.abort());
            self.world.control.count(|seen| seen.hung_up += u64::from(answer.is_none()));
            answer
        } else {
            self.wait_for_answer(&node, told).await
        };
        let ended = answer.is_some().then(|| self.world.control.moment());
        Told { asked: Some(Asked { front_end: number, begun, ended }), answer }
    }

    /// What a front end answers; none when it dies. One that runs leaves nobody without an answer
    /// (I11).
    async fn wait_for_answer<T>(&self, node: &Node, told: oneshot::Receiver<T>) -> Option<T> {
        let late = || self.world.control.fail("I11: a customer gets no answer".to_owned());
        in_time(&node.process.life, PATIENCE, told, late).await.ok()
    }
}

/// Whom a customer asked, and when.
#[derive(Clone, Copy)]
struct Asked {
    front_end: u8,
    begun: Moment,
    ended: Option<Moment>,
}

struct Told<T> {
    asked: Option<Asked>,
    answer: Option<T>,
}

fn refused(refusal: &Refusal) -> Placing {
    match refusal {
        Refusal::OutOfStock => Placing::Refused(Why::OutOfStock),
        Refusal::ProductNotFound => Placing::Refused(Why::ProductNotFound),
        Refusal::KeyReused => Placing::Refused(Why::KeyReused),
        Refusal::OutcomeUnknown => Placing::Unknown,
        _ => Placing::Refused(Why::Unavailable),
    }
}
