//! One replica's step: the core takes an event, and what it wants done is handed on.

use std::collections::BTreeMap;

use toystore_domain::OrderNumber;
use toystore_replication::effects::{Call, Reply};
use toystore_replication::messages::{Answer, OrderReply, ReadReply};
use toystore_replication::{
    CallId, Effects, Event, Member, Notice, Replica, ReplicaId, Request, Settings,
};

use super::front_ends::Look;
use super::node::{Asker, Node, Process};
use super::shared::Shared;
use super::state::State;
use super::told::{Broken, Told};
use super::wire::{Message, Rewrite};

/// Small where small is enough; a follower asks for the view, and a leader counts as stuck, after
/// one tick.
const SETTINGS: Settings =
    Settings { min_in_sync: 1, batch: 2, page: 2, queue: 4, silence_ticks: 0, stuck_ticks: 0 };

impl State {
    /// A request reaches a running replica.
    pub fn request(&mut self, to: ReplicaId, asker: Asker, request: Request) {
        let mut node = Node::clone(self.node(to));
        let ticket = node.expect(asker);
        self.put_node(to, node);
        self.step(to, Event::Request(ticket, request));
    }

    /// A running replica takes an event in; what it wants done is handed on.
    pub fn step(&mut self, id: ReplicaId, event: Event) {
        let mut node = Node::clone(self.node(id));
        let Process::Up(core) = &mut node.process else { return };
        let effects = match core.step(event) {
            Ok(effects) => effects,
            Err(fatal) => return self.check(Err(Broken::Fatal(fatal))),
        };
        let calls = core.renumber();
        let Effects { writes, calls: made, replies, notices } = effects;
        node.queue.extend(writes.into_iter().map(|(_, write)| write));
        let replies: Vec<_> = replies
            .into_iter()
            .filter_map(|(ticket, reply)| Some((node.askers.remove(&ticket)?, reply)))
            .collect();
        let me = node.member();
        self.put_node(id, node);
        self.rename_calls(id, &calls);
        for (call, to) in made {
            let caller = calls.get(&call).map(|call| (id, *call));
            self.wire.put(match to {
                Call::Peer(to, message) => Message::Peer(caller, to, message),
                Call::Catalog(message) => Message::Catalog(caller, message),
            });
        }
        for (asker, reply) in replies {
            self.reply(me, asker, reply);
        }
        for notice in notices {
            self.cancelled |= matches!(notice, Notice::Serving { cancelled: 1.., .. });
        }
    }

    /// What a replica waits for has new names; for the rest nobody waits any more.
    fn rename_calls(&mut self, id: ReplicaId, calls: &BTreeMap<CallId, CallId>) {
        let same = |call: &CallId| calls.get(call) == Some(call);
        self.wire.rewrite(|message| match message {
            Message::Answer(to, call, answer) if *to == id && !same(call) => {
                let renamed = calls.get(call);
                Rewrite::to(renamed.map(|call| Message::Answer(id, *call, answer.clone())))
            }
            _ => match message.caller() {
                Some((from, call)) if from == id && !same(&call) => {
                    Rewrite::to(match calls.get(&call) {
                        Some(renamed) => Some(message.called_by((id, *renamed))),
                        None => message.orphan(),
                    })
                }
                _ => Rewrite::Keep,
            },
        });
        self.rename_askers(|asker| match asker {
            Asker::Peer(Some((from, call))) if *from == id && !same(call) => {
                *asker = Asker::Peer(calls.get(call).map(|call| (id, *call)));
                true
            }
            _ => false,
        });
    }

    /// Changes who waits, at whatever replica.
    pub fn rename_askers(&mut self, change: impl Fn(&mut Asker) -> bool) {
        for id in self.ids() {
            let node = self.node(id);
            if node.askers.values().any(|asker| change(&mut asker.clone())) {
                let mut node = Node::clone(node);
                node.askers.values_mut().for_each(|asker| {
                    change(asker);
                });
                self.put_node(id, node);
            }
        }
    }

    fn reply(&mut self, me: Member, asker: Asker, reply: Reply) {
        match (asker, reply) {
            (Asker::Peer(None), _) => {}
            (Asker::Peer(Some((to, call))), reply) => {
                let answer = match reply {
                    Reply::Appended(appended) => Answer::Appended(appended),
                    Reply::Fetched(fetched) => Answer::Fetched(fetched),
                    Reply::Joined(joined) => Answer::Joined(joined),
                    _ => return self.check(Err(Broken::Mismatch)),
                };
                self.wire.put(Message::Answer(to, call, answer));
            }
            (Asker::Copy(attempt, copy), Reply::Order(reply)) => {
                self.copy_replied(me, attempt, copy, reply);
            }
            (Asker::Look(look), Reply::Read(reply)) => self.look_replied(look, reply),
            _ => self.check(Err(Broken::Mismatch)),
        }
    }

    fn copy_replied(&mut self, me: Member, attempt: usize, copy: u8, reply: OrderReply) {
        if let OrderReply::Placed(number) = reply {
            let result = self.acknowledged(me, attempt, number);
            self.check(result);
        }
        self.judge(attempt, copy, reply);
    }

    fn acknowledged(
        &mut self,
        me: Member,
        attempt: usize,
        number: OrderNumber,
    ) -> Result<(), Broken> {
        let purchase = self.attempts[attempt].purchase();
        let mut told = Told::clone(&self.told);
        if !told.numbers.contains_key(&purchase.key) {
            told.alone |= self.view().is_some_and(|view| view.in_sync.len() == 1);
            self.held_by_enough(number)?;
        }
        // Only a leader of the copy's epoch takes it, and it leads in no other meanwhile.
        let epoch = self.node(me.id).core().map(|core| core.health().promise);
        let result = told.placed((epoch.unwrap_or_default(), me), purchase, number);
        self.told = Shared::new(told);
        result
    }

    /// An order is on two disks, and on as many replicas' as the operator demands, before it is
    /// acknowledged.
    fn held_by_enough(&self, number: OrderNumber) -> Result<(), Broken> {
        let held = self.nodes.iter().filter(|node| node.disk().synced(number).is_some()).count();
        let mut recorded = self.rows.reservations.values().map(|row| row.recorded);
        let disks = held + usize::from(recorded.any(|recorded| recorded == Some(number)));
        if disks < 2 || held < self.min_in_sync {
            return Err(Broken::TooFewDisks(number));
        }
        Ok(())
    }

    /// A front end hears what came of a copy; only the last one matters to it.
    pub fn judge(&mut self, attempt: usize, copy: u8, reply: OrderReply) {
        if copy == 0 {
            return;
        }
        let front_end = self.attempts[attempt].front_end;
        let view = self.attempts[attempt].judge(reply);
        self.front_ends[front_end].hear(view);
    }

    fn look_replied(&mut self, look: usize, reply: ReadReply) {
        match reply {
            ReadReply::Found(order) => {
                let mut told = Told::clone(&self.told);
                let result = told.found(&order);
                self.told = Shared::new(told);
                self.check(result);
                self.looks[look].found = Some(true);
            }
            ReadReply::NotFound => {
                if self.looks[look].exists {
                    self.check(Err(Broken::Denied(Look::NUMBER)));
                }
                self.looks[look].found = Some(false);
            }
            ReadReply::NotLeader(_) | ReadReply::Unavailable => {}
        }
    }

    /// A replica starts, on what is synced.
    pub fn start(&mut self, id: ReplicaId) {
        let mut node = Node::clone(self.node(id));
        let settings = Settings { min_in_sync: self.min_in_sync, ..SETTINGS };
        let mut disk = node.disk().clone();
        let saved = disk.start();
        let mut core = Replica::new(settings, saved, disk);
        core.renumber();
        node.process = Process::Up(Box::new(core));
        self.put_node(id, node);
    }
}
