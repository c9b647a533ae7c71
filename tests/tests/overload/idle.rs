//! Connections on which nothing happens, up to the cap and above it.

use std::sync::PoisonError;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use toystore_host::limits::MAX_CONNECTIONS;
use toystore_tests::store::{Plan, Store, front_end};

use crate::customer::{Customer, PATIENCE};
use crate::{MACHINE, memory, run};

/// Left below the cap for good clients, the catalog, and what the test itself asks for.
const ROOM: usize = 50;
/// Opened above the cap.
const ABOVE: usize = 80;

/// Whether this process may have that many connections; both ends need it.
fn may_open(connections: usize) -> bool {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    raised.is_ok() && limit.maximum.is_none_or(|most| most > connections as u64 + 500)
}

async fn open(address: &str, count: usize) -> Vec<Customer> {
    let mut idle = Vec::with_capacity(count);
    for _ in 0..count {
        idle.push(Customer::connect(address).await.expect("a connection"));
    }
    idle
}

/// A connection that is served; the store may not have seen yet that others are gone.
async fn served(address: &str) -> Customer {
    loop {
        let mut customer = Customer::connect(address).await.unwrap();
        if customer.get("/products/Tux").await.is_some_and(|answer| answer.status == 200) {
            return customer;
        }
    }
}

#[test]
fn idle_connections_leave_room_up_to_the_cap_and_are_turned_away_above() {
    let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    if !may_open(MAX_CONNECTIONS + ABOVE) {
        println!("SKIPPED: too few file descriptors allowed");
        return;
    }
    let mut store = Store::start(Plan::default());
    let address = store.address(&front_end(1));
    run(async {
        let mut good = Customer::connect(&address).await.unwrap();
        let mut idle = open(&address, MAX_CONNECTIONS - ROOM).await;
        assert_eq!(good.buy("among-idle", "Tux").await.unwrap().status, 200);
        let mut newcomer = Customer::connect(&address).await.unwrap();
        assert_eq!(newcomer.get("/products/Tux").await.unwrap().status, 200);

        idle.extend(open(&address, ROOM).await);
        for mut above in open(&address, ABOVE).await {
            let refusal = above.answer().await.expect("a refusal without a request");
            assert!(refusal.status == 503 && refusal.says_when(), "{refusal:?}");
            assert!(above.is_closed().await);
        }
        assert_eq!(good.buy("above-the-cap", "Tux").await.unwrap().status, 200);
        assert_eq!(newcomer.get("/products/Tux").await.unwrap().status, 200);

        drop(idle);
        let mut after = tokio::time::timeout(PATIENCE, served(&address)).await.expect("room again");
        assert_eq!(after.buy("afterwards", "Tux").await.unwrap().status, 200);
    });
    memory::check(&mut store);
    store.check_at_rest();
}
