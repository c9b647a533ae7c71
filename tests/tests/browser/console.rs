//! What an operator sees.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use toystore_tests::store::{Plan, Store, front_end, order, wait_for};

use crate::browser::Browser;

fn open(browser: &Browser, store: &Store) {
    browser.open(&format!("{}/console", store.url(1)));
    browser.until("#banner", "Orders are taken");
}

/// Buys all the time, and counts.
fn while_buying(store: &mut Store, act: impl FnOnce(&mut Store, &AtomicU64)) {
    let (bought, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let (url, http) = (format!("{}/orders", store.url(1)), store.http().clone());
    let shopping = || {
        while !over.load(Ordering::Relaxed) {
            let request = http.post(&url).json(&serde_json::json!({"name": "Tux", "quantity": 1}));
            match request.send() {
                Ok(answer) if answer.status().as_u16() == 200 => {
                    bought.fetch_add(1, Ordering::Relaxed);
                }
                // Not too fast for a store that is busy with something else.
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(shopping);
        // Also when the test fails: else it would wait for its customer for ever.
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _over = Over(&over);
        act(store, &bought);
    });
}

fn more_than(bought: &AtomicU64, before: u64) {
    wait_for("more orders", || (bought.load(Ordering::Relaxed) > before).then_some(()));
}

#[test]
fn a_killed_leader_is_replaced_before_ones_eyes_while_buying_goes_on() {
    let Some(browser) = Browser::start() else { return };
    let mut store = Store::start(Plan::default());
    open(&browser, &store);
    browser.until("#banner", "Replica 3 leads in epoch 1.");
    browser.until("#compared", "are equal");
    assert_eq!(browser.text("#in-sync").unwrap(), "1, 2, 3");
    while_buying(&mut store, |store, bought| {
        more_than(bought, 10);
        store.kill(&order(3));
        browser.until("#banner", "Orders are taken. Replica 2 leads in epoch 2.");
        more_than(bought, bought.load(Ordering::Relaxed) + 10);
        browser.until("#in-sync", "1, 2");
        browser.until("#replicas tbody tr:nth-child(3)", "no answer");
        browser.until("#news", "Replica 2 leads, in epoch 2");
        browser.until("#news", "Replica 3 left the in-sync set");
        browser.until("#news", "Replica 3 does not answer");
        wait_for("the plot of orders", || {
            let rate: f64 = browser.text("#rate")?.parse().ok()?;
            (rate > 0.0).then_some(())
        });
        browser.until("#latency", "99 % ≤");
    });
    let leaders = browser.run("return document.querySelectorAll('#leaders tbody tr').length");
    assert_eq!(leaders, 2);
    store.run(&order(3));
    browser.until("#news", "Replica 3 answers again");
    browser.until("#news", "Replica 3 joined the in-sync set");
    browser.until("#in-sync", "1, 2, 3");
    browser.until("#compared", "The contents of all that answer are equal.");
    let hashes =
        browser.run("return [...document.querySelectorAll('#replicas .hash')].map((h) => h.title)");
    let hashes = hashes.as_array().unwrap();
    assert!(hashes.len() == 3 && hashes.iter().all(|hash| hash == &hashes[0]), "{hashes:?}");
    browser.is_content();
}

#[test]
fn a_catalog_that_goes_and_comes_is_told_of() {
    let Some(browser) = Browser::start() else { return };
    let mut store = Store::start(Plan { replicas: 1, ..Plan::default() });
    open(&browser, &store);
    browser.until("#catalog", "answers");
    store.kill("catalog");
    browser.until("#banner", "No orders are taken: the catalog does not answer.");
    browser.until("#news", "The catalog does not answer");
    store.run("catalog");
    browser.until("#news", "The catalog answers again");
    browser.until("#banner", "Orders are taken.");
    browser.is_content();
}

#[test]
fn the_console_connects_again_by_itself() {
    let Some(browser) = Browser::start() else { return };
    let mut store = Store::start(Plan { replicas: 1, ..Plan::default() });
    open(&browser, &store);
    store.kill(&front_end(1));
    browser.until("#banner", "connecting again");
    store.run(&front_end(1));
    browser.until("#banner", "Orders are taken.");
    browser.until("#news", "Replica 1 leads, in epoch 1");
    browser.is_content();
}

#[test]
fn one_who_watches_does_not_keep_the_front_end_from_stopping() {
    let Some(browser) = Browser::start() else { return };
    let mut store = Store::start(Plan { replicas: 1, ..Plan::default() });
    open(&browser, &store);
    assert!(store.terminate(&front_end(1)).success());
    let log = store.log(&front_end(1));
    assert!(!log.contains("dropping what did not end in time"), "{log}");
}
