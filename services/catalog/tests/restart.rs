//! A catalog that is killed between saving a change and telling the lease holders of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use toystore_authority::messages::{Propose, Proposed};
use toystore_coherence::messages::{LookUp, PutProduct, RenewLease};
use toystore_domain::ProductName;
use toystore_host::{Address, Caller, ClusterToken};
use toystore_replication::view::Proposal;
use toystore_replication::{Incarnation, Member, ReplicaId, Revision, StoreId};

/// A process that does not outlive a test that fails.
struct Running(Child);

impl Running {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path, address: &str) -> Running {
    let child = Command::new(env!("CARGO_BIN_EXE_toystore-catalog"))
        .args(["serve", "--listen", address, "--replicas", "1=127.0.0.1:9"])
        .arg("--data")
        .arg(folder.join("catalog"))
        .arg("--products")
        .arg(folder.join("products.csv"))
        .arg("--cluster-token")
        .arg(folder.join("token"))
        .stderr(Stdio::null())
        .spawn();
    Running(child.unwrap())
}

/// The status of `/readyz`, and the body.
async fn ready(address: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let asked = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some((answer.get(9..12)?.parse().ok()?, answer))
}

#[tokio::test]
async fn a_change_that_nobody_was_told_of_shows_only_after_the_leases() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("products.csv"), "name,price,stock\nTux,25.99,100\n")
        .unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "0123456789abcdef0123456789abcdef0123456789abcdef\n").unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let address = {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        free.local_addr().unwrap().to_string()
    };
    // A front end that holds a lease, caches, and does not hear the invalidation.
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let caller = Caller::new(ClusterToken::read(&token).unwrap()).unwrap();
    let to: Address = address.parse().unwrap();
    let second = Duration::from_secs(1);
    let name = ProductName::new("Tux").unwrap();
    let mut catalog = start(folder.path(), &address);
    let mut look_up = LookUp { name: name.clone(), session: None };
    let leader = Member { id: ReplicaId(1), store: StoreId(1), incarnation: Incarnation(1) };
    let proposal = Proposal { revision: Revision(0), leader, in_sync: vec![leader], unfit: vec![] };
    loop {
        // Before the first leader it answers nothing about products.
        let refused = caller.call(&to, &look_up, second).await;
        assert!(refused.is_err(), "{refused:?}");
        if let Some((status, why)) = ready(&address).await {
            assert!(status == 503 && why.contains("leader: the catalog is new"), "{why}");
        }
        let propose = Propose { proposal: proposal.clone() };
        if let Ok(Proposed::Accepted(_)) = caller.call(&to, &propose, second).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Past the quiet time of the first process.
    while caller.call(&to, &look_up, second).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // All that the process before it granted has run out.
    let answer = ready(&address).await;
    assert!(answer.as_ref().is_some_and(|(status, _)| *status == 200), "{answer:?}");
    let renew = RenewLease { address: deaf.local_addr().unwrap().to_string(), session: None };
    let sent = Instant::now();
    let granted = caller.call(&to, &renew, second).await.unwrap();
    look_up.session = Some(granted.session);
    let cached = caller.call(&to, &look_up, second).await.unwrap();
    assert!(cached.cacheable);
    let lease_ends = sent + Duration::from_millis(granted.millis - 10);
    let put = PutProduct { name, price: None, stock: Some(7) };
    let changed = caller.call(&to, &put, Duration::from_millis(150)).await;
    assert!(changed.is_err(), "not answered before the lease has run out");
    catalog.kill();
    let mut catalog = start(folder.path(), &address);
    let why = loop {
        match ready(&address).await {
            Some((503, why)) => break Some(why),
            // The lease had run out before the port was open.
            Some(_) => break None,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert!(why.is_none_or(|why| why.contains("leases: leases of an earlier process")));
    let seen = loop {
        if let Ok(looked_up) = caller.call(&to, &look_up, second).await {
            break looked_up;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let left = lease_ends.saturating_duration_since(Instant::now());
    catalog.kill();
    println!("cached {cached:?}\nseen {seen:?}\nlease still runs {left:?}");
    assert!(left.is_zero() || seen.product == cached.product, "a stale cache, for {left:?} more");
}
