//! What a replica answers to other processes: each call becomes one request to the core.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use toystore_domain::Refusal;
use toystore_host::limits::{PAGE_LIMIT_MAX, REQUEST_DEADLINE};
use toystore_host::ops::Metrics;
use toystore_host::{Caller, ClusterConfig, Desk};
use toystore_replication::choice::Health;
use toystore_replication::effects::Reply;
use toystore_replication::messages::{
    Append, Fetch, Forward, Forwarded, Join, ListOrders, ListReply, OrderRefusal, OrderReply,
    PlaceOrder, PlaceOrders, Probe, ReadOrder, ReadReply, Status, ViewNotice,
};
use toystore_replication::{Event, Request};

use crate::node::{Node, Stopping};

/// How much earlier the leader gives up than the follower through which it is asked.
const ANSWER_MARGIN_MS: u32 = 50;

/// What the handlers share.
#[derive(Clone)]
pub struct Shared {
    /// The core.
    pub node: Node,
    /// Passes requests on to the leader.
    pub caller: Caller,
    /// Where the replicas are.
    pub replicas: ClusterConfig,
    /// The disk has no room for more orders.
    pub full: Arc<AtomicBool>,
}

/// The part of the protocol that a replica answers.
#[must_use]
pub fn desk(shared: &Shared, metrics: Metrics) -> Desk {
    Desk::new(metrics)
        .on(shared, place_order)
        .on(shared, place_orders)
        .on(shared, read_order)
        .on(shared, list_orders)
        .on(shared, forward)
        .on(shared, view_notice)
        .on(shared, status)
        .on(shared, probe)
        .on(shared, append)
        .on(shared, fetch)
        .on(shared, join)
}

fn patience(millis: u32) -> Duration {
    Duration::from_millis(u64::from(millis)).min(REQUEST_DEADLINE)
}

/// The process ends while the request is under way: what came of it cannot be said.
fn stopping(_: Stopping) -> Refusal {
    Refusal::OutcomeUnknown
}

/// The core answers each request with its own kind of reply.
fn mismatch<T>() -> Result<T, Refusal> {
    tracing::error!("the core answered another question");
    Err(Refusal::OutcomeUnknown)
}

async fn place_order(shared: Shared, place: PlaceOrder) -> Result<OrderReply, Refusal> {
    if shared.full.load(Ordering::Relaxed) {
        return Ok(OrderReply::Refused(OrderRefusal::Busy));
    }
    let patience = patience(place.patience_ms);
    match shared.node.ask_for(Request::Order(place), patience).await.map_err(stopping)? {
        Reply::Order(reply) => Ok(reply),
        _ => mismatch(),
    }
}

async fn place_orders(shared: Shared, call: PlaceOrders) -> Result<Vec<OrderReply>, Refusal> {
    if shared.full.load(Ordering::Relaxed) {
        let busy = OrderReply::Refused(OrderRefusal::Busy);
        return Ok(vec![busy; call.orders.len()]);
    }
    let with_patience = |place: PlaceOrder| {
        let patience = patience(place.patience_ms);
        (place, patience)
    };
    let replies = shared.node.order_all(call.orders.into_iter().map(with_patience).collect()).await;
    let known = |reply| match reply {
        Ok(Reply::Order(reply)) => reply,
        // The process ends, or what came of it cannot be said.
        Ok(_) | Err(Stopping) => OrderReply::Unknown,
    };
    Ok(replies.into_iter().map(known).collect())
}

async fn read_order(shared: Shared, read: ReadOrder) -> Result<ReadReply, Refusal> {
    let request = Request::Read(read.number);
    match shared.node.ask_for(request, patience(read.patience_ms)).await.map_err(stopping)? {
        Reply::Read(reply) => Ok(reply),
        _ => mismatch(),
    }
}

async fn list_orders(shared: Shared, list: ListOrders) -> Result<ListReply, Refusal> {
    let limit = (list.limit as usize).min(PAGE_LIMIT_MAX);
    let request = Request::List(list.after, limit);
    match shared.node.ask_for(request, patience(list.patience_ms)).await.map_err(stopping)? {
        Reply::List(reply) => Ok(reply),
        _ => mismatch(),
    }
}

pub(crate) async fn health(shared: &Shared, request: Request) -> Result<Health, Refusal> {
    match shared.node.ask(request).await.map_err(stopping)? {
        Reply::Health(health) => Ok(*health),
        _ => mismatch(),
    }
}

async fn status(shared: Shared, _: Status) -> Result<Health, Refusal> {
    health(&shared, Request::Status).await
}

async fn probe(shared: Shared, _: Probe) -> Result<Health, Refusal> {
    health(&shared, Request::Probe).await
}

async fn view_notice(shared: Shared, notice: ViewNotice) -> Result<Health, Refusal> {
    shared.node.tell(Event::View(notice.view));
    health(&shared, Request::Status).await
}

async fn append(
    shared: Shared,
    append: Append,
) -> Result<toystore_replication::messages::Appended, Refusal> {
    match shared.node.ask(Request::Append(append)).await.map_err(stopping)? {
        Reply::Appended(reply) => Ok(reply),
        _ => mismatch(),
    }
}

async fn fetch(
    shared: Shared,
    fetch: Fetch,
) -> Result<toystore_replication::messages::Fetched, Refusal> {
    match shared.node.ask(Request::Fetch(fetch)).await.map_err(stopping)? {
        Reply::Fetched(reply) => Ok(reply),
        _ => mismatch(),
    }
}

async fn join(
    shared: Shared,
    join: Join,
) -> Result<toystore_replication::messages::Joined, Refusal> {
    match shared.node.ask(Request::Join(join)).await.map_err(stopping)? {
        Reply::Joined(reply) => Ok(reply),
        _ => mismatch(),
    }
}

/// The leader gives up earlier than who passes a request on to it, so that it can still say so; how
/// long the latter waits.
fn shorten(patience_ms: &mut u32) -> Duration {
    let waits = patience(*patience_ms);
    *patience_ms = patience_ms.saturating_sub(ANSWER_MARGIN_MS);
    waits
}

/// Passes a request on to the leader, for a front end that cannot reach it.
async fn forward(shared: Shared, forward: Forward) -> Result<Forwarded, Refusal> {
    let health = health(&shared, Request::Status).await?;
    let leader = health.view.filter(|view| view.leader.id != health.member.id);
    let Some(to) = leader.and_then(|view| shared.replicas.address(view.leader.id).cloned()) else {
        return Ok(Forwarded::NotSent);
    };
    let caller = &shared.caller;
    let forwarded = match forward {
        Forward::Order(mut place) => {
            let waits = shorten(&mut place.patience_ms);
            caller.call(&to, &place, waits).await.map(Forwarded::Order)
        }
        Forward::Read(mut read) => {
            let waits = shorten(&mut read.patience_ms);
            caller.call(&to, &read, waits).await.map(Forwarded::Read)
        }
        Forward::List(mut list) => {
            let waits = shorten(&mut list.patience_ms);
            caller.call(&to, &list, waits).await.map(Forwarded::List)
        }
    };
    Ok(forwarded.unwrap_or_else(|error| {
        if error.certainly_not_done() { Forwarded::NotSent } else { Forwarded::Unknown }
    }))
}
