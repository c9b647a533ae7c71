//! Placing orders while things go wrong: one key, many copies, and when the outcome is known.

use std::time::{Duration, Instant};

use toystore_replication::messages::{OrderRefusal, OrderReply, PlaceOrder};

use crate::replica::Act;
use crate::store::{PATIENCE, Setup, Store};

/// All copies are of one attempt under one key; all but the first few are flagged.
fn assert_one_attempt(copies: &[PlaceOrder], unflagged: usize) {
    for (at, copy) in copies.iter().enumerate() {
        assert_eq!(copy.attempt, copies[0].attempt);
        assert_eq!(copy.purchase, copies[0].purchase);
        assert_eq!(copy.repeat, at >= unflagged, "copy {at} of {}", copies.len());
    }
}

async fn until_asked(store: &Store, id: u8) {
    let asked = async {
        while store.replica(id).state.lock().copies.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("a copy in time");
}

#[tokio::test]
async fn an_order_outlives_the_leader_that_placed_it() {
    let mut store = Store::open(Setup::default()).await;
    store.replica(3).state.lock().acts.push_back(Act::PlaceAndHang);
    let customer = store.customer();
    let buying =
        tokio::spawn(async move { customer.order("", r#"{"name":"Tux","quantity":1}"#).await });
    until_asked(&store, 3).await;
    store.kill(3).await;
    let placed = buying.await.unwrap();
    assert_eq!(placed.data()["order_number"], 1);
    assert_eq!(store.world.lock().book.purchases.len(), 1);
    let mut copies = store.replica(3).state.lock().copies.clone();
    copies.extend(store.replica(2).state.lock().copies.clone());
    assert!(copies.len() >= 2);
    assert_one_attempt(&copies, 1);
    assert!(copies[1].epoch > copies[0].epoch);
}

#[tokio::test]
async fn a_stopped_leader_does_not_hold_an_order_up() {
    let store = Store::open(Setup::default()).await;
    store.replica(3).state.lock().acts.push_back(Act::Hang);
    let customer = store.customer();
    let begun = Instant::now();
    let buying = tokio::spawn(async move { customer.buy("a").await });
    until_asked(&store, 3).await;
    store.replica(3).state.lock().stopped = true;
    assert_eq!(buying.await.unwrap().status, 200);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_repeat_that_is_refused_is_refused_for_good() {
    let store = Store::open(Setup::default()).await;
    store.replica(3).state.lock().acts.extend([
        Act::Answer(OrderReply::Unknown),
        Act::Answer(OrderReply::Refused(OrderRefusal::OutOfStock)),
    ]);
    assert_eq!(store.buy("a").await.status, 409);
    assert_one_attempt(&store.replica(3).state.lock().copies, 1);
}

#[tokio::test]
async fn what_is_surely_not_done_is_no_repeat() {
    let store = Store::open(Setup::default()).await;
    let not_leader = Act::Answer(OrderReply::Refused(OrderRefusal::NotLeader(None)));
    store.replica(3).state.lock().acts.extend([not_leader.clone(), not_leader]);
    assert_eq!(store.buy("a").await.status, 200);
    assert_one_attempt(&store.replica(3).state.lock().copies, 3);
}

#[tokio::test]
async fn an_unknown_outcome_stays_unknown_whatever_is_refused_later() {
    let store = Store::open(Setup::default()).await;
    {
        let mut state = store.replica(3).state.lock();
        state.acts.push_back(Act::Answer(OrderReply::Unknown));
        state.always = Some(Act::Answer(OrderReply::Refused(OrderRefusal::Busy)));
    }
    let begun = Instant::now();
    let unknown = store.buy("a").await;
    assert!(begun.elapsed() < Duration::from_millis(5500), "{:?}", begun.elapsed());
    assert_eq!((unknown.status, unknown.header("idempotency-key")), (504, Some("a")));
    assert_eq!(unknown.message(), "outcome unknown, repeat with the same Idempotency-Key");
    assert_one_attempt(&store.replica(3).state.lock().copies, 1);
}

#[tokio::test]
async fn a_refusal_of_the_first_copy_is_passed_on_at_once() {
    let store = Store::open(Setup::default()).await;
    for refusal in [OrderRefusal::Busy, OrderRefusal::TooFewInSync, OrderRefusal::Expired] {
        store.replica(3).state.lock().acts.push_back(Act::Answer(OrderReply::Refused(refusal)));
        let begun = Instant::now();
        let refused = store.buy("a").await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
    assert_eq!(store.buy("a").await.status, 200);
}

#[tokio::test]
async fn without_any_replica_orders_are_refused_and_say_why() {
    let mut store = Store::open(Setup::default()).await;
    for id in 1..=3 {
        store.kill(id).await;
    }
    let begun = Instant::now();
    let (bought, read, listed) =
        tokio::join!(store.buy("a"), store.get("/orders/1"), store.get("/orders"));
    assert!(begun.elapsed() < Duration::from_millis(5500), "{:?}", begun.elapsed());
    for refused in [bought, read, listed] {
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
        let why = refused.message();
        assert_eq!(why, "no in-sync replica answers; waiting for one of 1, 2, 3");
    }
}

#[tokio::test]
async fn a_follower_may_say_that_an_order_is_there_but_not_that_it_is_not() {
    let store = Store::open(Setup::default()).await;
    assert_eq!(store.buy("a").await.status, 200);
    // The catalog keeps the leader, and no follower knows it any more.
    store.catalog.state.lock().keeps = true;
    store.replica(3).state.lock().stopped = true;
    assert_eq!(store.get("/orders/1").await.status, 200);
    for id in [1, 2] {
        store.replica(id).state.lock().stopped = true;
    }
    assert_eq!(store.get("/orders/2").await.status, 503);
}
