//! Choosing a leader.

use std::time::{Duration, Instant};

use toystore_replication::Epoch;

use crate::store::{Setup, Store};

#[tokio::test]
async fn the_first_leader_is_the_highest_id_when_all_answer() {
    let store = Store::open(Setup::default()).await;
    let view = store.catalog.state.lock().view.clone().unwrap();
    assert_eq!((view.leader.id.0, view.epoch), (3, Epoch(1)));
    assert_eq!(store.catalog.state.lock().proposals.len(), 1);
    assert!(store.replica(3).state.lock().leads);
}

#[tokio::test]
async fn the_first_start_waits_for_every_replica() {
    let setup = Setup::default();
    let mut store = Store::start(setup).await;
    store.kill(2).await;
    let not_ready = store.until("/readyz", |a| a.status == 503 && a.body.contains("waiting")).await;
    assert!(not_ready.message().ends_with("waiting for 2"), "{not_ready:?}");
}

#[tokio::test]
async fn a_killed_leader_is_replaced_at_once() {
    let mut store = Store::open(Setup::default()).await;
    assert_eq!(store.buy("a").await.status, 200);
    store.kill(3).await;
    let begun = Instant::now();
    assert_eq!(store.buy("b").await.status, 200);
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(500), "{took:?}");
    let view = store.catalog.state.lock().view.clone().unwrap();
    assert_eq!((view.leader.id.0, view.epoch, view.in_sync.len()), (2, Epoch(2), 2));
}

#[tokio::test]
async fn without_load_the_heartbeat_notices() {
    let mut store = Store::open(Setup::default()).await;
    store.kill(3).await;
    store.until("/cluster", |answer| answer.data()["leader"] == 2).await;
    store.until("/readyz", |answer| answer.status == 200).await;
}

#[tokio::test]
async fn a_stopped_leader_is_replaced() {
    let store = Store::open(Setup::default()).await;
    store.replica(3).state.lock().stopped = true;
    let begun = Instant::now();
    assert_eq!(store.buy("a").await.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(store.catalog.state.lock().view.as_ref().unwrap().leader.id.0, 2);
}

#[tokio::test]
async fn a_leader_that_was_not_told_is_told() {
    let store = Store::open(Setup::default()).await;
    {
        let mut state = store.replica(3).state.lock();
        (state.leads, state.view) = (false, None);
    }
    assert_eq!(store.buy("a").await.status, 200);
    assert_eq!(store.catalog.state.lock().proposals.len(), 1);
}

#[tokio::test]
async fn a_choice_of_others_is_followed() {
    let store = Store::open(Setup::default()).await;
    let view = {
        let mut state = store.catalog.state.lock();
        let view = state.view.clone().unwrap().force(store.replica(1).state.lock().member);
        state.view = Some(view.clone());
        view
    };
    {
        let mut state = store.replica(3).state.lock();
        (state.leads, state.view) = (false, Some(view));
    }
    assert_eq!(store.buy("a").await.status, 200);
    assert!(store.replica(1).state.lock().leads);
}

#[tokio::test]
async fn a_leader_that_only_the_catalog_reaches_is_reached_through_a_follower() {
    let store = Store::open(Setup::default()).await;
    store.catalog.state.lock().keeps = true;
    store.replica(3).state.lock().cut_off = true;
    assert_eq!(store.buy("a").await.status, 200);
    assert_eq!(store.get("/orders/1").await.status, 200);
    assert_eq!(store.get("/orders/2").await.status, 404);
    assert_eq!(store.get("/orders").await.status, 200);
    let forwarded =
        store.replica(1).state.lock().forwarded + store.replica(2).state.lock().forwarded;
    assert!(forwarded >= 3, "{forwarded}");
    assert_eq!(store.catalog.state.lock().view.as_ref().unwrap().epoch, Epoch(1));
    // It comes back, and is asked itself again.
    store.replica(3).state.lock().cut_off = false;
    store.until("/cluster", |answer| answer.data()["replicas"][2]["healthy"] == true).await;
    let begun = Instant::now();
    loop {
        let before =
            store.replica(1).state.lock().forwarded + store.replica(2).state.lock().forwarded;
        assert_eq!(store.buy("b").await.status, 200);
        let after =
            store.replica(1).state.lock().forwarded + store.replica(2).state.lock().forwarded;
        if before == after {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn two_front_ends_agree_on_one_new_leader() {
    let mut store = Store::open(Setup::default()).await;
    let second = store.second_front_end().await;
    assert_eq!(second.buy("a").await.status, 200);
    store.kill(3).await;
    let (b, c) = tokio::join!(store.buy("b"), second.buy("c"));
    assert_eq!((b.status, c.status), (200, 200));
    let view = store.catalog.state.lock().view.clone().unwrap();
    assert_eq!((view.leader.id.0, view.epoch), (2, Epoch(2)));
}
