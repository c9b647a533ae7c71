//! Effects as acts: writes to sled, calls over HTTP, replies to handlers, lines in the log.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use toystore_host::limits::{APPEND_TIMEOUT, CALL_TIMEOUT, CATALOG_CALL_TIMEOUT};
use toystore_host::{Address, Call, CallError, Caller, ClusterConfig};
use toystore_replication::effects::{Call as CoreCall, Reply};
use toystore_replication::messages::{Answer, CatalogCall, NoAnswer, PeerCall, ReadView};
use toystore_replication::{CallId, Edge, Event, Notice, ReplicaId, Ticket, Write, WriteId};
use toystore_storage::OrderWriter;

use crate::node::Input;

/// The edge of one replica.
pub struct HttpEdge {
    /// Writes and syncs.
    pub writer: OrderWriter,
    /// Makes calls.
    pub caller: Caller,
    /// Where the other replicas are.
    pub replicas: ClusterConfig,
    /// Where the catalog is.
    pub catalog: Address,
    /// Where answers go.
    pub inbox: Sender<Input>,
    /// Runs the calls.
    pub runtime: Handle,
    /// Who waits for a reply.
    pub waiting: HashMap<Ticket, oneshot::Sender<Reply>>,
}

impl HttpEdge {
    /// Somebody waits for the reply to this ticket.
    pub fn expect(&mut self, ticket: Ticket, reply_to: oneshot::Sender<Reply>) {
        self.waiting.insert(ticket, reply_to);
    }

    fn ask<C: Call>(
        &self,
        id: CallId,
        to: Address,
        call: C,
        timeout: Duration,
        answer: fn(C::Reply) -> Answer,
    ) {
        let (caller, inbox) = (self.caller.clone(), self.inbox.clone());
        self.runtime.spawn(async move {
            let begun = Instant::now();
            let answer = match caller.call(&to, &call, timeout).await {
                Ok(reply) => answer(reply),
                Err(error) => Answer::None(no_answer(error, begun.elapsed() >= timeout, &to)),
            };
            let _ = inbox.send(Input::Event(Event::Answered(id, answer)));
        });
    }

    fn call_peer(&self, id: CallId, to: Address, call: PeerCall) {
        match call {
            PeerCall::Append(append) => {
                self.ask(id, to, append, APPEND_TIMEOUT, Answer::Appended);
            }
            PeerCall::Fetch(fetch) => self.ask(id, to, fetch, CALL_TIMEOUT, Answer::Fetched),
            PeerCall::Join(join) => self.ask(id, to, join, CALL_TIMEOUT, Answer::Joined),
        }
    }

    fn call_catalog(&self, id: CallId, call: CatalogCall) {
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
        _ if late => NoAnswer::Late,
        error if error.certainly_not_done() => NoAnswer::Refused,
        _ => NoAnswer::Broken,
    }
}

impl Edge for HttpEdge {
    fn write(&mut self, id: WriteId, write: Write) {
        self.writer.write(id, write);
    }

    fn call(&mut self, id: CallId, call: CoreCall) {
        match call {
            CoreCall::Catalog(call) => self.call_catalog(id, call),
            CoreCall::Peer(peer, call) => match self.address(peer) {
                Some(to) => self.call_peer(id, to, call),
                None => self.nobody(id),
            },
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        if let Some(reply_to) = self.waiting.remove(&ticket) {
            // Whoever hung up does not need it.
            let _ = reply_to.send(reply);
        }
    }

    fn notice(&mut self, notice: Notice) {
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
