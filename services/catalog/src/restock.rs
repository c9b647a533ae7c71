//! Every so often, sold-out products go back to 100.

use std::sync::Arc;
use std::time::Duration;

use toystore_authority::{Command, Database, Outcome};
use toystore_host::limits::RESTOCK_BATCH;

use crate::shelf::Shelf;
use crate::writer::Writer;

/// Works until the process ends.
pub async fn restock<D: Database>(shelf: Arc<Shelf<D>>, writer: Writer, interval: Duration) {
    shelf.earlier_leases_over().await;
    let mut turns = tokio::time::interval(interval);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let begun = turns.tick().await;
    shelf.restocking().begins(begun, interval);
    loop {
        let begun = turns.tick().await;
        shelf.restocking().begins(begun, interval);
        while let Ok(Outcome::Restocked(rows)) = writer.run(Command::Restock(RESTOCK_BATCH)).await {
            shelf.counts.restocks.inc_by(rows.len() as u64);
            shelf.restocking().did(&rows);
            for row in &rows {
                tracing::info!(product = %row.product, amount = row.amount, "restocked");
            }
            if rows.len() < RESTOCK_BATCH {
                break;
            }
        }
    }
}
