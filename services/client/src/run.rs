//! Many customers at once: shop, then check. Nobody checks before everybody has shopped, so
//! that an order is looked up only after all that could have disturbed it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use toystore_domain::api::{OrderPlaced, ProductBody};
use toystore_domain::{OrderNumber, ProductName, Purchase};

use crate::api::{Request, Store, Trouble};
use crate::check::{Acknowledged, Findings, check, duplicates};
use crate::options::Run;
use crate::patience::Customer;
use crate::report::{Report, Requests, Settings, Unknown};
use crate::shopper::Shopper;
use crate::stats::{Tally, longest_gap, millis};
use crate::{Exit, Failure, say};

/// What all customers of a run share.
struct Plan {
    options: Run,
    seed: u64,
    nonce: u64,
    toys: Vec<ProductName>,
    started: Instant,
    stop: AtomicBool,
    bar: ProgressBar,
}

/// What one customer brings home.
struct Visit {
    customer: Customer,
    orders: Vec<Acknowledged>,
    unknown: Vec<Unknown>,
    left_early: bool,
    looks: Tally,
    buys: Tally,
    look_ups: Tally,
    findings: Findings,
}

/// Shops, checks, reports.
pub async fn run(options: Run) -> Result<Exit, Failure> {
    // Opened first: hours of shopping should not end with a mistyped path.
    let unwritable = |error| Failure::Report(options.report.clone().unwrap_or_default(), error);
    let file = options.report.as_ref().map(File::create).transpose().map_err(unwritable)?;
    let random = || getrandom::u64().map_err(|error| Failure::SetUp(error.to_string()));
    let (seed, nonce) = (options.seed.map_or_else(random, Ok)?, random()?);
    let toys = toys(&options, seed).await.map_err(|failure| match failure {
        Failure::Store(trouble) => Failure::Listing(trouble),
        other => other,
    })?;
    let plan = Arc::new(Plan {
        bar: progress(&options),
        options,
        seed,
        nonce,
        toys,
        started: Instant::now(),
        stop: AtomicBool::new(false),
    });
    let report = tokio::select! {
        report = shop_and_check(&plan) => report?,
        failure = interruptions(&plan) => return Err(failure),
    };
    plan.bar.finish_and_clear();
    if let Some(file) = file {
        report.write(file).map_err(|error| {
            Failure::Report(plan.options.report.clone().unwrap_or_default(), error)
        })?;
    }
    if plan.options.json {
        say(&report.document().map_err(|error| Failure::SetUp(error.to_string()))?);
    } else {
        say(&report.to_string());
    }
    Ok(report.exit())
}

/// The names of all toys. A store with nobody at home at all is more likely a mistyped address
/// than a crash, so only other trouble is met with patience.
async fn toys(options: &Run, seed: u64) -> Result<Vec<ProductName>, Failure> {
    let mut store = Store::new(options.reach.front_ends(), 0, options.reach.tls()?)?;
    if let Err(trouble @ (Trouble::NotSent | Trouble::Distrusted)) =
        store.send_to_any(&Request::Products(None)).await
    {
        return Err(trouble.into());
    }
    let mut customer = Customer::new(store, options.patience, seed);
    let (mut toys, mut after) = (BTreeSet::new(), None);
    loop {
        let request = Request::Products(after);
        let page: Vec<ProductBody> = customer.ask(&request, &mut Tally::default()).await.answer?;
        let known = toys.len();
        for product in &page {
            toys.insert(ProductName::new(&product.name).ok_or(Trouble::Malformed)?);
        }
        // A page with nothing new ends it too: a store that ignores `after` repeats the first.
        if toys.len() == known {
            break;
        }
        after = page.last().map(|product| product.name.clone());
    }
    if toys.is_empty() { Err(Failure::NothingForSale) } else { Ok(toys.into_iter().collect()) }
}

async fn shop_and_check(plan: &Arc<Plan>) -> Result<Report, Failure> {
    let started_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut customers = JoinSet::new();
    let tls = plan.options.reach.tls()?;
    for client in 0..plan.options.clients {
        let seed = plan.seed.wrapping_add(client);
        let first = usize::try_from(client).unwrap_or(0);
        let store = Store::new(plan.options.reach.front_ends(), first, tls.clone())?;
        let customer = Customer::new(store, plan.options.patience, seed);
        customers.spawn(shop(plan.clone(), customer, client, seed));
    }
    let visits = customers.join_all().await;
    let shopping = plan.started.elapsed();

    let checks: JoinSet<Visit> = visits.into_iter().map(look_up).collect();
    let visits = checks.join_all().await;
    Ok(sum_up(plan, visits, started_at, shopping))
}

/// One customer's visit, up to the check.
async fn shop(plan: Arc<Plan>, customer: Customer, client: u64, seed: u64) -> Visit {
    let Run { probability, quantity, iterations, .. } = plan.options;
    let mut shopper = Shopper::new(seed, probability, quantity, plan.nonce);
    let mut visit = Visit::new(customer);
    for _ in 0..iterations {
        visit.left_early = visit.customer.has_lost_hope();
        if visit.left_early || plan.stop.load(Ordering::Relaxed) {
            break;
        }
        plan.bar.inc(1);
        let Some(toy) = shopper.choose(&plan.toys) else { break };
        let look = Request::Product(toy.clone());
        let seen = visit.customer.ask::<ProductBody>(&look, &mut visit.looks).await;
        let Ok(product) = seen.answer else { continue };
        if let Some(purchase) = shopper.decide(toy, product.quantity) {
            visit.buy(&plan, client, purchase).await;
        }
    }
    visit
}

impl Visit {
    fn new(customer: Customer) -> Self {
        Self {
            customer,
            orders: Vec::new(),
            unknown: Vec::new(),
            left_early: false,
            looks: Tally::default(),
            buys: Tally::default(),
            look_ups: Tally::default(),
            findings: Findings::default(),
        }
    }

    /// Buys, and notes what the store says. Ctrl-C does not cut this short: the order's outcome
    /// would stay unknown.
    async fn buy(&mut self, plan: &Plan, client: u64, purchase: Purchase) {
        let request = Request::Buy(purchase.clone());
        let bought = self.customer.ask::<OrderPlaced>(&request, &mut self.buys).await;
        let Purchase { key, product: name, quantity } = purchase;
        let sent_ms = millis(bought.sent - plan.started);
        match bought.answer {
            Ok(placed) => self.orders.push(Acknowledged {
                client,
                key,
                number: OrderNumber(placed.order_number),
                name,
                quantity,
                sent_ms,
                acked_ms: millis(bought.ended - plan.started),
            }),
            // What the store says in the end counts for all attempts: they shared a key.
            Err(trouble) if bought.open && !trouble.has_status(409) => {
                let reason = trouble.to_string();
                self.unknown.push(Unknown { client, key, name, quantity, sent_ms, reason });
            }
            Err(_) => {}
        }
    }
}

async fn look_up(mut visit: Visit) -> Visit {
    visit.findings = check(&mut visit.customer, &visit.orders, &mut visit.look_ups).await;
    visit
}

fn sum_up(plan: &Plan, visits: Vec<Visit>, started_at: Duration, shopping: Duration) -> Report {
    let whole = plan.started.elapsed();
    let (mut looks, mut buys, mut look_ups) = <(Tally, Tally, Tally)>::default();
    let (mut orders, mut unknown, mut left_early) = (Vec::new(), Vec::new(), 0);
    let mut findings = Findings::default();
    for visit in visits {
        looks.add(visit.looks);
        buys.add(visit.buys);
        look_ups.add(visit.look_ups);
        orders.extend(visit.orders);
        unknown.extend(visit.unknown);
        findings.add(visit.findings);
        left_early += u64::from(visit.left_early);
    }
    orders.sort_by(|a, b| a.acked_ms.total_cmp(&b.acked_ms));
    findings.duplicates = duplicates(&orders);
    Report {
        settings: Settings::of(&plan.options, plan.seed, plan.nonce),
        started_unix_ms: millis(started_at),
        shopping_ms: millis(shopping),
        checking_ms: millis(whole.saturating_sub(shopping)),
        interrupted: plan.stop.load(Ordering::Relaxed),
        left_early,
        requests: Requests {
            look: looks.summary(shopping),
            buy: buys.summary(shopping),
            order_look_up: look_ups.summary(whole.saturating_sub(shopping)),
        },
        longest_gap: longest_gap(orders.iter().map(|order| order.acked_ms).collect()),
        orders,
        unknown,
        findings,
    }
}

/// Ends the shopping at the first Ctrl-C or SIGTERM, and returns at the second.
async fn interruptions(plan: &Plan) -> Failure {
    let streams = signal(SignalKind::interrupt()).and_then(|interrupt| {
        signal(SignalKind::terminate()).map(|terminate| (interrupt, terminate))
    });
    let (mut interrupt, mut terminate) = match streams {
        Ok(streams) => streams,
        Err(error) => return Failure::SetUp(error.to_string()),
    };
    for _ in 0..2 {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        if !plan.stop.swap(true, Ordering::Relaxed) {
            eprintln!("Enough shopping, checking the orders. Once more to leave at once.");
        }
    }
    Failure::Interrupted
}

fn progress(options: &Run) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}, {eta} left");
    let bar = ProgressBar::new(options.clients * options.iterations);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
