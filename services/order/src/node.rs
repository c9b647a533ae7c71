//! The one loop that owns the replication core: it takes the next event, lets the core take one
//! step, and performs the effects in their order. Nothing else touches the core.

use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use toystore_host::limits::TICK;
use toystore_replication::choice::Health;
use toystore_replication::effects::Reply;
use toystore_replication::{Event, Fatal, Replica, Request, Stored, Ticket};

use crate::edge::CallingEdge;
use crate::fail_points::FailPoints;

/// What reaches the loop.
pub enum Input {
    /// Something happened.
    Event(Event),
    /// Somebody asks, and waits for the reply there.
    Ask(Ticket, Request, oneshot::Sender<Reply>),
    /// The process ends.
    Stop,
}

/// Talks to the core's loop. Cheap to clone.
#[derive(Clone)]
pub struct Node {
    inbox: UnboundedSender<Input>,
    next_ticket: Arc<std::sync::atomic::AtomicU64>,
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

    /// Asks the core; after `patience` the core says what can be said at that moment.
    ///
    /// # Errors
    /// [`Stopping`].
    pub async fn ask_for(&self, request: Request, patience: Duration) -> Result<Reply, Stopping> {
        let (ticket, mut reply) = self.send(request);
        if let Ok(reply) = tokio::time::timeout(patience, &mut reply).await {
            return reply.map_err(|_| Stopping);
        }
        self.tell(Event::Expired(ticket));
        reply.await.map_err(|_| Stopping)
    }

    fn send(&self, request: Request) -> (Ticket, oneshot::Receiver<Reply>) {
        let ticket = self.next_ticket.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        let _ = self.inbox.send(Input::Ask(Ticket(ticket), request, tell));
        (Ticket(ticket), told)
    }
}

/// Runs the loop on a thread of its own: the core reads its database, and waits for nobody.
///
/// # Errors
/// The system gives no thread.
pub fn start<S: Stored + Send + 'static>(
    node: &Node,
    inputs: UnboundedReceiver<Input>,
    replica: Replica<S>,
    edge: CallingEdge,
) -> std::io::Result<JoinHandle<Result<(), Fatal>>> {
    let (node, runtime) = (node.clone(), Handle::current());
    std::thread::Builder::new()
        .name("order-core".to_owned())
        .spawn(move || runtime.block_on(drive(&node, inputs, replica, edge)))
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
            Ok(Some(Input::Ask(ticket, request, reply_to))) => {
                edge.edge.expect(ticket, reply_to);
                Some(Event::Request(ticket, request))
            }
            Err(_) => None,
            Ok(Some(Input::Stop) | None) => return Ok(()),
        };
        if let Some(event) = event {
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
