//! What is on its way between processes: calls, answers, replies; lost, late or doubled.

use super::{Asker, Item, Life, TIMEOUT, World};
use toystore_replication::effects::{Call, Reply};
use toystore_replication::messages::{Answer, NoAnswer, PeerCall};
use toystore_replication::{CallId, ReplicaId, Request, Ticket};

impl World {
    pub(super) fn answer(&mut self, from: u8, to: (ReplicaId, Life), call: CallId, answer: Answer) {
        let delay = 1 + self.random.below(12);
        if self.passes(from, to.0.0) {
            self.put(delay, Item::Answered { to, call, answer });
        }
    }

    pub(super) fn deliver(
        &mut self,
        from: (ReplicaId, Life),
        call: CallId,
        to: ReplicaId,
        message: PeerCall,
    ) {
        if self.nodes[&to].core.is_none() {
            self.answer(to.0, from, call, Answer::None(NoAnswer::Refused));
            return;
        }
        let request = match message {
            PeerCall::Append(append) => Request::Append(append),
            PeerCall::Fetch(fetch) => Request::Fetch(fetch),
            PeerCall::Join(join) => Request::Join(join),
        };
        self.request(to, Asker::Peer { from, call }, request, None);
    }

    pub(super) fn send(&mut self, from: (ReplicaId, Life), call: CallId, what: Call) {
        let late = Answer::None(NoAnswer::Late);
        self.put(TIMEOUT, Item::Answered { to: from, call, answer: late });
        let (to, item) = match what {
            Call::Peer(to, message) => (to.0, Item::ToPeer { from, call, to, message }),
            Call::Catalog(message) => (0, Item::ToCatalog { from, call, message }),
        };
        let delay = 1 + self.random.below(12);
        if !self.healing && self.random.chance(20) {
            self.seen.doubled += 1;
            let late = self.random.below(300);
            self.put(late, item.clone());
        }
        if self.passes(from.0.0, to) {
            self.put(delay, item);
        }
    }

    pub(super) fn reply(&mut self, id: ReplicaId, ticket: Ticket, reply: Reply) {
        let Some(asker) = self.nodes.get_mut(&id).unwrap().askers.remove(&ticket) else {
            panic!("seed {}: {ticket:?} was answered twice", self.seed);
        };
        match (asker, reply) {
            (Asker::Orders(copy), Reply::Order(reply)) => self.copy_replied(id, copy, reply),
            (Asker::Looks(look), Reply::Read(reply)) => self.found(look, reply),
            (Asker::Looks(look), Reply::List(reply)) => self.listed(look, reply),
            (asker @ (Asker::Orders(_) | Asker::Looks(_)), reply) => {
                panic!("{asker:?}: {reply:?}")
            }
            (Asker::Peer { from, call }, reply) => {
                let answer = match reply {
                    Reply::Appended(appended) => Answer::Appended(appended),
                    Reply::Fetched(fetched) => Answer::Fetched(fetched),
                    Reply::Joined(joined) => Answer::Joined(joined),
                    other => panic!("{other:?}"),
                };
                self.answer(id.0, from, call, answer);
            }
        }
    }
}
