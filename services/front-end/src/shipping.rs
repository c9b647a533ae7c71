//! Orders on their way to a leader: what waits while a few calls are under way goes with the next.
//!
//! A call for each order would cost both processes more than the order itself does.

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use toystore_host::limits::{CALLS_UNDER_WAY, CROWD, ORDER_BATCH, SLOW_CALL};
use toystore_host::trace::{self, Trace};
use toystore_host::{Call, CallError, ambient};
use toystore_replication::messages::{OrderReply, PlaceOrder, PlaceOrders};
use toystore_replication::{Epoch, ReplicaId};

use crate::orders::ANSWER_MARGIN;
use crate::peers::Peers;
use crate::relay::left;

/// How far apart the deadlines of orders in one call may be.
const DEADLINES_APART: Duration = Duration::from_millis(100);
// The last order's answer comes in time for the first, also when they had to wait to leave.
const _: () =
    assert!(DEADLINES_APART.as_millis() + 2 * SLOW_CALL.as_millis() < ANSWER_MARGIN.as_millis());

/// With each call a crowd that was there before counts less by this part of it.
const CROWD_FADES: usize = 16;

/// To whom, and in which of its epochs: calls that an earlier one left hanging hold nobody up.
type Lane = (ReplicaId, Epoch);
type Answer = Result<OrderReply, CallError>;

/// An order, and who waits for its answer.
#[derive(Debug)]
struct Parcel {
    id: u64,
    place: PlaceOrder,
    deadline: Instant,
    tell: oneshot::Sender<Answer>,
    trace: Option<Trace>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Parcel>,
    /// Calls under way that are not slow yet.
    under_way: usize,
    /// Orders in them.
    aboard: usize,
    /// Orders that waited or were under way at the same time lately.
    crowd: usize,
}

#[derive(Debug, Default)]
struct State {
    lanes: BTreeMap<Lane, Queue>,
    last_id: u64,
    calls: JoinSet<()>,
}

/// Takes orders to leaders.
#[derive(Debug)]
pub struct Shipping {
    peers: Peers,
    state: Mutex<State>,
}

impl Queue {
    /// Whether the next call leaves now.
    fn may_send(&self) -> bool {
        match self.waiting.len() {
            0 => false,
            _ if self.under_way == 0 => true,
            waiting => self.under_way < CALLS_UNDER_WAY && waiting >= self.share(),
        }
    }

    /// Orders of a call beside another. Calls of equal size keep each stage of the way busy with
    /// as few calls as can be: whoever was just answered comes back, and is waited for.
    fn share(&self) -> usize {
        (self.crowd / CALLS_UNDER_WAY).clamp(CROWD, ORDER_BATCH)
    }
}

impl Shipping {
    /// Takes orders to leaders among `peers`.
    #[must_use]
    pub fn new(peers: Peers) -> Self {
        Self { peers, state: Mutex::default() }
    }

    /// Takes one order to a leader, and waits at most `patience` for its answer.
    ///
    /// # Errors
    /// See [`CallError`]; one that did not leave in time was certainly not done.
    pub async fn place(
        self: &Arc<Self>,
        leader: ReplicaId,
        place: PlaceOrder,
        patience: Duration,
    ) -> Answer {
        let lane = (leader, place.epoch);
        let (tell, told) = oneshot::channel();
        let deadline = Instant::now() + patience;
        let id = {
            let mut state = self.state();
            state.last_id += 1;
            let id = state.last_id;
            let parcel = Parcel { id, place, deadline, tell, trace: trace::current() };
            let queue = state.lanes.entry(lane).or_default();
            queue.waiting.push_back(parcel);
            queue.crowd = queue.crowd.max(queue.waiting.len() + queue.aboard);
            self.send_next(&mut state, lane);
            id
        };
        match timeout(patience, told).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(CallError::Unknown),
            Err(_) if self.take_back(lane, id) => Err(CallError::NotSent),
            Err(_) => Err(CallError::Unknown),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an order had not left yet; now it never will.
    fn take_back(&self, lane: Lane, id: u64) -> bool {
        let mut state = self.state();
        let Some(queue) = state.lanes.get_mut(&lane) else { return false };
        let before = queue.waiting.len();
        queue.waiting.retain(|parcel| parcel.id != id);
        queue.waiting.len() < before
    }

    /// Sends what waits, as far as calls may be under way.
    fn send_next(self: &Arc<Self>, state: &mut State, lane: Lane) {
        while state.calls.try_join_next().is_some() {}
        let Some(queue) = state.lanes.get_mut(&lane) else { return };
        while queue.may_send() {
            let count = queue.waiting.len().min(ORDER_BATCH);
            // Whoever hung up need not be asked for.
            let parcels = queue.waiting.drain(..count).filter(|parcel| !parcel.tell.is_closed());
            for parcels in alike(parcels.collect()) {
                queue.under_way += 1;
                queue.aboard += parcels.len();
                queue.crowd -= queue.crowd / CROWD_FADES;
                ambient::spawn(&mut state.calls, Arc::clone(self).send(lane, parcels));
            }
        }
        if queue.under_way == 0 {
            state.lanes.remove(&lane);
        }
    }

    async fn send(self: Arc<Self>, lane: Lane, parcels: Vec<Parcel>) {
        let patience = parcels.iter().map(|parcel| left(parcel.deadline)).max();
        let traces = parcels.iter().filter_map(|parcel| parcel.trace).collect();
        let (orders, waiting): (Vec<_>, Vec<_>) =
            parcels.into_iter().map(|parcel| (parcel.place, parcel.tell)).unzip();
        let call = PlaceOrders { orders };
        let call = self.peers.replica(lane.0, &call, patience.unwrap_or_default());
        let call = trace::shared(traces, PlaceOrders::NAME, call);
        // After a panic the lane would wait for ever for this call to end.
        let mut call = pin!(AssertUnwindSafe(call).catch_unwind());
        let answer = timeout(SLOW_CALL, &mut call).await;
        self.make_room(lane, waiting.len());
        let answer = match answer {
            Ok(answer) => answer,
            Err(_) => call.await,
        };
        let answers = match answer.unwrap_or(Err(CallError::Unknown)) {
            Ok(replies) if replies.len() == waiting.len() => replies.into_iter().map(Ok).collect(),
            Ok(_) => vec![Err(CallError::Garbled); waiting.len()],
            Err(error) => vec![Err(error); waiting.len()],
        };
        for (tell, answer) in waiting.into_iter().zip(answers) {
            let _ = tell.send(answer);
        }
    }

    /// A call has ended, or is so slow that others shall not wait for it.
    fn make_room(self: &Arc<Self>, lane: Lane, orders: usize) {
        let mut state = self.state();
        if let Some(queue) = state.lanes.get_mut(&lane) {
            queue.under_way = queue.under_way.saturating_sub(1);
            queue.aboard = queue.aboard.saturating_sub(orders);
        }
        self.send_next(&mut state, lane);
    }
}

/// Parts orders by when they must be answered: one answer for all of a call comes when the last
/// of them is known, which must not be too late for the first.
fn alike(mut parcels: Vec<Parcel>) -> Vec<Vec<Parcel>> {
    parcels.sort_by_key(|parcel| parcel.deadline);
    let mut calls = Vec::new();
    while let Some(first) = parcels.first() {
        let last = first.deadline + DEADLINES_APART;
        let later = parcels.split_off(parcels.partition_point(|parcel| parcel.deadline <= last));
        calls.push(std::mem::replace(&mut parcels, later));
    }
    calls
}

#[cfg(test)]
mod tests;
