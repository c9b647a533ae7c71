//! Many more requests than the store can do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use toystore_tests::store::{PRODUCTS, Plan, Store, front_end};

use crate::customer::{Answer, Customer};
use crate::{MACHINE, memory, run};

/// More than may be under way in a front end.
const CUSTOMERS: usize = 5000;
/// After that nobody asks for anything more.
const LASTS: Duration = Duration::from_secs(4);

#[derive(Default)]
struct Seen {
    /// How often each status came.
    statuses: BTreeMap<u16, usize>,
    /// Key and number of each acknowledged order.
    acknowledged: Vec<(String, u64)>,
    /// Requests that were cut off without an answer.
    unanswered: usize,
    wrong: Vec<String>,
}

impl Seen {
    fn note(&mut self, key: Option<&str>, answer: Option<Answer>) {
        let Some(answer) = answer else {
            self.unanswered += 1;
            return;
        };
        *self.statuses.entry(answer.status).or_default() += 1;
        let allowed = match (answer.status, key) {
            (200, _) => true,
            (404, None) => answer.body["error"]["message"] == "order not found",
            (503 | 429, _) | (504, Some(_)) => answer.says_when(),
            _ => false,
        };
        if !allowed {
            self.wrong.push(format!("{key:?}: {answer:?}"));
        }
        if let (200, Some(key)) = (answer.status, key) {
            let number = answer.body["data"]["order_number"].as_u64().expect("a number");
            self.acknowledged.push((key.to_owned(), number));
        }
    }
}

/// Orders first, so that all of them are under way at once; then a mix.
async fn shop(address: String, who: usize, until: Instant, seen: Arc<Mutex<Seen>>) {
    let Some(mut customer) = Customer::connect(&address).await else { return };
    let mut turn = 0;
    while Instant::now() < until {
        let toy = PRODUCTS[(who + turn) % PRODUCTS.len()];
        let key = format!("{who}-{turn}");
        let (key, answer) = match turn % 4 {
            1 => (None, customer.get(&format!("/products/{toy}")).await),
            3 => (None, customer.get(&format!("/orders/{}", 1 + who % 500)).await),
            _ => (Some(&*key), customer.buy(&key, toy).await),
        };
        let alive = answer.is_some();
        seen.lock().unwrap_or_else(PoisonError::into_inner).note(key, answer);
        if !alive {
            return;
        }
        turn += 1;
    }
}

async fn flood(address: &str) -> Seen {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let until = Instant::now() + LASTS;
    let mut customers = JoinSet::new();
    for who in 0..CUSTOMERS {
        customers.spawn(shop(address.to_owned(), who, until, Arc::clone(&seen)));
    }
    while let Some(done) = customers.join_next().await {
        done.unwrap();
    }
    std::mem::take(&mut *seen.lock().unwrap())
}

/// Every acknowledged order is there under its number, and no number was given twice.
async fn check_orders(address: &str, acknowledged: &[(String, u64)]) {
    let mut customer = Customer::connect(address).await.unwrap();
    let mut orders = BTreeMap::new();
    loop {
        let after = orders.last_key_value().map_or(0, |(number, _)| *number);
        let page = customer.get(&format!("/orders?after={after}&limit=1000")).await.unwrap();
        let rows = page.body["data"].as_array().cloned().expect("a page");
        if rows.is_empty() {
            break;
        }
        orders.extend(rows.into_iter().map(|row| (row["number"].as_u64().unwrap(), row)));
    }
    let mut keys = BTreeMap::new();
    for (key, number) in acknowledged {
        let (who, turn) = key.split_once('-').unwrap();
        let at = who.parse::<usize>().unwrap() + turn.parse::<usize>().unwrap();
        let toy = PRODUCTS[at % PRODUCTS.len()];
        assert_eq!(orders.get(number).map(|row| &row["name"]), Some(&toy.into()), "{key} {number}");
        assert_eq!(keys.insert(number, key), None, "{number} was given twice");
    }
    for (key, number) in acknowledged.iter().step_by(1 + acknowledged.len() / 200) {
        let (who, turn) = key.split_once('-').unwrap();
        let at = who.parse::<usize>().unwrap() + turn.parse::<usize>().unwrap();
        let again = customer.buy(key, PRODUCTS[at % PRODUCTS.len()]).await.unwrap();
        assert_eq!(again.body["data"]["order_number"], *number, "{key}: {again:?}");
    }
}

#[test]
fn a_flood_is_refused_where_it_is_too_much_and_loses_nothing() {
    let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    let mut store = Store::start(Plan::default());
    let address = store.address(&front_end(1));
    let seen = run(flood(&address));
    println!("{:?}, {} unanswered", seen.statuses, seen.unanswered);
    let wrong: Vec<_> = seen.wrong.iter().take(5).collect();
    assert!(wrong.is_empty(), "{} wrong answers: {wrong:#?}", seen.wrong.len());
    assert_eq!(seen.unanswered, 0);
    assert!(seen.acknowledged.len() > 500, "hardly any order was placed");
    assert!(seen.statuses.contains_key(&503), "nothing was too much");
    let (status, body) = store.buy(1, "afterwards", "Tux").unwrap();
    assert_eq!(status, 200, "{body}");
    memory::check(&mut store);
    run(check_orders(&address, &seen.acknowledged));
    store.check_at_rest();
}
