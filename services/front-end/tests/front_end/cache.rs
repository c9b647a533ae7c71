//! The cache in a running front end.

use std::time::{Duration, Instant};

use serde_json::json;
use toystore_coherence::{SessionId, grants::Grants};
use toystore_host::ambient::boot_millis;

use crate::customer::Answer;
use crate::store::{Setup, Store};

fn quantity(answer: &Answer) -> u64 {
    answer.data()["quantity"].as_u64().unwrap()
}

#[tokio::test]
async fn a_changed_product_is_looked_up_again() {
    let store = Store::open(Setup::default()).await;
    assert!(store.get("/products/Tux").await.is_hit());
    store.catalog.change(&store.at, "Tux", 99).await;
    let changed = store.get("/products/Tux").await;
    assert_eq!((quantity(&changed), changed.is_hit()), (99, false));
    assert_eq!(changed.header("etag"), Some("\"8\""));
    assert!(store.get("/products/Tux").await.is_hit());
    assert_eq!(store.get("/cluster").await.data()["cache"]["invalidations"], 1);
}

#[tokio::test]
async fn an_invalidation_kills_a_look_up_under_way() {
    let store = Store::open(Setup::default()).await;
    let gate = store.catalog.close_gate();
    let customer = store.customer();
    let old = tokio::spawn(async move { customer.get("/products/Uno").await });
    gate.arrived.notified().await;
    // The old value is on its way; now it changes, and the change is acknowledged.
    store.catalog.change(&store.at, "Uno", 1).await;
    store.catalog.state.lock().gate = None;
    gate.open.add_permits(1);
    assert_eq!(quantity(&old.await.unwrap()), 100);
    assert_eq!(quantity(&store.get("/products/Uno").await), 1);
    let cached = store.get("/products/Uno").await;
    assert_eq!((quantity(&cached), cached.is_hit()), (1, true));
}

#[tokio::test]
async fn what_the_catalog_forbids_to_cache_is_not_cached() {
    let store = Store::open(Setup::default()).await;
    store.catalog.state.lock().cacheable = false;
    for _ in 0..3 {
        assert!(!store.get("/products/Uno").await.is_hit());
    }
    store.catalog.state.lock().cacheable = true;
    assert!(!store.get("/products/Uno").await.is_hit());
    assert!(store.get("/products/Uno").await.is_hit());
}

#[tokio::test]
async fn a_lease_that_has_run_out_answers_nothing() {
    let store = Store::open(Setup { lease_ms: 300, ..Setup::default() }).await;
    store.catalog.state.lock().grants = None;
    store.until("/products/Tux", |answer| !answer.is_hit()).await;
    // Nobody told the front end, and it knows.
    store.catalog.state.lock().products.values_mut().for_each(|toy| toy.stock = 5);
    for _ in 0..3 {
        let answer = store.get("/products/Tux").await;
        assert_eq!((quantity(&answer), answer.is_hit()), (5, false));
    }
    // A new session begins with an empty cache.
    let grants = Grants::new(60_000, SessionId(50), 0, 10, boot_millis());
    store.catalog.state.lock().grants = Some(grants);
    let hit = store.until("/products/Tux", Answer::is_hit).await;
    assert_eq!(quantity(&hit), 5);
}

#[tokio::test]
async fn another_session_empties_the_cache() {
    let store = Store::open(Setup { lease_ms: 600, ..Setup::default() }).await;
    store.get("/products/Uno").await;
    assert!(store.get("/products/Uno").await.is_hit());
    {
        // A catalog that restarted knows no session of before.
        let mut state = store.catalog.state.lock();
        state.grants = Some(Grants::new(60_000, SessionId(50), 0, 10, boot_millis()));
        state.products.values_mut().for_each(|toy| toy.stock = 5);
    }
    store.until("/products/Tux", |answer| quantity(answer) == 5).await;
    assert_eq!(quantity(&store.get("/products/Uno").await), 5);
}

#[tokio::test]
async fn without_a_cache_every_look_up_goes_to_the_catalog() {
    let store = Store::open(Setup { cache: false, ..Setup::default() }).await;
    let before = store.catalog.state.lock().look_ups;
    for _ in 0..3 {
        let answer = store.get("/products/Tux").await;
        assert_eq!(answer.header("cache-status"), Some("toystore; fwd=miss"));
    }
    assert_eq!(store.catalog.state.lock().look_ups, before + 3);
    let cache = store.get("/cluster").await.data()["cache"].clone();
    let off = json!({"enabled": false, "entries": 0, "hits": 0, "misses": 0, "invalidations": 0});
    assert_eq!(cache, off);
}

#[tokio::test]
async fn without_the_catalog_the_lease_still_answers_and_the_rest_is_refused() {
    let mut store = Store::open(Setup::default()).await;
    store.catalog.server.kill().await;
    assert!(store.get("/products/Tux").await.is_hit());
    let refused = store.get("/products/Uno").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(refused.message(), "the catalog does not answer");
    let not_ready = store.until("/readyz", |answer| answer.status == 503).await;
    assert_eq!(not_ready.message(), "the catalog does not answer");
}

#[tokio::test]
async fn a_silent_catalog_holds_no_reader_for_long() {
    let store = Store::open(Setup::default()).await;
    let gate = store.catalog.close_gate();
    let begun = Instant::now();
    let (one, two, cached) = tokio::join!(
        store.get("/products/Uno"),
        store.get("/products/Uno"),
        store.get("/products/Tux")
    );
    assert!(begun.elapsed() < Duration::from_millis(3500), "{:?}", begun.elapsed());
    assert_eq!((one.status, two.status, cached.status), (503, 503, 200));
    store.catalog.state.lock().gate = None;
    gate.open.add_permits(100);
    assert_eq!(store.get("/products/Uno").await.status, 200);
    store.until("/products/Uno", Answer::is_hit).await;
}
