//! The moments at which an order replica can be told to die, for exercises and tests.
//!
//! The core knows nothing of them: each is recognised from the events that go into it and the
//! effects that come out. Where two effects of one step go on at the same time, one of them is
//! held back, so that the moment between them comes for sure.

use std::collections::BTreeSet;

use toystore_domain::OrderNumber;
use toystore_host::fail_point::{self, FailPoint, begin, end, reached};
use toystore_replication::effects::{Call, Reply};
use toystore_replication::messages::{
    Answer, Appended, CatalogCall, Changed, Fetched, OrderReply, PeerCall, Reservations, Reserved,
    Transacted,
};
use toystore_replication::{CallId, Edge, Event, Notice, Request, Ticket, Write, WriteId};

/// What a step was caused by, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The catalog answered a transaction: a write of this step is the leader's own.
    Transacted,
    /// A page of missed orders came, and it is not the last.
    Page,
    /// Somebody asked.
    Request,
    /// Anything else.
    Other,
}

/// An edge that passes everything on, and watches for the moment at which the process is to die.
pub struct FailPoints<E> {
    /// The edge that acts.
    pub edge: E,
    point: Option<FailPoint>,
    cause: Cause,
    last_write: WriteId,
    /// The process dies when this is saved.
    fatal_write: Option<WriteId>,
    /// The process dies when a follower holds this.
    fatal_order: Option<OrderNumber>,
    /// The transaction under way that cancels reservations.
    cancelling: Option<CallId>,
    /// Appends of orders that wait for their answers.
    appends: BTreeSet<Ticket>,
}

impl<E> FailPoints<E> {
    /// Watches what passes to and from `edge`.
    pub fn around(edge: E) -> Self {
        Self {
            edge,
            point: fail_point::armed(),
            cause: Cause::Other,
            last_write: WriteId(0),
            fatal_write: None,
            fatal_order: None,
            cancelling: None,
            appends: BTreeSet::new(),
        }
    }

    /// This happened, and the core does not know yet.
    pub fn meet(&mut self, event: &Event) {
        let Some(point) = self.point else { return };
        self.cause = cause(event);
        match event {
            Event::Answered(call, answer) => self.meet_answer(point, *call, answer),
            Event::Saved(id) if self.fatal_write.is_some_and(|fatal| fatal <= *id) => end(point),
            Event::Request(ticket, Request::Append(append)) if !append.entries.is_empty() => {
                self.appends.insert(*ticket);
            }
            _ => {}
        }
    }

    fn meet_answer(&self, point: FailPoint, call: CallId, answer: &Answer) {
        let now = match (point, answer) {
            (FailPoint::Reserved, Answer::Transacted(Transacted::Done(answers))) => {
                answers.contains(&Reserved::Granted)
            }
            (FailPoint::Cancelled, Answer::Transacted(Transacted::Done(_))) => {
                self.cancelling == Some(call)
            }
            (FailPoint::Listed, Answer::Reservations(Reservations::Page { rows, .. })) => {
                !rows.is_empty()
            }
            (FailPoint::MembersChanged, Answer::Changed(Changed::Accepted(_))) => true,
            (FailPoint::SentNotSaved, Answer::Appended(Appended::Held { upto, .. })) => {
                if self.fatal_order.is_some_and(|fatal| fatal <= upto.number) {
                    end(point);
                }
                false
            }
            _ => false,
        };
        if now {
            reached(point);
        }
    }

    /// Whether a write is held back.
    fn meet_write(&mut self, id: WriteId, write: &Write) -> bool {
        self.last_write = id;
        let (Some(point), Some(first)) = (self.point, write.entries.first()) else {
            return self.fatal_order.is_some();
        };
        match (point, self.cause) {
            (FailPoint::SavedNotSent, Cause::Transacted) | (FailPoint::PageSaved, Cause::Page)
                if begin(point) =>
            {
                self.fatal_write.get_or_insert(id);
            }
            (FailPoint::SentNotSaved, Cause::Transacted) if begin(point) => {
                self.fatal_order.get_or_insert(first.number);
            }
            _ => {}
        }
        self.fatal_order.is_some()
    }

    /// Whether a call is held back.
    fn meet_call(&mut self, id: CallId, call: &Call) -> bool {
        match call {
            Call::Catalog(CatalogCall::Transact(transact)) if !transact.cancel.is_empty() => {
                self.cancelling = Some(id);
                false
            }
            Call::Peer(_, PeerCall::Append(append)) => {
                let unsent = self.point == Some(FailPoint::SavedNotSent);
                unsent && self.fatal_write.is_some() && !append.entries.is_empty()
            }
            _ => false,
        }
    }

    fn meet_reply(&mut self, point: FailPoint, ticket: Ticket, reply: &Reply) {
        let entries = self.appends.remove(&ticket);
        let now = match (point, reply) {
            // Whoever asks again for what is known learns nothing new.
            (FailPoint::Committed, Reply::Order(OrderReply::Placed(_))) => {
                self.cause != Cause::Request
            }
            (FailPoint::PageServed, Reply::Fetched(Fetched::Page { more, .. })) => *more,
            (FailPoint::EntrySaved, Reply::Appended(Appended::Held { .. })) => entries,
            _ => false,
        };
        if now {
            reached(point);
        }
    }
}

fn cause(event: &Event) -> Cause {
    match event {
        Event::Answered(_, Answer::Transacted(_)) => Cause::Transacted,
        Event::Answered(_, Answer::Fetched(Fetched::Page { more: true, .. })) => Cause::Page,
        Event::Request(..) | Event::Orders(_) => Cause::Request,
        _ => Cause::Other,
    }
}

impl<E: Edge> Edge for FailPoints<E> {
    fn write(&mut self, id: WriteId, write: Write) {
        if !self.meet_write(id, &write) {
            self.edge.write(id, write);
        }
    }

    fn call(&mut self, id: CallId, call: Call) {
        if !self.meet_call(id, &call) {
            self.edge.call(id, call);
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        if let Some(point) = self.point {
            self.meet_reply(point, ticket, &reply);
        }
        self.edge.reply(ticket, reply);
    }

    fn notice(&mut self, notice: Notice) {
        // The last write of the step that begins a take-over is its promise.
        let takes_over = matches!(notice, Notice::TakingOver(_));
        if takes_over && self.point.is_some() && begin(FailPoint::Promised) {
            self.fatal_write.get_or_insert(self.last_write);
        }
        self.edge.notice(notice);
    }
}
