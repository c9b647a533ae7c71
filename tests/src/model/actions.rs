//! What may happen next: everything that the bounds allow.

use toystore_replication::messages::Answer;
use toystore_replication::{ReplicaId, Ticket};

use super::bounds::Bounds;
use super::front_ends::{Attempt, Progress};
use super::node::Asker;
use super::shared::Shared;
use super::state::State;
use super::wire::Message;

/// What may happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A message arrives.
    Deliver(Shared<Message>),
    /// The first write that waits is synced.
    Sync(ReplicaId),
    /// Time passes for a replica.
    Tick(ReplicaId),
    /// A process ends; so many of the writes that wait had reached the disk.
    Crash(ReplicaId, usize),
    /// It starts again.
    Start(ReplicaId),
    /// The request, or the answer, is lost: the caller waits in vain.
    Lose(Shared<Message>),
    /// The caller waits no longer; the request arrives later, or never.
    GiveUp(Shared<Message>),
    /// The caller waits no longer for what a replica is still busy with.
    GiveUpAt(ReplicaId, Ticket),
    /// The network makes a copy.
    Double(Shared<Message>),
    /// A front end reads the view.
    ReadView(usize),
    /// A front end tells a replica the view it knows.
    Tell(usize, ReplicaId),
    /// A front end finds the leader unresponsive, or this replica, and proposes another.
    Choose(usize, Option<ReplicaId>),
    /// Its proposal reaches the catalog; whether the answer comes back.
    Propose(usize, bool),
    /// A front end sends a copy of an order.
    Place(usize),
    /// A leader is told that the front end's patience is over.
    Expire(ReplicaId, Ticket),
    /// A front end looks the first order up at a replica.
    Look(ReplicaId),
    /// The catalog restocks what is sold out.
    Restock,
}

impl State {
    /// Collects what may happen next.
    pub fn enabled(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        if self.broken.is_some() {
            return;
        }
        self.on_the_wire(bounds, actions);
        for id in self.ids() {
            self.at_replica(id, bounds, actions);
        }
        for front_end in 0..self.front_ends.len() {
            self.at_front_end(front_end, bounds, actions);
        }
        self.orders(bounds, actions);
        if self.spent.looks < bounds.looks {
            actions.extend(self.ids().map(Action::Look));
        }
        let sold_out = self.rows.products.values().any(|books| books.stock == 0);
        if self.spent.restocks < bounds.restocks && sold_out {
            actions.push(Action::Restock);
        }
    }

    fn on_the_wire(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        for message in self.wire.different() {
            actions.push(Action::Deliver(message.clone()));
            if self.spent.lost < bounds.lost && is_awaited(message) {
                actions.push(Action::Lose(message.clone()));
                if message.orphan().is_some() {
                    actions.push(Action::GiveUp(message.clone()));
                }
            }
            let may_double = self.spent.doubled < bounds.doubled && message.caller().is_some();
            if may_double && message.orphan().is_some() {
                actions.push(Action::Double(message.clone()));
            }
        }
    }

    fn at_replica(&self, id: ReplicaId, bounds: &Bounds, actions: &mut Vec<Action>) {
        let node = self.node(id);
        if node.core().is_none() {
            return actions.push(Action::Start(id));
        }
        if !node.queue.is_empty() {
            actions.push(Action::Sync(id));
        }
        if self.spent.ticks < bounds.ticks {
            actions.push(Action::Tick(id));
        }
        if self.spent.crashes < bounds.crashes {
            actions.extend((0..=node.queue.len()).map(|kept| Action::Crash(id, kept)));
        }
        if self.spent.lost < bounds.lost {
            for (ticket, asker) in &node.askers {
                match asker {
                    Asker::Peer(Some(_)) | Asker::Copy(_, 1..) => {
                        actions.push(Action::GiveUpAt(id, *ticket));
                    }
                    _ => {}
                }
                if matches!(asker, Asker::Copy(..)) {
                    actions.push(Action::Expire(id, *ticket));
                }
            }
        }
    }

    fn at_front_end(&self, index: usize, bounds: &Bounds, actions: &mut Vec<Action>) {
        let front_end = &self.front_ends[index];
        if self.view() != front_end.known.as_ref() {
            actions.push(Action::ReadView(index));
        }
        if let Some(view) = &front_end.known {
            let news = self.ids().filter(|id| self.is_news(*id, view));
            actions.extend(news.map(|id| Action::Tell(index, id)));
        }
        if front_end.proposal.is_some() {
            actions.push(Action::Propose(index, true));
            if self.spent.lost < bounds.lost {
                actions.push(Action::Propose(index, false));
            }
        } else {
            self.choices(index, bounds, actions);
        }
    }

    fn choices(&self, index: usize, bounds: &Bounds, actions: &mut Vec<Action>) {
        if self.view().is_some_and(|view| view.epoch.0 > bounds.leaders) {
            return;
        }
        let may_lose = self.spent.lost < bounds.lost;
        let silent = self.ids().map(Some).filter(|_| may_lose && self.view().is_some());
        let choices = std::iter::once(None).chain(silent);
        let possible = choices.filter(|silent| self.proposal(*silent).is_some());
        actions.extend(possible.map(|silent| Action::Choose(index, silent)));
    }

    fn orders(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        for (index, attempt) in self.attempts.iter().enumerate() {
            // A front end's orders differ in name only before they begin: they begin in order.
            let begun = |other: &Attempt| other.front_end != attempt.front_end || other.copies > 0;
            let turn = bounds.shared || self.attempts[..index].iter().all(begun);
            let ready = matches!(attempt.progress, Progress::Idle | Progress::Between);
            let knows = self.front_ends[attempt.front_end].known.is_some();
            if turn && ready && knows && attempt.copies < bounds.copies {
                actions.push(Action::Place(index));
            }
        }
    }
}

/// Whether somebody waits for an answer to it, or for the answer that it is.
fn is_awaited(message: &Message) -> bool {
    match message {
        Message::Answer(_, _, answer) => !matches!(answer, Answer::None(_)),
        Message::Order(_, _, copy, _) => *copy > 0,
        Message::Look(..) => false,
        Message::Peer(..) | Message::Catalog(..) => message.caller().is_some(),
    }
}
