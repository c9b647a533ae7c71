//! Effects as acts: writes to the disk, calls to other processes, replies to handlers, lines in
//! the log.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use toystore_host::limits::{APPEND_TIMEOUT, CALL_TIMEOUT, CATALOG_CALL_TIMEOUT};
use toystore_host::trace::{self, Trace};
use toystore_host::{Address, Call, CallError, Caller, ClusterConfig, ambient};
use toystore_replication::effects::{Call as CoreCall, Reply};
use toystore_replication::messages::{Answer, CatalogCall, NoAnswer, PeerCall, ReadView};
use toystore_replication::{CallId, Edge, Event, Notice, ReplicaId, Ticket, Write, WriteId};

use crate::metrics::Seen;
use crate::node::Input;
use crate::pace::Pace;

/// Of the requests that wait for a call, so many are named in the log if it fails.
const NAMED: usize = 8;

/// Where an order replica's edge hands its writes.
pub type Writer = Box<dyn FnMut(WriteId, Write) + Send>;

/// Who waits for a reply, and the trace that it belongs to.
#[derive(Debug)]
pub struct Asker {
    /// Where the reply goes.
    pub reply_to: oneshot::Sender<Reply>,
    /// The trace, if it is known.
    pub trace: Option<Trace>,
}

/// The edge of one replica. Calls under way end with it.
pub struct CallingEdge {
    writer: Writer,
    caller: Caller,
    replicas: ClusterConfig,
    catalog: Address,
    /// Where answers go.
    inbox: UnboundedSender<Input>,
    calls: JoinSet<()>,
    /// Who waits for a reply.
    waiting: HashMap<Ticket, Asker>,
    seen: Seen,
    pace: Pace,
}

impl CallingEdge {
    /// An edge that saves with `writer`, calls the others at their addresses, and tells `inbox`
    /// what they answer.
    #[must_use]
    pub fn new(
        writer: Writer,
        caller: Caller,
        replicas: ClusterConfig,
        catalog: Address,
        inbox: UnboundedSender<Input>,
    ) -> Self {
        let (calls, waiting) = (JoinSet::new(), HashMap::new());
        let (seen, pace) = (Seen::default(), Pace::default());
        Self { writer, caller, replicas, catalog, inbox, calls, waiting, seen, pace }
    }

    /// What is seen here counts there.
    #[must_use]
    pub fn counted(self, seen: Seen) -> Self {
        Self { seen, ..self }
    }

    /// What is seen here.
    #[must_use]
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Somebody waits for the reply to this ticket.
    pub fn expect(&mut self, ticket: Ticket, asker: Asker) {
        self.waiting.insert(ticket, asker);
    }

    /// For whom a call is made: the core does not say, but whoever waits now waits for it.
    fn waiting(&self) -> Vec<Trace> {
        self.waiting.values().take(NAMED).filter_map(|asker| asker.trace).collect()
    }

    fn ask<C: Call>(
        &mut self,
        id: CallId,
        to: Address,
        call: C,
        timeout: Duration,
        answer: fn(C::Reply) -> Answer,
    ) {
        self.ask_after(Duration::ZERO, id, to, call, timeout, answer);
    }

    fn ask_after<C: Call>(
        &mut self,
        pause: Duration,
        id: CallId,
        to: Address,
        call: C,
        timeout: Duration,
        answer: fn(C::Reply) -> Answer,
    ) {
        let (caller, inbox, waiting) = (self.caller.clone(), self.inbox.clone(), self.waiting());
        while self.calls.try_join_next().is_some() {}
        ambient::spawn(&mut self.calls, async move {
            if !pause.is_zero() {
                sleep(pause).await;
            }
            let begun = Instant::now();
            let called = caller.call(&to, &call, timeout);
            let answer = match trace::shared(waiting, C::NAME, called).await {
                Ok(reply) => answer(reply),
                Err(error) => Answer::None(no_answer(error, begun.elapsed() >= timeout, &to)),
            };
            let _ = inbox.send(Input::Event(Event::Answered(id, answer)));
        });
    }

    fn call_peer(&mut self, id: CallId, to: Address, call: PeerCall) {
        match call {
            PeerCall::Append(append) => {
                self.ask(id, to, append, APPEND_TIMEOUT, Answer::Appended);
            }
            PeerCall::Fetch(fetch) => {
                let rest = self.pace.rest();
                self.ask_after(rest, id, to, fetch, CALL_TIMEOUT, Answer::Fetched);
            }
            PeerCall::Join(join) => self.ask(id, to, join, CALL_TIMEOUT, Answer::Joined),
        }
    }

    fn call_catalog(&mut self, id: CallId, call: CatalogCall) {
        let to = self.catalog.clone();
        match call {
            CatalogCall::Transact(transact) => {
                self.ask(id, to, transact, CATALOG_CALL_TIMEOUT, Answer::Transacted);
            }
            CatalogCall::ListReservations(list) => {
                self.ask(id, to, list, CALL_TIMEOUT, Answer::Reservations);
            }
            CatalogCall::ChangeMembers(change) => {
                self.ask(id, to, change, CALL_TIMEOUT, Answer::Changed);
            }
            CatalogCall::ReadView => self.ask(id, to, ReadView, CALL_TIMEOUT, Answer::View),
        }
    }

    fn nobody(&self, id: CallId) {
        let answer = Answer::None(NoAnswer::Refused);
        let _ = self.inbox.send(Input::Event(Event::Answered(id, answer)));
    }

    fn address(&self, id: ReplicaId) -> Option<Address> {
        self.replicas.address(id).cloned()
    }
}

fn no_answer(error: CallError, late: bool, to: &Address) -> NoAnswer {
    match error {
        CallError::Denied => {
            tracing::error!(%to, "the cluster token is refused there");
            NoAnswer::TurnedAway
        }
        CallError::Refused(_) => NoAnswer::TurnedAway,
        CallError::NobodyThere => NoAnswer::Refused,
        _ if late => NoAnswer::Late,
        error if error.certainly_not_done() => NoAnswer::Unreached,
        _ => NoAnswer::Broken,
    }
}

impl Edge for CallingEdge {
    fn write(&mut self, id: WriteId, write: Write) {
        self.seen.write(&write);
        (self.writer)(id, write);
    }

    fn call(&mut self, id: CallId, call: CoreCall) {
        self.seen.call(&call);
        match call {
            CoreCall::Catalog(call) => self.call_catalog(id, call),
            CoreCall::Peer(peer, call) => match self.address(peer) {
                Some(to) => self.call_peer(id, to, call),
                None => self.nobody(id),
            },
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        if let Some(Asker { reply_to, .. }) = self.waiting.remove(&ticket) {
            // Whoever hung up does not need it.
            let _ = reply_to.send(reply);
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.seen.notice(&notice);
        match notice {
            Notice::TakingOver(epoch) => tracing::info!(%epoch, "taking over"),
            Notice::Serving { epoch, kept, cancelled } => {
                tracing::info!(%epoch, kept, cancelled, "leading");
            }
            Notice::SteppedDown(epoch) => tracing::warn!(%epoch, "leads no longer"),
            Notice::InSync(ids) => tracing::info!(?ids, "the in-sync set changed"),
            Notice::LostFollower(member, why) => tracing::warn!(%member, why, "lost a follower"),
            Notice::CatchingUp(after) => tracing::info!(%after, "catching up"),
            Notice::AskedToJoin(last) => tracing::info!(%last, "caught up, joining"),
            Notice::Truncated { above, count } => {
                tracing::warn!(%above, count, "cut off orders that were never acknowledged");
            }
            Notice::RefusedView(why) => tracing::error!(why, "refused a view"),
            Notice::LostOrder(key, number) => {
                tracing::error!(%key, %number, "an order is lost by the unclean choice");
            }
        }
    }
}
