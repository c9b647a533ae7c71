//! Customers who shop, with the time of each of their requests. They are those of
//! `toystore-client run`: they repeat what fails, under the same key.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use futures_util::future::join_all;
use toystore_client::api::{Request, Store};
use toystore_client::check::Acknowledged;
use toystore_client::options::FrontEnd;
use toystore_client::patience::Customer as Patient;
use toystore_client::shopper::Shopper;
use toystore_client::stats::{Tally, millis};
use toystore_domain::api::{OrderBody, OrderPlaced, ProductBody};
use toystore_domain::{OrderNumber, ProductName, Purchase, Quantity};
use toystore_host::tls::nobody;

use crate::latency::{Kind, Latency};

/// For how long a failing request is repeated.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who shops where.
#[derive(Clone, Debug)]
pub struct Party {
    /// Front ends' URLs; each customer has its own first one, the others are its spares.
    pub urls: Vec<String>,
    /// How many.
    pub clients: u64,
    /// How likely a look leads to a purchase.
    pub probability: f64,
    /// What there is.
    pub toys: Arc<[ProductName]>,
    /// Decides what they do.
    pub seed: u64,
}

/// How far a party has come, for others to watch.
#[derive(Debug, Default)]
pub struct Progress {
    /// Orders acknowledged so far.
    pub acknowledged: AtomicU64,
    /// Whether the shopping is over.
    pub over: AtomicBool,
}

/// A request that was answered with success.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// What it was.
    pub kind: Kind,
    /// When it was answered, since the start.
    pub ended_ms: f64,
    /// How long it took from when it was first sent.
    pub took_ms: f64,
}

/// One of them.
#[derive(Debug)]
pub struct Customer {
    number: u64,
    patient: Patient,
    shopper: Shopper,
    toys: Arc<[ProductName]>,
    begun: Instant,
    progress: Arc<Progress>,
    tally: Tally,
    /// What was answered.
    pub samples: Vec<Sample>,
    /// Orders it was told of.
    pub orders: Vec<Acknowledged>,
    /// Orders whose outcome it was not told.
    pub open: u64,
    /// Orders that read otherwise than it was told, or not at all.
    pub wrong: u64,
}

/// All of them, on one thread.
#[derive(Debug)]
pub struct Customers {
    runtime: tokio::runtime::Runtime,
    /// Each.
    pub each: Vec<Customer>,
    progress: Arc<Progress>,
}

/// Errors that customers saw.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    /// All of them: replies of 429 or 5xx, broken or refused connections, of all attempts.
    pub seen: u64,
    /// The same, by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Requests that no repeat helped.
    pub gave_up: u64,
}

impl Customers {
    /// They come.
    ///
    /// # Errors
    /// The system gives no runtime, or a URL is none.
    pub fn new(party: &Party, begun: Instant) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let progress = Arc::new(Progress::default());
        let nonce = getrandom::u64().map_err(io::Error::other)?;
        let parse = |url: &String| url.parse::<FrontEnd>().map_err(|why| anyhow!("{url} {why}"));
        let front_ends: Vec<_> = party.urls.iter().map(parse).collect::<Result<_>>()?;
        let one = Quantity::new(1).context("one is no quantity")?;
        let customer = |number: u64| {
            let seed = party.seed.wrapping_add(number);
            let first = usize::try_from(number).unwrap_or_default();
            let store =
                Store::new(&front_ends, first, nobody()?).map_err(|error| anyhow!("{error}"))?;
            Ok(Customer {
                number,
                patient: Patient::new(store, PATIENCE, seed),
                shopper: Shopper::new(seed, party.probability, one, nonce),
                toys: party.toys.clone(),
                begun,
                progress: progress.clone(),
                tally: Tally::default(),
                samples: Vec::new(),
                orders: Vec::new(),
                open: 0,
                wrong: 0,
            })
        };
        let each = (0..party.clients).map(customer).collect::<Result<_>>()?;
        Ok(Self { runtime, each, progress })
    }

    /// For others to watch.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    /// Each looks at so many toys and buys as it likes; how many seconds that took.
    pub fn shop(&mut self, iterations: usize) -> f64 {
        let seconds = self.all(async |customer| {
            for _ in 0..iterations {
                if customer.patient.has_lost_hope() {
                    break;
                }
                if let Some((toy, stock)) = customer.look().await
                    && let Some(purchase) = customer.shopper.decide(&toy, stock)
                {
                    customer.buy(purchase).await;
                }
            }
        });
        self.progress.over.store(true, Ordering::Relaxed);
        seconds
    }

    /// Each looks at so many toys.
    pub fn look(&mut self, times: usize) -> f64 {
        self.all(async |customer| {
            for _ in 0..times {
                customer.look().await;
            }
        })
    }

    /// Each buys so many toys, if it buys for certain.
    pub fn buy(&mut self, times: usize) -> f64 {
        self.all(async |customer| {
            for _ in 0..times {
                let toy = customer.shopper.choose(&customer.toys).cloned();
                let purchase = toy.and_then(|toy| customer.shopper.decide(&toy, u64::MAX));
                if let Some(purchase) = purchase {
                    customer.buy(purchase).await;
                }
            }
        })
    }

    /// Each looks up all of its orders.
    pub fn look_orders_up(&mut self) -> f64 {
        self.all(async |customer| {
            for index in 0..customer.orders.len() {
                customer.look_order_up(index).await;
            }
        })
    }

    fn all(&mut self, visit: impl AsyncFn(&mut Customer)) -> f64 {
        let begun = Instant::now();
        self.runtime.block_on(join_all(self.each.iter_mut().map(|customer| visit(customer))));
        begun.elapsed().as_secs_f64()
    }

    /// Everything that was answered.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.each.iter().flat_map(|customer| &customer.samples)
    }

    /// The latency of a kind, in a phase of so many seconds.
    #[must_use]
    pub fn latency(&self, kind: Kind, seconds: f64) -> Option<Latency> {
        let samples = self.samples().filter(|sample| sample.kind == kind);
        Latency::of(samples.map(|sample| sample.took_ms).collect(), seconds)
    }

    /// All orders acknowledged.
    pub fn orders(&self) -> impl Iterator<Item = &Acknowledged> {
        self.each.iter().flat_map(|customer| &customer.orders)
    }

    /// The errors that they saw so far.
    #[must_use]
    pub fn errors(&self) -> Errors {
        let mut sum = Tally::default();
        self.each.iter().for_each(|customer| sum.add(customer.tally.clone()));
        let summary = sum.summary(Duration::ZERO);
        let (seen, kinds) = (summary.errors_seen, summary.errors_by_kind);
        Errors { seen, kinds, gave_up: summary.gave_up }
    }
}

impl Customer {
    fn note(&mut self, kind: Kind, sent: Instant, ended: Instant) {
        let (ended_ms, took_ms) = (millis(ended - self.begun), millis(ended - sent));
        self.samples.push(Sample { kind, ended_ms, took_ms });
    }

    async fn look(&mut self) -> Option<(ProductName, u64)> {
        let toy = self.shopper.choose(&self.toys)?.clone();
        let request = Request::Product(toy.clone());
        let seen = self.patient.ask::<ProductBody>(&request, &mut self.tally).await;
        let product = seen.answer.ok()?;
        self.note(Kind::LookUp, seen.sent, seen.ended);
        Some((toy, product.quantity))
    }

    async fn buy(&mut self, purchase: Purchase) {
        let request = Request::Buy(purchase.clone());
        let bought = self.patient.ask::<OrderPlaced>(&request, &mut self.tally).await;
        let Ok(placed) = bought.answer else {
            self.open += u64::from(bought.open);
            return;
        };
        self.note(Kind::Buy, bought.sent, bought.ended);
        self.orders.push(Acknowledged {
            client: self.number,
            key: purchase.key,
            number: OrderNumber(placed.order_number),
            name: purchase.product,
            quantity: purchase.quantity,
            sent_ms: millis(bought.sent - self.begun),
            acked_ms: millis(bought.ended - self.begun),
        });
        self.progress.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    async fn look_order_up(&mut self, index: usize) {
        let Some(order) = self.orders.get(index).cloned() else { return };
        let request = Request::Order(order.number);
        let read = self.patient.ask::<OrderBody>(&request, &mut self.tally).await;
        let same = read.answer.is_ok_and(|found| {
            found.number == order.number.0
                && found.name == order.name.as_str()
                && found.quantity == order.quantity.get()
        });
        if same {
            self.note(Kind::OrderLookUp, read.sent, read.ended);
        } else {
            self.wrong += 1;
        }
    }
}
