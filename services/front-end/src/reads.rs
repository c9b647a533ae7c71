//! Reading orders. A committed order never changes, so any in-sync replica may say what it is;
//! that an order is *not* there counts only from the leader, which proves it.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use toystore_domain::{Order, OrderNumber, Refusal};
use toystore_host::limits::{CALL_TIMEOUT, HEALTH_TIMEOUT};
use toystore_replication::messages::{ListOrders, ListReply, ReadOrder, ReadReply};
use toystore_replication::{ReplicaId, View};

use crate::leader::Known;
use crate::orders::unavailable;
use crate::relay::{Pauses, Relay, left, millis, route};

/// The leader gives up so much earlier than the front end, so that it can still say so.
const ANSWER_MARGIN: Duration = Duration::from_millis(100);

/// A leader that takes longer is not waited for alone: others may know the order as well.
const PROMPT: Duration = Duration::from_millis(100);

/// Looks an order up before `deadline`.
///
/// # Errors
/// [`Refusal::OrderNotFound`] only with the leader's proof; [`Refusal::Unavailable`] without.
pub async fn read(relay: &Relay, number: OrderNumber, deadline: Instant) -> Result<Order, Refusal> {
    let mut pauses = Pauses::until(deadline);
    for tries in 0.. {
        let known = relay.leadership().known();
        let (timeout, patience_ms) = patience(deadline);
        let mut asked_elsewhere = false;
        if let Some(route) = route(&known, tries) {
            let mut asked = pin!(relay.ask(route, ReadOrder { number, patience_ms }, timeout));
            let answer = match tokio::time::timeout(PROMPT, &mut asked).await {
                Ok(answer) => answer,
                Err(_) => {
                    asked_elsewhere = true;
                    if let Some(order) = found_elsewhere(relay, &known, number, deadline).await {
                        return Ok(order);
                    }
                    asked.await
                }
            };
            match answer {
                Ok(ReadReply::Found(order)) => return Ok(order),
                Ok(ReadReply::NotFound) => return Err(Refusal::OrderNotFound),
                Ok(ReadReply::NotLeader(view)) => doubt(relay, view),
                Ok(ReadReply::Unavailable) | Err(_) => {}
            }
        }
        if !asked_elsewhere
            && let Some(order) = found_elsewhere(relay, &known, number, deadline).await
        {
            return Ok(order);
        }
        if !pauses.pause(relay, &known).await {
            break;
        }
    }
    Err(unavailable(relay))
}

/// What another in-sync replica knows to be committed.
async fn found_elsewhere(
    relay: &Relay,
    known: &Known,
    number: OrderNumber,
    deadline: Instant,
) -> Option<Order> {
    let view = known.view.as_ref()?;
    let others = view.in_sync_ids().into_iter().filter(|id| *id != view.leader.id);
    let timeout = HEALTH_TIMEOUT.min(left(deadline));
    let ask = |id: ReplicaId| async move {
        let read = ReadOrder { number, patience_ms: millis(timeout) };
        match relay.peers().replica(id, &read, timeout).await {
            Ok(ReadReply::Found(order)) => Some(order),
            Ok(ReadReply::NotLeader(view)) => {
                relay.leadership().hear(view);
                None
            }
            Ok(ReadReply::NotFound | ReadReply::Unavailable) | Err(_) => None,
        }
    };
    join_all(others.map(ask)).await.into_iter().flatten().next()
}

/// Lists up to `limit` orders above `after`, before `deadline`.
///
/// # Errors
/// [`Refusal::Unavailable`] when no leader can prove where the orders end.
pub async fn list(
    relay: &Relay,
    after: OrderNumber,
    limit: u32,
    deadline: Instant,
) -> Result<Vec<Order>, Refusal> {
    let mut pauses = Pauses::until(deadline);
    for tries in 0.. {
        let known = relay.leadership().known();
        let (timeout, patience_ms) = patience(deadline);
        if let Some(route) = route(&known, tries) {
            match relay.ask(route, ListOrders { after, limit, patience_ms }, timeout).await {
                Ok(ListReply::Page(orders)) => return Ok(orders),
                Ok(ListReply::NotLeader(view)) => doubt(relay, view),
                Ok(ListReply::Unavailable) | Err(_) => {}
            }
        }
        if !pauses.pause(relay, &known).await {
            break;
        }
    }
    Err(unavailable(relay))
}

fn doubt(relay: &Relay, view: Option<View>) {
    relay.leadership().hear(view);
    relay.leadership().doubt();
}

/// How long one try may take, and the patience to tell the replica.
fn patience(deadline: Instant) -> (Duration, u32) {
    let timeout = CALL_TIMEOUT.min(left(deadline));
    (timeout, millis(timeout.saturating_sub(ANSWER_MARGIN)))
}
