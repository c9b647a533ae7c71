//! What it costs to put a message on the wire, and to take it off.

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toystore_codec::{decode, encode};
use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_replication::messages::{Append, PlaceOrder};
use toystore_replication::{
    Attempt, ClusterId, Entry, Epoch, Incarnation, Member, Position, ReplicaId, Revision, StoreId,
    View,
};

const VERSION: u8 = 1;
const ENTRIES: u64 = 100;

fn purchase(number: u64) -> Purchase {
    Purchase {
        key: OrderKey::new(&format!("{:016x}-17-{number}", u64::MAX)).unwrap(),
        product: ProductName::new("Elephant").unwrap(),
        quantity: Quantity::new(1).unwrap(),
    }
}

fn place_order() -> PlaceOrder {
    PlaceOrder {
        epoch: Epoch(3),
        attempt: Attempt(u64::MAX / 3),
        repeat: false,
        purchase: purchase(1),
        patience_ms: 4500,
    }
}

fn append() -> Append {
    let member = |id: u8| Member {
        id: ReplicaId(id),
        store: StoreId(u128::MAX / u128::from(id)),
        incarnation: Incarnation(2),
    };
    let start = Position { number: OrderNumber(1_000_000), ..Position::ORIGIN };
    let mut last = start;
    let entry = |number| {
        let entry = Entry::after(&last, Epoch(3), purchase(number));
        last = entry.position();
        entry
    };
    let entries = (0..ENTRIES).map(entry).collect();
    let view = View {
        cluster: ClusterId(u128::MAX / 7),
        epoch: Epoch(3),
        revision: Revision(5),
        leader: member(3),
        in_sync: (1..=3).map(member).collect(),
    };
    Append { view, to: member(1).store, start, previous: start, entries, commit: start.number }
}

fn both<T: Serialize + DeserializeOwned>(criterion: &mut Criterion, name: &str, message: &T) {
    let frame = encode(VERSION, message).unwrap();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(frame.len() as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| encode(VERSION, black_box(message)).unwrap());
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| decode::<T>(VERSION, black_box(&frame)).unwrap());
    });
    group.finish();
}

fn codec(criterion: &mut Criterion) {
    both(criterion, "codec: an order", &place_order());
    both(criterion, "codec: an append of 100 entries", &append());
}

criterion_group!(benches, codec);
criterion_main!(benches);
