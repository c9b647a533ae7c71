//! Looking after the disk of a database: work is refused before it is full.

use std::fmt::Display;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::limits::DISK_CHECK;

/// Keeps `full` up to date, as `check` finds the disk, and does what else is due each time; never
/// ends.
pub async fn watch<E, F>(
    full: &AtomicBool,
    check: impl Fn() -> Result<(), E>,
    mut due: impl FnMut() -> F,
) where
    E: Display,
    F: Future<Output = ()>,
{
    loop {
        let now = match check() {
            Ok(()) => false,
            Err(error) => {
                tracing::error!(%error, "changes are refused until the disk has room");
                true
            }
        };
        full.store(now, Ordering::Relaxed);
        due().await;
        tokio::time::sleep(DISK_CHECK).await;
    }
}
