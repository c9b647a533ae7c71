//! What happened, as far as a front end can see.

use std::collections::BTreeSet;

use serde::Serialize;
use toystore_domain::api::{ClusterBody, RestockBody, RestockedBody};
use toystore_replication::View;

use crate::leader::Known;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum News {
    /// This replica leads, in this epoch.
    Leader {
        /// The epoch.
        epoch: u64,
        /// The replica.
        replica: u8,
    },
    /// It acknowledges orders no longer.
    Left {
        /// The replica.
        replica: u8,
    },
    /// It acknowledges orders from now on.
    Joined {
        /// The replica.
        replica: u8,
    },
    /// It does not answer.
    Unreachable {
        /// The replica.
        replica: u8,
    },
    /// It answers again.
    Back {
        /// The replica.
        replica: u8,
    },
    /// The catalog does not answer.
    CatalogGone,
    /// It answers again.
    CatalogBack,
    /// No orders are taken here.
    OrdersStopped {
        /// Why, for people.
        why: String,
    },
    /// Orders are taken here.
    OrdersTaken,
    /// A product was restocked.
    Restocked {
        /// Its name.
        name: String,
        /// How many came in.
        quantity: u64,
    },
    /// So many more products were restocked.
    RestockedMore {
        /// How many products.
        products: u64,
    },
}

/// What is new about the leader.
#[must_use]
pub fn changes(before: &Known, now: &Known) -> Vec<News> {
    let mut news = Vec::new();
    if before.lead() != now.lead()
        && let Some(view) = &now.view
    {
        news.push(News::Leader { epoch: view.epoch.0, replica: view.leader.id.0 });
    }
    // The first members are no news.
    if before.view.is_some() {
        let (were, are) = (members(before.view.as_ref()), members(now.view.as_ref()));
        news.extend(were.difference(&are).map(|replica| News::Left { replica: *replica }));
        news.extend(are.difference(&were).map(|replica| News::Joined { replica: *replica }));
    }
    match (before.ready(), now.ready()) {
        (_, Ok(())) if before.ready().is_err() => news.push(News::OrdersTaken),
        (before, Err(why)) if before.as_ref() != Err(&why) => {
            news.push(News::OrdersStopped { why });
        }
        _ => {}
    }
    news
}

fn members(view: Option<&View>) -> BTreeSet<u8> {
    view.into_iter().flat_map(View::in_sync_ids).map(|id| id.0).collect()
}

/// What is new between two looks at the cluster.
#[must_use]
pub fn between(before: &ClusterBody, now: &ClusterBody) -> Vec<News> {
    let mut news = Vec::new();
    for (was, is) in before.replicas.iter().zip(&now.replicas) {
        match (was.healthy, is.healthy) {
            (true, false) => news.push(News::Unreachable { replica: is.id }),
            (false, true) => news.push(News::Back { replica: is.id }),
            _ => {}
        }
    }
    match (before.catalog.healthy, now.catalog.healthy) {
        (true, false) => news.push(News::CatalogGone),
        (false, true) => news.push(News::CatalogBack),
        _ => {}
    }
    if let Some(now) = &now.restock {
        news.extend(restocked(before.restock.as_ref(), now));
    }
    news
}

/// The catalog counts from its start: a lower count than before is that of a new process.
fn restocked(before: Option<&RestockBody>, now: &RestockBody) -> Vec<News> {
    let Some(before) = before else { return Vec::new() };
    let new = now.restocked.checked_sub(before.restocked).unwrap_or(now.restocked);
    let named = usize::try_from(new).unwrap_or(usize::MAX).min(now.latest.len());
    let more = new - named as u64;
    let more = (more > 0).then_some(News::RestockedMore { products: more });
    let named = now.latest[now.latest.len() - named..].iter().cloned();
    let named = named.map(|RestockedBody { name, quantity }| News::Restocked { name, quantity });
    more.into_iter().chain(named).collect()
}

#[cfg(test)]
mod tests;
