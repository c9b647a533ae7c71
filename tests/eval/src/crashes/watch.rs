//! What each replica says of itself, over time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use toystore_tests::store::{Store, order};

/// Between two looks at a replica.
pub const EVERY: Duration = Duration::from_millis(20);
/// A replica that is silent for this long has said nothing.
const PATIENCE: Duration = Duration::from_millis(300);

/// What a replica said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Word {
    /// When, since the start.
    pub at_ms: f64,
    /// The epoch it knows of.
    pub epoch: u64,
    /// Whether it leads.
    pub leads: bool,
    /// Whether it leads or is in sync.
    pub serves: bool,
    /// The last order in its log.
    pub last: u64,
}

/// Watchers of all replicas, each on a thread, so that one who is silent holds no other up.
#[derive(Debug)]
pub struct Watch {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Word>>>,
}

impl Watch {
    /// Begins.
    #[must_use]
    pub fn begin(store: &Store, begun: Instant) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let replicas = 1..=store.plan().replicas;
        let threads = replicas.map(|id| {
            let url = format!("http://{}/metrics", store.address(&order(id)));
            let (http, over) = (store.http().clone(), over.clone());
            thread::spawn(move || {
                let mut words = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let page = http.get(&url).timeout(PATIENCE).send();
                    if let Some(page) = page.ok().and_then(|page| page.text().ok()) {
                        let at_ms = begun.elapsed().as_secs_f64() * 1000.0;
                        words.extend(word(&page, at_ms));
                    }
                    thread::sleep(EVERY);
                }
                words
            })
        });
        let threads = threads.collect();
        Self { over, threads }
    }

    /// Ends; what each replica said.
    ///
    /// # Errors
    /// A watcher broke off.
    pub fn end(self) -> Result<Vec<Vec<Word>>> {
        self.over.store(true, Ordering::Relaxed);
        let words = self.threads.into_iter().map(JoinHandle::join);
        words.map(|words| words.map_err(|_| anyhow!("a watcher broke off"))).collect()
    }
}

/// Reads a page of metrics.
fn word(page: &str, at_ms: f64) -> Option<Word> {
    let value = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.parse::<u64>().ok()
    };
    let plays = |role: &str| value(&format!("toystore_role{{role=\"{role}\"}}")) == Some(1);
    let (leads, follows) = (plays("leader"), plays("follower"));
    // One that starts has read nothing yet: its numbers are zeros that mean nothing.
    if !(leads || follows || plays("catching_up") || plays("taking_over")) {
        return None;
    }
    Some(Word {
        at_ms,
        epoch: value("toystore_epoch")?,
        leads,
        serves: leads || follows,
        last: value("toystore_last_order_number")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_metrics_is_read() {
        let page = "# TYPE toystore_epoch gauge\ntoystore_epoch 3\ntoystore_role{role=\"leader\"} 0\n\
                    toystore_role{role=\"follower\"} 1\ntoystore_last_order_number 17\n";
        let wanted = Word { at_ms: 1.0, epoch: 3, leads: false, serves: true, last: 17 };
        assert_eq!(word(page, 1.0), Some(wanted));
        let starting = page.replace("follower\"} 1", "follower\"} 0");
        assert_eq!(word(&starting, 1.0), None);
    }
}
