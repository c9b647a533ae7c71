use toystore_domain::api::{CacheBody, CatalogBody, ReplicaBody};
use toystore_replication::{ClusterId, Epoch, Incarnation, Member, ReplicaId, Revision, StoreId};

use super::*;
use crate::leader::Reach;

fn known(epoch: u64, leader: u8, in_sync: &[u8]) -> Known {
    let member =
        |id: &u8| Member { id: ReplicaId(*id), store: StoreId(1), incarnation: Incarnation(1) };
    let view = View {
        cluster: ClusterId(1),
        epoch: Epoch(epoch),
        revision: Revision(epoch),
        leader: member(&leader),
        in_sync: in_sync.iter().map(member).collect(),
    };
    let reach = Reach::Direct;
    Known { view: Some(view), reach, serving: true, catalog: true, trouble: None }
}

#[test]
fn what_is_learned_of_the_leader_is_news_once() {
    let first = known(1, 3, &[1, 2, 3]);
    let leader = |epoch, replica| News::Leader { epoch, replica };
    assert_eq!(changes(&Known::default(), &first), [leader(1, 3), News::OrdersTaken]);
    assert_eq!(changes(&first, &first), []);
    let next = Known { serving: false, ..known(2, 2, &[1, 2]) };
    let why = "the leader does not take orders yet".to_owned();
    let stopped = News::OrdersStopped { why };
    assert_eq!(changes(&first, &next), [leader(2, 2), News::Left { replica: 3 }, stopped]);
    let back = known(2, 2, &[1, 2, 3]);
    assert_eq!(changes(&next, &back), [News::Joined { replica: 3 }, News::OrdersTaken]);
    // A catalog of another cluster counts epochs from the beginning, too.
    let mut other = known(2, 2, &[1, 2, 3]);
    other.view.iter_mut().for_each(|view| view.cluster = ClusterId(2));
    assert_eq!(changes(&back, &other), [leader(2, 2)]);
}

fn cluster(healthy: [bool; 2], catalog: bool, restock: Option<RestockBody>) -> ClusterBody {
    let replica = |(id, healthy)| ReplicaBody {
        id,
        address: String::new(),
        healthy,
        last_order: None,
        role: None,
        log_end: None,
        hash: None,
    };
    ClusterBody {
        epoch: 1,
        leader: Some(1),
        in_sync: vec![1],
        replicas: (1..).zip(healthy).map(replica).collect(),
        catalog: CatalogBody { address: String::new(), healthy: catalog },
        cache: CacheBody { enabled: false, entries: 0, hits: 0, misses: 0, invalidations: 0 },
        restock,
    }
}

fn restock(restocked: u64, names: &[&str]) -> Option<RestockBody> {
    let latest = names.iter().map(|name| (*name).to_owned());
    let latest = latest.map(|name| RestockedBody { name, quantity: 100 }).collect();
    Some(RestockBody { interval_ms: 1, next_in_ms: 1, sold_out: 0, restocked, latest })
}

#[test]
fn who_comes_and_goes_is_news() {
    let (before, now) = (cluster([true, false], true, None), cluster([false, true], false, None));
    let news = [News::Unreachable { replica: 1 }, News::Back { replica: 2 }, News::CatalogGone];
    assert_eq!(between(&before, &now), news);
    assert_eq!(between(&now, &before).last(), Some(&News::CatalogBack));
    assert_eq!(between(&now, &now), []);
}

#[test]
fn each_restock_is_news_once() {
    let all = |restock| cluster([true, true], true, restock);
    let of = |before, now| between(&all(before), &all(now));
    let named = |name: &str| News::Restocked { name: name.to_owned(), quantity: 100 };
    assert_eq!(of(None, restock(2, &["a", "b"])), []);
    assert_eq!(of(restock(2, &["a", "b"]), restock(2, &["a", "b"])), []);
    assert_eq!(of(restock(1, &["a"]), restock(3, &["a", "b", "c"])), [named("b"), named("c")]);
    // A catalog that began anew counts from nothing.
    assert_eq!(of(restock(9, &["a", "b"]), restock(1, &["c"])), [named("c")]);
    let more = News::RestockedMore { products: 3 };
    assert_eq!(of(restock(0, &[]), restock(4, &["d"])), [more, named("d")]);
}
