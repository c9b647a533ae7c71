//! Which request goes where.

use toystore_authority::Database;
use toystore_host::ClusterToken;
use toystore_host::ambient::boot_millis;
use toystore_host::ops::{self, Metrics};
use toystore_host::readiness::Check;
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
    let (desk, recover) = (desk(shared, metrics.clone()), metrics.recover());
    let looked_at = shared.clone();
    let ops = ops::routes(metrics, || Ok(()), move || checks(&looked_at));
    desk.routes(token).or(ops).unify().recover(recover).unify()
}

/// What the catalog needs for all its work, one by one. It serves without: whoever asks for what
/// is not there yet is told so, or waits for it.
fn checks<D: Database>(shared: &Shared<D>) -> Vec<Check> {
    let leader = match shared.shelf.view() {
        Some(view) => {
            let in_sync: Vec<_> = view.in_sync_ids().iter().map(ToString::to_string).collect();
            let (leader, epoch, in_sync) = (view.leader.id, view.epoch, in_sync.join(", "));
            Ok(format!("replica {leader} leads in epoch {epoch}, in sync: {in_sync}"))
        }
        None => Err("the catalog is new and has had no leader yet".to_owned()),
    };
    let now = boot_millis();
    let wait = shared.shelf.grants().quiet_until().saturating_sub(now);
    let leases = match wait {
        0 => Ok(format!("front ends with a lease: {}", shared.shelf.leases(now))),
        wait => Err(format!("leases of an earlier process may run for {wait} ms")),
    };
    let full = shared.full.load(std::sync::atomic::Ordering::Relaxed);
    let disk = if full { Err("it has no room for changes") } else { Ok("it has room") };
    vec![
        Check::of("leader", leader),
        Check::of("leases", leases),
        Check::of("disk", disk.map(str::to_owned).map_err(str::to_owned)),
    ]
}
