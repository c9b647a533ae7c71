//! How the process ends, and what it says then.

// Tests fail by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use structopt::StructOpt;
use tempfile::TempDir;
use tokio::net::TcpListener;
use toystore_domain::{OrderKey, ProductName, Purchase, Quantity};
use toystore_host::{Address, Caller, ClusterToken, Shutdown};
use toystore_order::{Options, OrderError, run};
use toystore_replication::messages::{Append, Status};
use toystore_replication::{
    ClusterId, Entry, Epoch, Fatal, Member, Position, ReplicaId, Revision, View,
};

const TOKEN: &str = "a-token-for-this-test";
const PATIENCE: Duration = Duration::from_secs(5);

fn options(folder: &Path) -> Options {
    let (token, data) = (folder.join("token"), folder.join("data"));
    fs::write(&token, TOKEN).unwrap();
    let (token, data) = (token.to_str().unwrap(), data.to_str().unwrap());
    Options::from_iter([
        "order",
        "--id=1",
        "--replicas=1=127.0.0.1:1,2=127.0.0.1:2",
        "--catalog=127.0.0.1:3",
        &format!("--data={data}"),
        &format!("--cluster-token={token}"),
    ])
}

/// An append whose entry does not follow the one before: one of the two logs is damaged.
async fn damage(address: Address) {
    let caller = Caller::new(ClusterToken::new(TOKEN).unwrap()).unwrap();
    let health = caller.call(&address, &Status, PATIENCE).await.unwrap();
    let leader = Member { id: ReplicaId(2), ..health.member };
    let view = View {
        cluster: ClusterId(1),
        epoch: Epoch(1),
        revision: Revision(1),
        leader,
        in_sync: vec![health.member, leader],
    };
    let purchase = Purchase {
        key: OrderKey::new("k").unwrap(),
        product: ProductName::new("Tux").unwrap(),
        quantity: Quantity::new(1).unwrap(),
    };
    let first = Entry::after(&Position::ORIGIN, Epoch(1), purchase.clone());
    let second = Entry::after(&first.position(), Epoch(1), purchase);
    let append = Append {
        view,
        to: health.member.store,
        start: Position::ORIGIN,
        previous: Position::ORIGIN,
        commit: Position::ORIGIN.number,
        entries: vec![second],
    };
    let _ = caller.call(&address, &append, PATIENCE).await;
}

#[tokio::test]
async fn a_log_that_cannot_be_right_is_set_aside_and_said_so() {
    // What ends together is noticed in any order.
    for _ in 0..20 {
        let folder = TempDir::new().unwrap();
        let options = options(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let (_trigger, shutdown) = Shutdown::manual();
        let (ended, ()) = tokio::join!(run(options, listener, shutdown), damage(address));
        assert!(matches!(ended, Err(OrderError::SetAside(Fatal::ChainBroken(_), _))), "{ended:?}");
        assert!(!folder.path().join("data").exists());
    }
}
