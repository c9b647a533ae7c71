//! Clients that send a byte a second.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::task::JoinSet;
use toystore_tests::store::{Plan, Store, front_end};

use crate::customer::Customer;
use crate::{MACHINE, memory, run};

const SLOW: usize = 300;

/// Begins a request and goes on a byte a second; the status it is cut off with.
async fn dawdle(address: String, in_the_body: bool) -> Option<u16> {
    let mut customer = Customer::connect(&address).await?;
    let head = "POST /orders HTTP/1.1\r\nHost: a\r\n";
    customer.send(head.as_bytes()).await?;
    let answer = if in_the_body {
        customer.send(b"Content-Length: 4000\r\n\r\n{").await?;
        customer.dawdle(b" ").await?
    } else {
        customer.dawdle(b"X: y\r\n").await?
    };
    customer.is_closed().await.then_some(answer.status)
}

/// Shops until the slow ones are gone.
async fn shop(address: &str) {
    let mut customer = Customer::connect(address).await.unwrap();
    for turn in 0.. {
        let look = customer.get("/products/Tux").await.expect("an answer");
        assert_eq!(look.status, 200, "{look:?}");
        let bought = customer.buy(&format!("good-{turn}"), "Tux").await.expect("an answer");
        assert_eq!(bought.status, 200, "{bought:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn slow_clients_are_cut_off_and_good_ones_served() {
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    let mut store = Store::start(Plan::default());
    let address = store.address(&front_end(1));
    run(async {
        let mut slow = JoinSet::new();
        for who in 0..SLOW {
            slow.spawn(dawdle(address.clone(), who % 2 == 0));
        }
        let mut told = 0;
        let all_gone = async {
            while let Some(ended) = slow.join_next().await {
                // A byte that comes after the end resets the connection, and may undo the answer.
                if let Some(status) = ended.unwrap() {
                    assert_eq!(status, 408, "what a slow client is told");
                    told += 1;
                }
            }
        };
        tokio::select! {
            () = all_gone => {}
            () = shop(&address) => {}
        }
        assert!(told >= SLOW * 9 / 10, "{told} of {SLOW} were told why they are cut off");
    });
    memory::check(&mut store);
    store.check_at_rest();
}
