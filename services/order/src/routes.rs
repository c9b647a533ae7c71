//! Which request goes where.

use toystore_domain::Refusal;
use toystore_host::ClusterToken;
use toystore_host::ops::{self, Metrics};
use toystore_host::reject::recover;
use toystore_host::reply::Response;
use toystore_replication::Request;
use toystore_replication::choice::{Health, RoleName};
use toystore_replication::messages::{ExportOrders, OrdersPage};
use toystore_storage::OrderReader;
use warp::Filter;

use crate::desk::{Shared, desk, health};

/// Entries in one page of an export.
const EXPORT_PAGE: usize = 1000;

/// All routes of an order replica; `reader` reads the log beside the core.
pub fn routes(
    shared: Shared,
    reader: OrderReader,
    token: ClusterToken,
    metrics: Metrics,
) -> impl Filter<Extract = (Response,), Error = std::convert::Infallible> + Clone + Send + Sync + 'static
{
    let node = shared.node.clone();
    let ready = move || readiness(node.health());
    let desk = desk(&shared, metrics.clone()).on(&(shared, reader), export);
    desk.routes(token).or(ops::routes(metrics, ready)).unify().recover(recover).unify()
}

fn readiness(health: Option<Health>) -> Result<(), String> {
    match health.map(|health| health.role) {
        Some(RoleName::Leader | RoleName::Follower) => Ok(()),
        Some(role) => Err(format!("{role}")),
        None => Err("starting".to_owned()),
    }
}

/// A page of the log as it is on disk.
async fn export(
    (shared, reader): (Shared, OrderReader),
    export: ExportOrders,
) -> Result<OrdersPage, Refusal> {
    let health = health(&shared, Request::Status).await?;
    let page = tokio::task::spawn_blocking(move || reader.page(export.after, EXPORT_PAGE));
    let unreadable = || Refusal::Unavailable("the log cannot be read".to_owned());
    let entries = page.await.map_err(|_| unreadable())?.map_err(|_| unreadable())?;
    let more = entries.len() == EXPORT_PAGE;
    Ok(OrdersPage { member: health.member, commit: health.commit, entries, more })
}
