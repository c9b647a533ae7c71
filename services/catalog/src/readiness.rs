//! What the catalog needs for all its work, one by one. Without any of it, it is not ready: what is
//! asked of it is refused, or waits.

use std::sync::atomic::{AtomicBool, Ordering};

use toystore_authority::Database;
use toystore_host::ambient::boot_millis;
use toystore_host::limits::{STUCK_TICKS, TICK};
use toystore_host::readiness::Check;

use crate::shelf::Shelf;

/// A transaction that is being saved for so long waits for a disk that hangs.
const DISK_HANGS_MILLIS: u64 = TICK.as_millis() as u64 * STUCK_TICKS as u64;

/// Why it is not ready, if it is not: all that is missing.
///
/// # Errors
/// The reasons, for people.
pub fn ready<D: Database>(shelf: &Shelf<D>, full: &AtomicBool) -> Result<(), String> {
    let checks = checks(shelf, full);
    let missing = checks.iter().filter(|check| !check.ok);
    let missing: Vec<_> = missing.map(|it| format!("{}: {}", it.name, it.detail)).collect();
    if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
}

/// All that it needs; `full` says that its disk has no room.
pub fn checks<D: Database>(shelf: &Shelf<D>, full: &AtomicBool) -> Vec<Check> {
    let leader = match shelf.view() {
        Some(view) => {
            let in_sync: Vec<_> = view.in_sync_ids().iter().map(ToString::to_string).collect();
            let (leader, epoch, in_sync) = (view.leader.id, view.epoch, in_sync.join(", "));
            Ok(format!("replica {leader} leads in epoch {epoch}, in sync: {in_sync}"))
        }
        None => Err("the catalog is new and has had no leader yet".to_owned()),
    };
    let now = boot_millis();
    let wait = shelf.grants().quiet_until().saturating_sub(now);
    let leases = match wait {
        0 => Ok(format!("front ends with a lease: {}", shelf.leases(now))),
        wait => Err(format!("leases of an earlier process may run for {wait} ms")),
    };
    let disk = disk(full.load(Ordering::Relaxed), shelf.counts.saving_for(now));
    vec![Check::of("leader", leader), Check::of("leases", leases), Check::of("disk", disk)]
}

fn disk(full: bool, saving_millis: u64) -> Result<String, String> {
    match full {
        true => Err("it has no room for changes".to_owned()),
        false if saving_millis > DISK_HANGS_MILLIS => {
            Err(format!("it has been saving one change for {saving_millis} ms"))
        }
        false => Ok("it has room".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Counts;

    #[test]
    fn a_full_disk_and_one_that_hangs_are_no_disks() {
        assert!(disk(false, 0).is_ok() && disk(false, DISK_HANGS_MILLIS).is_ok());
        assert!(disk(true, 0).is_err() && disk(false, DISK_HANGS_MILLIS + 1).is_err());
    }

    #[test]
    fn how_long_a_change_is_being_saved_is_known() {
        let counts = Counts::default();
        assert_eq!(counts.saving_for(boot_millis()), 0);
        assert!(counts.flush(|| counts.saving_for(boot_millis() + 1000)) >= 1000);
        assert_eq!(counts.saving_for(boot_millis() + 1000), 0);
    }
}
