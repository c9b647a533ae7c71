//! What goes wrong: crashes, and callers that wait in vain.

use toystore_replication::messages::{Answer, NoAnswer, OrderReply};
use toystore_replication::{Event, ReplicaId, Ticket};

use super::node::{Asker, Node, Process};
use super::shared::Shared;
use super::state::State;
use super::wire::{Message, Rewrite};

impl State {
    /// What was not synced is lost; so are the answers on their way to it.
    pub(super) fn crash(&mut self, id: ReplicaId, kept: usize) {
        self.spent.crashes += 1;
        let mut node = Node::clone(self.node(id));
        let mut disk = node.disk().clone();
        let synced: Vec<_> = node.queue.drain(..).take(kept).collect();
        for write in synced {
            self.check(disk.sync(write));
        }
        node.process = Process::Down(disk);
        let askers = std::mem::take(&mut node.askers);
        self.put_node(id, node);
        for asker in askers.into_values() {
            match asker {
                Asker::Peer(Some((from, call))) => {
                    self.wire.put(Message::Answer(from, call, Answer::None(NoAnswer::Broken)));
                }
                Asker::Copy(attempt, copy) => self.judge(attempt, copy, OrderReply::Unknown),
                Asker::Peer(None) | Asker::Look(_) => {}
            }
        }
        self.wire.rewrite(|message| match message {
            Message::Answer(to, ..) if *to == id => Rewrite::Drop,
            _ => match message.caller() {
                Some((from, _)) if from == id => Rewrite::to(message.orphan()),
                _ => Rewrite::Keep,
            },
        });
        self.rename_askers(|asker| {
            let waits = matches!(asker, Asker::Peer(Some((from, _))) if *from == id);
            if waits {
                *asker = Asker::Peer(None);
            }
            waits
        });
    }

    /// A request, or the answer to one, gets lost.
    pub(super) fn lose(&mut self, message: &Shared<Message>) {
        self.spent.lost += 1;
        self.wire.take(message);
        self.waits_in_vain(message);
    }

    /// Whoever waits for this, or for what comes of it, gets no answer.
    fn waits_in_vain(&mut self, message: &Message) {
        let late = Answer::None(NoAnswer::Late);
        match message {
            Message::Answer(to, call, _) => self.step(*to, Event::Answered(*call, late)),
            Message::Order(_, attempt, copy, _) => {
                self.judge(*attempt, *copy, OrderReply::Unknown);
            }
            _ => {
                if let Some((from, call)) = message.caller() {
                    self.step(from, Event::Answered(call, late));
                }
            }
        }
    }

    /// The caller waits no longer; the request is still on its way.
    pub(super) fn give_up(&mut self, message: &Shared<Message>) {
        self.spent.lost += 1;
        self.wire.take(message);
        message.orphan().into_iter().for_each(|copy| self.wire.put(copy));
        self.waits_in_vain(message);
    }

    /// The caller waits no longer; a replica is still busy with the request.
    pub(super) fn give_up_at(&mut self, id: ReplicaId, ticket: Ticket) {
        self.spent.lost += 1;
        let mut node = Node::clone(self.node(id));
        let Some(asker) = node.askers.get_mut(&ticket) else { return };
        let waited = *asker;
        *asker = match waited {
            Asker::Peer(_) => Asker::Peer(None),
            Asker::Copy(attempt, _) => Asker::Copy(attempt, 0),
            Asker::Look(look) => Asker::Look(look),
        };
        self.put_node(id, node);
        match waited {
            Asker::Peer(Some((from, call))) => {
                self.step(from, Event::Answered(call, Answer::None(NoAnswer::Late)));
            }
            Asker::Copy(attempt, copy) => self.judge(attempt, copy, OrderReply::Unknown),
            Asker::Peer(None) | Asker::Look(_) => {}
        }
    }
}
