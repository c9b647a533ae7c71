//! The one loop that owns the replication core: it takes the next event, lets the core take one
//! step, and performs the effects in their order. Nothing else touches the core.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use toystore_host::limits::TICK;
use toystore_host::trace;
use toystore_replication::choice::Health;
use toystore_replication::effects::Reply;
use toystore_replication::messages::PlaceOrder;
use toystore_replication::{Event, Fatal, Replica, Request, Stored, Ticket};

use crate::edge::{Asker, CallingEdge};
use crate::fail_points::FailPoints;

/// What reaches the loop.
pub enum Input {
    /// Something happened.
    Event(Event),
    /// Somebody asks, and waits for the reply there.
    Ask(Ticket, Request, Asker),
    /// A front end asks for orders, and waits for each reply.
    Orders(Vec<(Ticket, PlaceOrder, Asker)>),
    /// The process ends.
    Stop,
}

/// Talks to the core's loop. Cheap to clone.
#[derive(Clone)]
pub struct Node {
    inbox: UnboundedSender<Input>,
    next_ticket: Arc<AtomicU64>,
    health: Arc<RwLock<Option<Health>>>,
}

/// The core's loop is gone; the process is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the replica is stopping")]
pub struct Stopping;

impl Node {
    /// A handle, and the inbox that [`drive`] reads.
    #[must_use]
    pub fn new() -> (Self, UnboundedReceiver<Input>) {
        let (inbox, inputs) = unbounded_channel();
        let next_ticket = Arc::default();
        (Self { inbox, next_ticket, health: Arc::default() }, inputs)
    }

    /// Where events and requests go.
    #[must_use]
    pub fn inbox(&self) -> UnboundedSender<Input> {
        self.inbox.clone()
    }

    /// Tells the core that something happened.
    pub fn tell(&self, event: Event) {
        // After the end of the loop nobody needs to know.
        let _ = self.inbox.send(Input::Event(event));
    }

    /// Ends the loop after what it was told before.
    pub fn stop(&self) {
        let _ = self.inbox.send(Input::Stop);
    }

    /// How the replica was at its last step.
    #[must_use]
    pub fn health(&self) -> Option<Health> {
        self.health.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tell_health(&self, health: Health) {
        *self.health.write().unwrap_or_else(PoisonError::into_inner) = Some(health);
    }

    /// Asks the core, and waits without a limit.
    ///
    /// # Errors
    /// [`Stopping`].
    pub async fn ask(&self, request: Request) -> Result<Reply, Stopping> {
        self.send(request).1.await.map_err(|_| Stopping)
    }

    /// Asks the core; after `patience` the core says what can be said at that moment. The core
    /// hears of it too when whoever asks hangs up, which ends this future.
    ///
    /// # Errors
    /// [`Stopping`].
    pub async fn ask_for(&self, request: Request, patience: Duration) -> Result<Reply, Stopping> {
        let (ticket, reply) = self.send(request);
        self.wait(ticket, reply, patience).await
    }

    /// Asks the core for orders that came together, each as patiently as it says; what comes of
    /// each is waited for.
    pub async fn order_all(
        &self,
        orders: Vec<(PlaceOrder, Duration)>,
    ) -> Vec<Result<Reply, Stopping>> {
        let (mut asked, mut waits) = (Vec::new(), Vec::new());
        let trace = trace::current();
        for (place, patience) in orders {
            let (ticket, (reply_to, told)) = (self.ticket(), oneshot::channel());
            asked.push((ticket, place, Asker { reply_to, trace }));
            waits.push(self.wait(ticket, told, patience));
        }
        let _ = self.inbox.send(Input::Orders(asked));
        join_all(waits).await
    }

    async fn wait(
        &self,
        ticket: Ticket,
        mut reply: oneshot::Receiver<Reply>,
        patience: Duration,
    ) -> Result<Reply, Stopping> {
        let mut waiting = Waiting { node: self, ticket, answered: false };
        if let Ok(reply) = tokio::time::timeout(patience, &mut reply).await {
            waiting.answered = true;
            return reply.map_err(|_| Stopping);
        }
        drop(waiting);
        reply.await.map_err(|_| Stopping)
    }

    fn send(&self, request: Request) -> (Ticket, oneshot::Receiver<Reply>) {
        let (ticket, (reply_to, told)) = (self.ticket(), oneshot::channel());
        let asker = Asker { reply_to, trace: trace::current() };
        let _ = self.inbox.send(Input::Ask(ticket, request, asker));
        (ticket, told)
    }

    fn ticket(&self) -> Ticket {
        Ticket(self.next_ticket.fetch_add(1, Ordering::Relaxed))
    }
}

/// Whoever asked; when it goes away unanswered, nobody waits for that ticket any more.
struct Waiting<'a> {
    node: &'a Node,
    ticket: Ticket,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.node.tell(Event::Expired(self.ticket));
        }
    }
}

/// The loop. It ends when it is told to stop, or with the core's [`Fatal`].
///
/// # Errors
/// The database cannot be trusted any more; the process must end.
pub async fn drive<S: Stored>(
    node: &Node,
    mut inputs: UnboundedReceiver<Input>,
    mut replica: Replica<S>,
    edge: CallingEdge,
) -> Result<(), Fatal> {
    let mut edge = FailPoints::around(edge);
    let mut next_tick = Instant::now();
    loop {
        let event = match timeout_at(next_tick, inputs.recv()).await {
            Ok(Some(Input::Event(event))) => Some(event),
            Ok(Some(Input::Ask(ticket, request, asker))) => {
                edge.edge.expect(ticket, asker);
                Some(Event::Request(ticket, request))
            }
            Ok(Some(Input::Orders(asked))) => {
                let expect = |(ticket, place, asker)| {
                    edge.edge.expect(ticket, asker);
                    (ticket, place)
                };
                Some(Event::Orders(asked.into_iter().map(expect).collect()))
            }
            Err(_) => None,
            Ok(Some(Input::Stop) | None) => return Ok(()),
        };
        if let Some(event) = event {
            edge.edge.seen().event(&event);
            edge.meet(&event);
            replica.step(event)?.perform(&mut edge);
        }
        if Instant::now() >= next_tick {
            // Under load the inbox is never empty: time passes all the same.
            edge.meet(&Event::Tick);
            replica.step(Event::Tick)?.perform(&mut edge);
            next_tick = Instant::now() + TICK;
            node.tell_health(replica.health());
        }
    }
}

#[cfg(test)]
mod tests {
    use toystore_domain::OrderNumber;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_core_hears_of_impatience_and_of_who_hangs_up() {
        let (node, mut inputs) = Node::new();
        let read = || Request::Read(OrderNumber(1));
        let asked = tokio::time::timeout(
            Duration::from_millis(5),
            node.ask_for(read(), Duration::from_secs(9)),
        );
        assert!(asked.await.is_err(), "it hangs up");
        let impatient = node.clone();
        let waits = tokio::spawn(async move { impatient.ask_for(read(), TICK).await });
        let mut heard = Vec::new();
        let mut reply_to = None;
        while heard.len() < 4 {
            match inputs.recv().await {
                Some(Input::Ask(ticket, _, Asker { reply_to: reply, .. })) => {
                    heard.push(("ask", ticket.0));
                    reply_to = Some(reply);
                }
                Some(Input::Event(Event::Expired(ticket))) => heard.push(("expired", ticket.0)),
                _ => heard.push(("else", 0)),
            }
        }
        assert_eq!(heard, [("ask", 0), ("expired", 0), ("ask", 1), ("expired", 1)]);
        let unavailable = Reply::Read(toystore_replication::messages::ReadReply::Unavailable);
        assert!(reply_to.unwrap().send(unavailable.clone()).is_ok());
        assert_eq!(waits.await.unwrap(), Ok(unavailable));
        assert!(inputs.try_recv().is_err(), "who was answered does not hang up");
    }
}
