//! How each action changes the state.

use std::collections::BTreeMap;

use toystore_authority::messages::Proposed;
use toystore_replication::choice::{Choice, Health, RoleName, choose};
use toystore_replication::messages::{
    Answer, NoAnswer, OrderRefusal, OrderReply, PeerCall, PlaceOrder,
};
use toystore_replication::view::Proposal;
use toystore_replication::{Attempt, Event, ReplicaId, Request, Ticket, View, WriteId};

use super::actions::Action;
use super::front_ends::{Look, Progress};
use super::node::{Asker, Node, Process};
use super::shared::Shared;
use super::state::State;
use super::wire::{Message, Rewrite};

impl State {
    /// The state after an action.
    #[must_use]
    pub fn after(&self, action: &Action) -> Self {
        let mut next = self.clone();
        next.happen(action);
        next.prune();
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
            Action::Lose(message) => {
                self.spent.lost += 1;
                self.wire.take(message);
                self.waits_in_vain(message);
            }
            Action::GiveUp(message) => {
                self.spent.lost += 1;
                self.give_up(message);
            }
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

    /// What was not synced is lost; so are the answers on their way to it.
    fn crash(&mut self, id: ReplicaId, kept: usize) {
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

    fn give_up(&mut self, message: &Shared<Message>) {
        self.wire.take(message);
        message.orphan().into_iter().for_each(|copy| self.wire.put(copy));
        self.waits_in_vain(message);
    }

    fn give_up_at(&mut self, id: ReplicaId, ticket: Ticket) {
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

    /// Whether this view would be news for a running replica.
    #[must_use]
    pub fn is_news(&self, id: ReplicaId, view: &View) -> bool {
        let health = self.node(id).core().map(|core| core.health());
        health.is_some_and(|health| {
            let leads = matches!(health.role, RoleName::Leader | RoleName::TakingOver);
            // A leader learns by itself what changes within its epoch.
            (view.epoch > health.promise || view.epoch == health.promise && !leads)
                && health.view.is_none_or(|known| view.is_later_than(&known))
        })
    }

    /// What a front end proposes that gets no answer from this replica, neither does the catalog:
    /// nothing while a leader answers that is not stuck.
    #[must_use]
    pub fn proposal(&self, silent: Option<ReplicaId>) -> Option<Proposal> {
        let up = self.ids().filter(|id| Some(*id) != silent);
        let answers: BTreeMap<ReplicaId, Health> =
            up.filter_map(|id| Some((id, self.node(id).core()?.health()))).collect();
        let led_by = self.view().and_then(|view| {
            let health = answers.get(&view.leader.id)?;
            let leads = matches!(health.role, RoleName::Leader | RoleName::TakingOver)
                || health.promise < view.epoch;
            (health.member == view.leader && leads).then_some(health)
        });
        if led_by.is_some_and(|health| !health.stuck) {
            return None;
        }
        let silence_matters = silent.is_none_or(|id| self.node(id).core().is_some());
        let configured: Vec<_> = self.ids().collect();
        match choose(self.view(), &configured, &answers) {
            Choice::Propose(proposal) if silence_matters => {
                // It is stuck, and the best there is: a new epoch of it would be no better.
                let same = led_by.is_some_and(|health| health.member == proposal.leader);
                (!same).then_some(proposal)
            }
            _ => None,
        }
    }

    fn choose(&mut self, index: usize, silent: Option<ReplicaId>) {
        self.spent.lost += u8::from(silent.is_some());
        let (proposal, view) = (self.proposal(silent), self.rows.view.clone());
        let front_end = &mut self.front_ends[index];
        front_end.hear(view);
        front_end.proposal = proposal;
    }

    fn proposal_arrives(&mut self, index: usize, heard: bool) {
        self.spent.lost += u8::from(!heard);
        let Some(proposal) = self.front_ends[index].proposal.take() else { return };
        match self.propose(proposal) {
            Some(Proposed::Accepted(view) | Proposed::Kept(view)) if heard => {
                self.front_ends[index].hear(Some(view));
            }
            Some(Proposed::Refused(_, view)) if heard => self.front_ends[index].hear(view),
            _ => {}
        }
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
