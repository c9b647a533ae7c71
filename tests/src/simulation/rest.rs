//! The end of a run: faults are over, everything comes to rest, and what is left is read out.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use toystore_domain::OrderNumber;
use toystore_replication::Entry;

use super::world::World;
use crate::history::{Rest, Shelf};

/// Within this time after the last fault every replica is in sync again (I11).
pub const BOUND: Duration = Duration::from_secs(20);

impl World {
    /// Waits until everything is at rest.
    pub async fn come_to_rest(&self) {
        let end = Instant::now() + BOUND;
        while !self.is_at_rest() {
            if Instant::now() >= end {
                let rows = self.catalog.rows();
                let lasts: Vec<_> =
                    self.disks.borrow().values().map(|disk| disk.entries().len()).collect();
                let reserved: Vec<_> = rows.reservations.values().collect();
                return self.control.fail(format!(
                    "I11: no rest: logs {lasts:?}, view {:?}, reserved {reserved:?}",
                    rows.view
                ));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Every replica in sync, all logs equal (I6), nothing reserved (I8).
    fn is_at_rest(&self) -> bool {
        let rows = self.catalog.rows();
        let disks = self.disks.borrow();
        let all = rows.view.as_ref().is_some_and(|view| {
            let here = |(id, disk): (&_, &super::disk::Disk)| {
                view.in_sync.iter().any(|member| (member.id, member.store) == (*id, disk.store()))
            };
            disks.iter().all(here)
        });
        let logs: Vec<_> = disks.values().map(|disk| disk.entries().last().cloned()).collect();
        let idle = disks.values().all(|disk| disk.last_waiting().is_none());
        // A single replica's orders keep their rows: the catalog is their second disk.
        let alone = disks.len() == 1;
        let settled = rows.reservations.values().all(|row| alone && row.recorded.is_some());
        all && idle && settled && logs.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// What is left.
    #[must_use]
    pub fn rest(&self) -> Rest {
        let log: Vec<Entry> =
            self.disks.borrow().values().next().map(super::disk::Disk::entries).unwrap_or_default();
        let dense = log.iter().zip(1..).all(|(entry, number)| entry.number == OrderNumber(number));
        if !dense {
            self.control.fail("I2: the log has gaps".to_owned());
        }
        self.watch.observe();
        let rows = self.catalog.rows();
        let (mut gains, merged) = (self.watch.gains(), self.watch.merged());
        let shelf = |(name, books): (&_, &toystore_domain::Books)| {
            let gains = gains.remove(name).unwrap_or_default();
            let merged = merged.contains(name);
            ((*name).clone(), Shelf { books: books.clone(), gains, merged })
        };
        Rest {
            log: log.into_iter().map(|entry| entry.purchase).collect(),
            before: 0,
            products: rows.products.iter().map(shelf).collect(),
        }
    }
}
