//! Replicas at whose address nobody answers: the others go on, and customers see delay at most.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use toystore_tests::load::Load;
use toystore_tests::store::{Plan, Store, order, wait_for};

/// More connections than any queue takes.
const QUEUE: usize = 10_000;

/// What takes a dead replica's place.
struct Hole {
    listener: TcpListener,
    own: Vec<TcpStream>,
}

impl Hole {
    /// Connections are taken, and nothing is ever answered.
    fn mute(address: &str) -> Self {
        let listener = wait_for("a free port", || TcpListener::bind(address).ok());
        Self { listener, own: Vec::new() }
    }

    /// Not even connections are taken: the queue of those that wait is full.
    fn deaf(address: &str) -> Self {
        let Self { listener, .. } = Self::mute(address);
        let (address, patience) = (listener.local_addr().unwrap(), Duration::from_millis(100));
        let connect = || TcpStream::connect_timeout(&address, patience).ok();
        Self { listener, own: std::iter::from_fn(connect).take(QUEUE).collect() }
    }

    /// How many connections wait.
    fn swallowed(&self) -> usize {
        self.listener.set_nonblocking(true).unwrap();
        std::iter::from_fn(|| self.listener.accept().ok()).count()
    }
}

fn last_order(store: &Store) -> Option<u64> {
    let cluster = store.cluster(1)?;
    cluster["replicas"].as_array()?.iter().filter_map(|r| r["last_order"].as_u64()).max()
}

/// Waits until so many more orders were placed.
fn orders_flow(store: &Store, more: u64) {
    let before = wait_for("a replica that answers", || last_order(store));
    wait_for("orders to flow", || (last_order(store)? >= before + more).then_some(()));
}

/// Takes a replica away, puts a hole in its place, and lets the store go on without it.
fn a_replica_is_swallowed(id: u8, seed: u64, dig: fn(&str) -> Hole) {
    let mut store = Store::start(Plan::default());
    let load = Load::start(&store, &[1], 5, seed);
    orders_flow(&store, 50);
    let (name, address) = (order(id), store.address(&order(id)));
    store.kill(&name);
    let hole = dig(&address);
    wait_for("the replica to leave the in-sync set", || {
        let cluster = store.cluster(1)?;
        let gone = !cluster["in_sync"].as_array()?.iter().any(|member| *member == id);
        (gone && cluster["leader"] != id).then_some(())
    });
    orders_flow(&store, 100);
    // A leader that loses a follower goes on leading.
    assert_eq!(store.leader(), if id == 3 { 2 } else { 3 });
    assert!(hole.own.len() < QUEUE && (!hole.own.is_empty() || hole.swallowed() > 0), "no hole");
    drop(hole);
    store.run(&name);
    store.wait_until_follows(&name);
    let report = load.finish();
    assert_eq!(report.errors(), 0, "{}", report.summary());
    store.check_at_rest();
}

#[test]
fn a_follower_that_takes_connections_and_never_answers_is_left_out() {
    a_replica_is_swallowed(1, 1, Hole::mute);
}

#[test]
fn a_follower_that_takes_no_connections_is_left_out() {
    a_replica_is_swallowed(1, 2, Hole::deaf);
}

#[test]
fn a_leader_that_takes_connections_and_never_answers_is_replaced() {
    a_replica_is_swallowed(3, 3, Hole::mute);
}

#[test]
fn a_leader_that_takes_no_connections_is_replaced() {
    a_replica_is_swallowed(3, 4, Hole::deaf);
}
