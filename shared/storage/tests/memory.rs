//! Memory follows sled's page cache and the index of keys, not what was written. A test process of its
//! own, for it reads how much memory the process has.

#![allow(clippy::unwrap_used)]

use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_replication::{ClusterId, Entry, Epoch, Position, ReplicaId, Write};
use toystore_storage::OrderStore;

const ID: ReplicaId = ReplicaId(1);
/// Far less than is written.
const CACHE_BYTES: u64 = 1 << 20;
const PAGE: usize = 1000;
const PAGES: u64 = 2000;

/// The next page.
fn page(after: Position) -> Vec<Entry> {
    let mut last = after;
    let next = || {
        let scattered = (last.number.0 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let key = OrderKey::new(&format!("{scattered:016x}")).unwrap();
        let (product, quantity) = (ProductName::new("Tux").unwrap(), Quantity::new(1).unwrap());
        let entry = Entry::after(&last, Epoch(1), Purchase { key, product, quantity });
        last = entry.position();
        entry
    };
    std::iter::repeat_with(next).take(PAGE).collect()
}

/// Memory of this process, in bytes.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn what_is_written_leaves_the_memory() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("order-1");
    OrderStore::create(&dir, ID).unwrap();
    let mut store = OrderStore::open_with(&dir, ID, CACHE_BYTES).unwrap();
    let before = resident();
    for _ in 0..PAGES {
        let entries = page(store.last());
        let commit = OrderNumber::ZERO;
        let (promise, mark) = (Epoch(1), Epoch(1));
        let cluster = Some(ClusterId(5));
        let write = Write { truncate_above: None, entries, cluster, promise, mark, commit };
        store.apply(vec![write]).unwrap();
    }
    let (grown, written) = (resident().saturating_sub(before), store.size_on_disk());
    println!("{} orders, {written} bytes: {grown} bytes more memory", store.last().number);
    assert!(written > 128 * CACHE_BYTES, "too little was written to tell: {written} bytes");
    assert!(grown < 128 * CACHE_BYTES, "memory grew by {grown} bytes");
}
