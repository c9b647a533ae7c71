//! Which request goes where.

use toystore_domain::Refusal;
use toystore_host::ClusterToken;
use toystore_host::ops::{self, Metrics};
use toystore_host::readiness::Check;
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
    let (node, looked_at) = (shared.node.clone(), shared.clone());
    let ready = move || readiness(node.health());
    let (checks, recover) = (move || checks(&looked_at), metrics.recover());
    let desk = desk(&shared, metrics.clone()).on(&(shared, reader), export);
    desk.routes(token).or(ops::routes(metrics, ready, checks)).unify().recover(recover).unify()
}

pub(crate) fn readiness(health: Option<Health>) -> Result<(), String> {
    match health.map(|health| health.role) {
        Some(RoleName::Leader | RoleName::Follower) => Ok(()),
        Some(role) => Err(format!("{role}")),
        None => Err("starting".to_owned()),
    }
}

/// What a replica needs to take part, one by one.
fn checks(shared: &Shared) -> Vec<Check> {
    let Some(health) = shared.node.health() else {
        return vec![Check::missing("core", "starting")];
    };
    let (last, commit) = (health.last.number, health.commit);
    let log = format!("{}; the log ends at order {last}, {commit} is committed", health.role);
    let leader = match &health.view {
        Some(view) => Ok(format!("replica {} leads in epoch {}", view.leader.id, view.epoch)),
        None => Err("no leader is known yet".to_owned()),
    };
    let stuck = if health.stuck { Err("it has work and cannot go on") } else { Ok("it goes on") };
    let full = shared.full.load(std::sync::atomic::Ordering::Relaxed);
    let disk = if full { Err("it has no room for more orders") } else { Ok("it has room") };
    let in_sync = readiness(Some(health));
    vec![
        Check::of("log", in_sync.map(|()| log.clone()).map_err(|_| log)),
        Check::of("leader", leader),
        Check::of("progress", stuck.map(str::to_owned).map_err(str::to_owned)),
        Check::of("disk", disk.map(str::to_owned).map_err(str::to_owned)),
    ]
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
