//! Histories made up for the tests of the checkers: a store that does one thing after the other,
//! and clients whose calls begin before and end after that.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use toystore_domain::{
    Books, Cents, Order, OrderKey, OrderNumber, ProductName, Purchase, Quantity, stock,
};

use crate::history::{Call, Gain, Moment, OrderRead, Placing, ProductRead, Rest, Shelf, What, Why};

pub const NAMES: [&str; 2] = ["Tux", "Whale"];

pub fn name(text: &str) -> ProductName {
    ProductName::new(text).unwrap()
}

pub fn purchase(key: &str, product: &str, quantity: u64) -> Purchase {
    Purchase {
        key: OrderKey::new(key).unwrap(),
        product: name(product),
        quantity: Quantity::new(quantity).unwrap(),
    }
}

pub fn as_order(number: OrderNumber, purchase: &Purchase) -> Order {
    Order { number, product: purchase.product.clone(), quantity: purchase.quantity }
}

/// How a history is made up.
#[derive(Clone, Copy)]
pub struct Plan {
    pub steps: u64,
    /// Calls begin and end at most so many steps before and after what they do.
    pub overlap: u64,
    pub most: u64,
    pub stock: u64,
    /// Whether some refused attempts hold stock for a while.
    pub cancels: bool,
}

/// A store in one thread.
pub struct Store {
    pub random: StdRng,
    plan: Plan,
    calls: Vec<(u64, Option<u64>, What)>,
    log: Vec<Purchase>,
    shelves: BTreeMap<ProductName, Shelf>,
    tried: Vec<Purchase>,
    held: Vec<Purchase>,
}

/// Makes a history up.
pub fn history(seed: u64, plan: Plan) -> (Vec<Call>, Rest) {
    let open = |text: &&str| {
        let books = Books::open(Cents::new(999).unwrap(), plan.stock);
        (name(text), Shelf { books, gains: Vec::new(), merged: false })
    };
    let mut store = Store {
        random: StdRng::seed_from_u64(seed),
        plan,
        calls: Vec::new(),
        log: Vec::new(),
        shelves: NAMES.iter().map(open).collect(),
        tried: Vec::new(),
        held: Vec::new(),
    };
    (1..=plan.steps).for_each(|step| store.step(step * 1000));
    store.finish()
}

impl Store {
    fn step(&mut self, now: u64) {
        let far = self.plan.overlap * 1000;
        let begun = now - self.random.random_range(0..=far.min(now - 1));
        let ended = now + self.random.random_range(0..=far);
        let what = match self.random.random_range(0..10) {
            0..4 => self.place(),
            4..6 => {
                let number = OrderNumber(self.random.random_range(1..=self.log.len() as u64 + 3));
                let found = self.log.get(number.0 as usize - 1);
                let found = found.map(|logged| OrderRead::Found(as_order(number, logged)));
                What::ReadOrder { number, outcome: found.unwrap_or(OrderRead::NotFound) }
            }
            6 => {
                let after = OrderNumber(self.random.random_range(0..=self.log.len() as u64 + 1));
                let limit = self.random.random_range(1..=4);
                let shown = (1..).map(OrderNumber).zip(&self.log).skip(after.0 as usize);
                let page = shown.take(limit as usize).map(|(n, logged)| as_order(n, logged));
                What::ListOrders { after, limit, page: Some(page.collect()) }
            }
            7 => return self.change(),
            _ => {
                let product = self.any_name();
                let shown = self.shelves[&product].books.product(&product);
                What::LookUp { product, outcome: ProductRead::Found(shown) }
            }
        };
        let unknown = matches!(what, What::Place { outcome: Placing::Unknown, .. });
        // What nobody was told may happen long after the client gave up.
        let ended =
            if unknown { self.random.random_bool(0.5).then_some(begun + 1) } else { Some(ended) };
        self.calls.push((begun, ended, what));
    }

    fn any_name(&mut self) -> ProductName {
        name(NAMES[self.random.random_range(0..NAMES.len())])
    }

    /// An administrator or a restock; or a held quantity goes back.
    fn change(&mut self) {
        if let Some(held) = self.held.pop() {
            let shelf = self.shelves.get_mut(&held.product).unwrap();
            return stock::cancel(&mut shelf.books, held.quantity).unwrap();
        }
        let (product, new) = (self.any_name(), self.random.random_range(0..9));
        let Shelf { books, gains, .. } = self.shelves.get_mut(&product).unwrap();
        let before = books.stock as i64;
        if !stock::restock(books).unwrap() {
            stock::adjust(books, None, Some(books.stock + new)).unwrap();
        }
        gains.push(Gain { version: books.version, amount: books.stock as i64 - before });
    }

    fn place(&mut self) -> What {
        let purchase = self.any_purchase();
        self.tried.push(purchase.clone());
        let outcome = self.outcome(&purchase);
        What::Place { purchase, outcome }
    }

    fn any_purchase(&mut self) -> Purchase {
        let (product, most) = (self.any_name(), self.plan.most);
        let new = purchase(
            &format!("key-{}", self.tried.len()),
            product.as_str(),
            self.random.random_range(1..=most),
        );
        match self.random.random_range(0..8) {
            0..2 if !self.tried.is_empty() => {
                self.tried[self.random.random_range(0..self.tried.len())].clone()
            }
            2 if !self.log.is_empty() => {
                let key = self.log[self.random.random_range(0..self.log.len())].key.clone();
                Purchase { key, ..new }
            }
            _ => new,
        }
    }

    fn outcome(&mut self, purchase: &Purchase) -> Placing {
        let known = self.log.iter().position(|logged| logged.key == purchase.key);
        if let Some(at) = known {
            let same = self.log[at].same_body(purchase);
            let placed = Placing::Placed(OrderNumber(at as u64 + 1));
            return if same { placed } else { Placing::Refused(Why::KeyReused) };
        }
        if self.held.iter().any(|held| held.key == purchase.key) {
            return Placing::Refused(Why::Unavailable);
        }
        let told = self.random.random_range(0..10);
        if told == 0 {
            return Placing::Unknown;
        }
        let books = &mut self.shelves.get_mut(&purchase.product).unwrap().books;
        if told == 1 {
            if self.plan.cancels && stock::reserve(books, purchase.quantity).unwrap() {
                self.held.push(purchase.clone());
            }
            return Placing::Refused(Why::Unavailable);
        }
        if !stock::reserve(books, purchase.quantity).unwrap() {
            return Placing::Refused(Why::OutOfStock);
        }
        stock::settle(books, purchase.quantity).unwrap();
        self.log.push(purchase.clone());
        if told == 2 {
            Placing::Unknown
        } else {
            Placing::Placed(OrderNumber(self.log.len() as u64))
        }
    }

    /// Gives every event a moment of its own.
    fn finish(mut self) -> (Vec<Call>, Rest) {
        while !self.held.is_empty() {
            self.change();
        }
        let begins = self.calls.iter().enumerate().map(|(at, call)| (call.0, at, false));
        let ends = self.calls.iter().enumerate();
        let ends = ends.filter_map(|(at, call)| Some((call.1?, at, true)));
        let mut events: Vec<_> = begins.chain(ends).collect();
        // A call that begins and ends with its deed begins before it ends.
        events.sort_by_key(|(time, at, end)| (*time, *end, *at));
        let mut calls: Vec<_> = self
            .calls
            .into_iter()
            .map(|(.., what)| Call { front_end: 1, begun: Moment::START, ended: None, what })
            .collect();
        for (moment, (_, at, end)) in (1..).map(Moment).zip(events) {
            if end {
                calls[at].ended = Some(moment);
            } else {
                calls[at].begun = moment;
            }
        }
        (calls, Rest { log: self.log, before: 0, products: self.shelves })
    }
}

/// Changes one answer; none when there is nothing in it to change.
pub fn damage(random: &mut StdRng, calls: &mut [Call]) -> Option<String> {
    let at = random.random_range(0..calls.len());
    let before = calls[at].to_string();
    match &mut calls[at].what {
        What::Place { outcome, .. } => match outcome {
            Placing::Placed(number) if number.0 > 1 && random.random() => number.0 -= 1,
            Placing::Placed(_) => *outcome = Placing::Refused(Why::Unavailable),
            Placing::Refused(_) => {
                *outcome = Placing::Placed(OrderNumber(random.random_range(1..9)))
            }
            Placing::Unknown => return None,
        },
        What::ReadOrder { outcome, number } => match outcome {
            OrderRead::Found(order) if random.random() => {
                order.quantity = Quantity::new(order.quantity.get() + 1)?
            }
            OrderRead::Found(_) => *outcome = OrderRead::NotFound,
            OrderRead::NotFound => {
                *outcome = OrderRead::Found(as_order(*number, &purchase("k", "Tux", 1)))
            }
            OrderRead::Unavailable => return None,
        },
        What::ListOrders { page, .. } => drop(page.as_mut()?.pop()?),
        What::LookUp { outcome: ProductRead::Found(shown), .. } => {
            match random.random_range(0..3) {
                0 => shown.stock += 1,
                1 => shown.stock = shown.stock.checked_sub(1)?,
                _ => shown.version.0 += 1,
            }
        }
        What::LookUp { .. } => return None,
    }
    Some(before)
}
