//! How each action changes the state.

use toystore_replication::messages::{Answer, NoAnswer, OrderRefusal, OrderReply};
use toystore_replication::messages::{PeerCall, PlaceOrder};
use toystore_replication::{Attempt, Event, ReplicaId, Request, WriteId};

use super::actions::Action;
use super::front_ends::{Look, Progress};
use super::node::{Asker, Node, Process};
use super::shared::Shared;
use super::state::State;
use super::wire::Message;

impl State {
    /// The state after an action.
    #[must_use]
    pub fn after(&self, action: &Action) -> Self {
        let mut next = self.clone();
        next.happen(action);
        next
    }

    fn happen(&mut self, action: &Action) {
        match action {
            Action::Deliver(message) => self.deliver(message),
            Action::Sync(id) => self.sync(*id),
            Action::Tick(id) => {
                self.spent.ticks += 1;
                self.step(*id, Event::Tick);
            }
            Action::Crash(id, kept) => self.crash(*id, *kept),
            Action::Start(id) => self.start(*id),
            Action::Lose(message) => self.lose(message),
            Action::GiveUp(message) => self.give_up(message),
            Action::GiveUpAt(id, ticket) => self.give_up_at(*id, *ticket),
            Action::Double(message) => {
                self.spent.doubled += 1;
                message.orphan().into_iter().for_each(|copy| self.wire.put(copy));
            }
            Action::ReadView(index) => self.front_ends[*index].hear(self.rows.view.clone()),
            Action::Tell(index, id) => {
                if let Some(view) = self.front_ends[*index].known.clone() {
                    self.step(*id, Event::View(view));
                }
            }
            Action::Choose(index, silent) => self.choose(*index, *silent),
            Action::Propose(index, heard) => self.proposal_arrives(*index, *heard),
            Action::Place(index) => self.place(*index),
            Action::Expire(id, ticket) => {
                self.spent.lost += 1;
                self.step(*id, Event::Expired(*ticket));
            }
            Action::Look(id) => self.look(*id),
            Action::Restock => self.restock(),
        }
    }

    fn deliver(&mut self, message: &Shared<Message>) {
        self.wire.take(message);
        match Message::clone(message) {
            Message::Answer(to, call, answer) => self.step(to, Event::Answered(call, answer)),
            Message::Catalog(caller, call) => {
                let answer = self.ask_catalog(&call);
                if let (Some((from, call)), Some(answer)) = (caller, answer) {
                    self.wire.put(Message::Answer(from, call, answer));
                }
            }
            Message::Peer(caller, to, call) => {
                if self.node(to).core().is_some() {
                    let request = match call {
                        PeerCall::Append(append) => Request::Append(append),
                        PeerCall::Fetch(fetch) => Request::Fetch(fetch),
                        PeerCall::Join(join) => Request::Join(join),
                    };
                    self.request(to, Asker::Peer(caller), request);
                } else if let Some((from, call)) = caller {
                    self.wire.put(Message::Answer(from, call, Answer::None(NoAnswer::Refused)));
                }
            }
            Message::Order(to, attempt, copy, place) => {
                if self.node(to).core().is_some() {
                    self.request(to, Asker::Copy(attempt, copy), Request::Order(place));
                } else {
                    // Nobody listens there: surely not done.
                    let nobody = OrderReply::Refused(OrderRefusal::NotLeader(None));
                    self.judge(attempt, copy, nobody);
                }
            }
            Message::Look(to, look, number) => {
                if self.node(to).core().is_some() {
                    self.request(to, Asker::Look(look), Request::Read(number));
                }
            }
        }
    }

    fn sync(&mut self, id: ReplicaId) {
        let mut node = Node::clone(self.node(id));
        let Process::Up(core) = &mut node.process else { return };
        let result = core.stored_mut().sync(node.queue.remove(0));
        self.put_node(id, node);
        self.check(result);
        self.step(id, Event::Saved(WriteId(1)));
    }

    fn place(&mut self, index: usize) {
        let attempt = &mut self.attempts[index];
        let Some(view) = &self.front_ends[attempt.front_end].known else { return };
        attempt.copies += 1;
        attempt.progress = Progress::Waiting;
        let place = PlaceOrder {
            epoch: view.epoch,
            attempt: Attempt(index as u64),
            repeat: attempt.open,
            purchase: attempt.purchase().clone(),
            patience_ms: 0,
        };
        self.wire.put(Message::Order(view.leader.id, index, attempt.copies, place));
    }

    fn look(&mut self, id: ReplicaId) {
        self.spent.looks += 1;
        let exists = self.told.orders.contains_key(&Look::NUMBER);
        self.looks.push(Look { exists, found: None });
        self.wire.put(Message::Look(id, self.looks.len() - 1, Look::NUMBER));
    }
}
