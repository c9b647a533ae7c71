//! How the restocking goes, for people who watch or wait for it. No rule depends on it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;
use toystore_authority::Restocked;
use toystore_coherence::messages::Restocks;
use toystore_domain::ProductName;

/// How many restocked products are remembered by name.
const REMEMBERED: usize = 16;

/// What happened since the process started.
#[derive(Debug, Default)]
pub struct Restocking {
    interval: Duration,
    next: Option<Instant>,
    restocked: u64,
    latest: VecDeque<(ProductName, u64)>,
}

impl Restocking {
    /// A round began; the next one follows after `interval`.
    pub fn begins(&mut self, begun: Instant, interval: Duration) {
        (self.interval, self.next) = (interval, Some(begun + interval));
    }

    /// These were restocked.
    pub fn did(&mut self, rows: &[Restocked]) {
        self.restocked += rows.len() as u64;
        self.latest.extend(rows.iter().map(|row| (row.product.clone(), row.amount)));
        self.latest.drain(..self.latest.len().saturating_sub(REMEMBERED));
    }

    /// For a front end; so many products are sold out now.
    #[must_use]
    pub fn told(&self, sold_out: usize) -> Restocks {
        let left =
            self.next.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        Restocks {
            interval_ms: millis(self.interval),
            next_in_ms: millis(left),
            sold_out: sold_out as u64,
            restocked: self.restocked,
            latest: self.latest.iter().cloned().collect(),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use toystore_domain::Version;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_counts_all_and_names_the_last() {
        let mut restocking = Restocking::default();
        restocking.begins(Instant::now(), Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(4)).await;
        let row = |n: u64| Restocked {
            product: ProductName::new(&format!("toy {n}")).unwrap(),
            version: Version(n),
            amount: 100 + n,
        };
        restocking.did(&(0..30).map(row).collect::<Vec<_>>());
        restocking.did(&[row(30)]);
        let told = restocking.told(2);
        assert_eq!((told.interval_ms, told.next_in_ms), (10_000, 6_000));
        assert_eq!((told.restocked, told.sold_out), (31, 2));
        assert_eq!(told.latest.len(), REMEMBERED);
        assert_eq!(told.latest.last(), Some(&(row(30).product, 130)));
        assert_eq!(told.latest.first(), Some(&(row(15).product, 115)));
    }
}
