//! What the front end's cache costs: an answer out of it, and a change of a product.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use toystore_coherence::SessionId;
use toystore_coherence::messages::{Granted, Invalidate, LookedUp};
use toystore_domain::{Cents, Product, ProductName, Version};
use toystore_front_end::CacheConfig;
use toystore_front_end::cache::{Looked, ProductCache};
use toystore_front_end::page::Page;
use toystore_host::ambient::boot_millis;

const SESSION: SessionId = SessionId(1);
/// Longer than any benchmark takes.
const LEASE_MILLIS: u64 = 86_400_000;
const PRODUCTS: usize = 1000;

fn name(number: usize) -> ProductName {
    ProductName::new(&format!("Toy {number}")).unwrap()
}

/// Of what has its answer at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nobody else looks"),
    }
}

fn fill(cache: &ProductCache, answer: &LookedUp) {
    let name = &answer.product.as_ref().unwrap().name;
    match now(cache.look(name)) {
        Looked::Miss(fill) => fill.complete(answer.product.clone().map(Page::of), answer.cacheable),
        other => panic!("{other:?}"),
    }
}

fn answer(number: usize) -> LookedUp {
    let price = Cents::new(2599).unwrap();
    let product = Product { name: name(number), price, stock: 100, version: Version(1) };
    LookedUp { product: Some(product), cacheable: true }
}

fn filled() -> ProductCache {
    let cache = ProductCache::new(CacheConfig { capacity: 10 * PRODUCTS, drift_ms: 20 });
    cache.granted(Granted { session: SESSION, millis: LEASE_MILLIS }, boot_millis());
    (0..PRODUCTS).for_each(|number| fill(&cache, &answer(number)));
    cache
}

fn cache(criterion: &mut Criterion) {
    let cache = filled();
    let (name, answer) = (name(7), answer(7));
    criterion.bench_function("cache: a hit", |bencher| {
        bencher.iter(|| match now(cache.look(black_box(&name))) {
            Looked::Hit(product) => product,
            other => panic!("{other:?}"),
        });
    });
    let change = Invalidate { session: SESSION, products: vec![(name.clone(), Version(2))] };
    criterion.bench_function("cache: an invalidation, and the product again", |bencher| {
        bencher.iter(|| {
            assert!(cache.invalidate(black_box(&change)), "the lease is held");
            fill(&cache, &answer);
        });
    });
}

criterion_group!(benches, cache);
criterion_main!(benches);
