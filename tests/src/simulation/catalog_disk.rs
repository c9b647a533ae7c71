//! The catalog's database: in memory, with a disk that takes its time and may fail.

use std::sync::Arc;
use std::time::Duration;

use toystore_authority::Database;
use toystore_authority::memory::{MemoryDatabase, MemoryTransaction};

use super::control::Control;
use super::process::Life;
use super::watch::Watch;

/// The database as one process of the catalog uses it.
pub struct CatalogDisk {
    /// What is committed.
    pub rows: MemoryDatabase,
    /// Sees each commit.
    pub watch: Watch,
    /// A dead process commits nothing.
    pub life: Arc<Life>,
    /// Decides how long a commit takes.
    pub control: Control,
    /// The process dies instead of committing in so many of a million cases.
    pub deadly: u64,
    /// The disk is stuck for a while in so many of a million cases.
    pub stuck: u64,
}

impl Database for CatalogDisk {
    type Transaction<'a> = MemoryTransaction<'a>;

    fn begin(&self) -> MemoryTransaction<'_> {
        self.watch.observe();
        self.rows.begin()
    }

    async fn ready_to_commit(&self) {
        let mut millis = self.control.below(3);
        if self.control.fault(self.stuck) {
            self.control.count(|seen| seen.stuck_disks += 1);
            millis += self.control.below(1_500);
        }
        tokio::time::sleep(Duration::from_millis(millis)).await;
        if self.control.fault(self.deadly) {
            self.control.count(|seen| seen.failed_writes += 1);
            self.life.die();
        }
        self.life.still_lives().await;
    }
}
