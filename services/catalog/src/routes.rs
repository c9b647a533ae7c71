//! Which request goes where.

use toystore_authority::Database;
use toystore_host::ClusterToken;
use toystore_host::ops::{self, Metrics};
use toystore_host::reply::Response;
use warp::Filter;

use crate::desk::{Shared, desk};
use crate::readiness;

/// All routes of the catalog.
pub fn routes<D: Database + Send + Sync + 'static>(
    shared: &Shared<D>,
    token: ClusterToken,
    metrics: Metrics,
) -> impl Filter<Extract = (Response,), Error = std::convert::Infallible>
+ Clone
+ Send
+ Sync
+ 'static
+ use<D> {
    let (desk, recover) = (desk(shared, metrics.clone()), metrics.recover());
    let (shelf, full) = (shared.shelf.clone(), shared.full.clone());
    let (shelf_too, full_too) = (shelf.clone(), full.clone());
    let ready = move || readiness::ready(&shelf, &full);
    let ops = ops::routes(metrics, ready, move || readiness::checks(&shelf_too, &full_too));
    desk.routes(token).or(ops).unify().recover(recover).unify()
}
