use futures_util::future::poll_immediate;
use toystore_coherence::messages::LookedUp;
use toystore_domain::{Cents, Product, Version};

use super::*;

const CONFIG: CacheConfig = CacheConfig { capacity: 100, drift_ms: 0 };

fn name() -> ProductName {
    ProductName::new("Tux").unwrap()
}

fn answer(version: u64, cacheable: bool) -> LookedUp {
    let (price, version) = (Cents::new(2599).unwrap(), Version(version));
    let product = Some(Product { name: name(), price, stock: 100, version });
    LookedUp { product, cacheable }
}

fn grant(session: u64) -> Granted {
    Granted { session: SessionId(session), millis: 60_000 }
}

fn leased() -> ProductCache {
    let cache = ProductCache::new(CONFIG);
    assert_eq!(cache.granted(grant(1), boot_millis()), Renewal::Started);
    cache
}

fn invalidate() -> Invalidate {
    Invalidate { session: SessionId(1), products: vec![(name(), Version(2))] }
}

async fn fill(cache: &ProductCache) -> Fill<'_> {
    match cache.look(&name()).await {
        Looked::Miss(fill) => fill,
        other => panic!("{other:?}"),
    }
}

fn complete(fill: Fill<'_>, answer: LookedUp) {
    fill.complete(answer.product.map(Page::of), answer.cacheable);
}

async fn is_hit(cache: &ProductCache) -> bool {
    matches!(cache.look(&name()).await, Looked::Hit(_))
}

#[tokio::test]
async fn what_is_there_and_what_is_not_are_both_kept() {
    for answer in [answer(1, true), LookedUp { product: None, cacheable: true }] {
        let cache = leased();
        complete(fill(&cache).await, answer.clone());
        let Looked::Hit(page) = cache.look(&name()).await else { panic!() };
        let product = page.map(|page| page.product().clone());
        assert_eq!((product, cache.entries()), (answer.product, 1));
        assert!(cache.invalidate(&invalidate()));
        assert!(!is_hit(&cache).await);
    }
}

#[tokio::test]
async fn an_invalidation_kills_a_fill_under_way() {
    let cache = leased();
    let under_way = fill(&cache).await;
    assert!(cache.invalidate(&invalidate()));
    complete(under_way, answer(1, true));
    assert_eq!(cache.entries(), 0);
    assert!(!is_hit(&cache).await);
}

#[tokio::test]
async fn a_killed_fill_does_not_get_in_the_way_of_the_next() {
    let cache = leased();
    let old = fill(&cache).await;
    assert!(cache.invalidate(&invalidate()));
    let new = fill(&cache).await;
    complete(new, answer(2, true));
    complete(old, answer(1, true));
    let Looked::Hit(Some(page)) = cache.look(&name()).await else { panic!() };
    assert_eq!(page.product().version, Version(2));
}

#[tokio::test]
async fn a_new_session_kills_fills_under_way_and_begins_empty() {
    let cache = leased();
    complete(fill(&cache).await, answer(1, true));
    let other = ProductName::new("Uno").unwrap();
    let Looked::Miss(under_way) = cache.look(&other).await else { panic!() };
    assert_eq!(cache.granted(grant(2), boot_millis()), Renewal::Started);
    complete(under_way, answer(1, true));
    assert_eq!(cache.entries(), 0);
    assert!(!is_hit(&cache).await);
    assert!(!matches!(cache.look(&other).await, Looked::Hit(_)));
}

#[tokio::test]
async fn a_value_of_another_session_is_no_answer_wherever_it_comes_from() {
    let cache = leased();
    let page = answer(1, true).product.map(Page::of);
    cache.entries.insert(name(), Entry::Kept { session: SessionId(9), page });
    assert!(cache.hit(&name()).is_none());
    assert!(matches!(cache.look(&name()).await, Looked::Bypass));
    assert!(matches!(cache.look(&name()).await, Looked::Miss(_)));
}

#[tokio::test]
async fn a_lease_that_has_run_out_answers_nothing() {
    let cache = leased();
    complete(fill(&cache).await, answer(1, true));
    assert!(is_hit(&cache).await);
    let cache = ProductCache::new(CONFIG);
    let _ = cache.granted(Granted { session: SessionId(1), millis: 0 }, boot_millis());
    let page = answer(1, true).product.map(Page::of);
    cache.entries.insert(name(), Entry::Kept { session: SessionId(1), page });
    assert!(cache.hit(&name()).is_none());
    assert!(matches!(cache.look(&name()).await, Looked::Bypass));
}

#[tokio::test]
async fn those_who_wait_for_what_is_not_kept_look_for_themselves_all_at_once() {
    let cache = leased();
    let under_way = fill(&cache).await;
    let (name, mut waiting) = (name(), Vec::new());
    for _ in 0..5 {
        let mut looking = Box::pin(cache.look(&name));
        assert!(poll_immediate(&mut looking).await.is_none());
        waiting.push(looking);
    }
    complete(under_way, answer(1, false));
    for looking in waiting {
        assert!(matches!(looking.await, Looked::Bypass));
    }
    assert_eq!(cache.entries(), 0);
}

#[tokio::test]
async fn a_look_up_that_is_given_up_passes_its_place_on() {
    let cache = leased();
    let (under_way, name) = (fill(&cache).await, name());
    let mut looking = Box::pin(cache.look(&name));
    assert!(poll_immediate(&mut looking).await.is_none());
    drop(under_way);
    let Looked::Miss(next) = looking.await else { panic!() };
    complete(next, answer(1, true));
    assert!(is_hit(&cache).await);
}

#[tokio::test]
async fn only_the_lease_it_holds_is_told_here() {
    let cache = ProductCache::new(CONFIG);
    assert!(!cache.invalidate(&invalidate()));
    cache.granted(grant(2), boot_millis());
    assert!(!cache.invalidate(&invalidate()));
    cache.granted(grant(1), boot_millis());
    assert!(cache.invalidate(&invalidate()));
    // It may still be renewed, with all that was kept under it.
    let cache = ProductCache::new(CONFIG);
    cache.granted(Granted { session: SessionId(1), millis: 0 }, boot_millis());
    assert_eq!(cache.valid_session(), None);
    assert!(cache.invalidate(&invalidate()));
}
