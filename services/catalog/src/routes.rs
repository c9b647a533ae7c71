//! Which request goes where.

use toystore_authority::Database;
use toystore_host::ClusterToken;
use toystore_host::ops::{self, Metrics};
use toystore_host::reject::recover;
use toystore_host::reply::Response;
use warp::Filter;

use crate::desk::{Shared, desk};

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
    let desk = desk(shared, metrics.clone());
    desk.routes(token).or(ops::routes(metrics, || Ok(()))).unify().recover(recover).unify()
}
