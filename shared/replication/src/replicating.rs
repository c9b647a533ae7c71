//! Replicating: sending the log to followers, and when an order counts as committed.

use toystore_domain::OrderNumber;
use toystore_mutants::{Mutant, broken};

use crate::effects::Call;
use crate::leader::{Leader, Peer, Stage};
use crate::messages::{Answer, Append, Appended, NoAnswer, PeerCall};
use crate::replica::Role;
use crate::{Fatal, Member, Notice, Replica, ReplicaId, StoreId, Stored};

/// An answer missed twice in a row, or a late one, costs a follower its place.
const MISSES: u32 = 2;

impl<S: Stored> Replica<S> {
    /// One append under way for each follower: those that lack entries, and all at a heartbeat.
    pub(crate) fn send_appends(&mut self, heartbeat: bool) -> Result<(), Fatal> {
        let last = self.log.last().number;
        // Until its promise is synced nobody may hear of the epoch: a process that lost it in a
        // crash would help the leader before to commit what its own late append cuts off.
        let promised = |leader: &&mut Leader| {
            leader.promise_write.is_none() || broken(Mutant::LeadBeforePromise)
        };
        let Some(leader) = self.leader().filter(promised) else { return Ok(()) };
        let ready =
            |peer: &Peer| peer.call.is_none() && !peer.lost && (heartbeat || peer.next <= last);
        let due: Vec<_> = leader
            .peers
            .iter()
            .filter(|(_, peer)| ready(peer))
            .map(|(id, peer)| (*id, peer.member.store, peer.next.previous()))
            .collect();
        for (id, store, previous) in due {
            let Some(append) = self.append_after(store, previous)? else { continue };
            let call = self.call(Call::Peer(id, PeerCall::Append(append)));
            if let Some(peer) = self.leader().and_then(|leader| leader.peers.get_mut(&id)) {
                peer.call = Some(call);
            }
        }
        Ok(())
    }

    /// The append that follows this order.
    pub(crate) fn append_after(
        &self,
        to: StoreId,
        previous: OrderNumber,
    ) -> Result<Option<Append>, Fatal> {
        let (Role::Leader(leader), Some(view)) = (&self.role, self.view.clone()) else {
            return Ok(None);
        };
        let Some(previous) = self.log.position(previous)? else { return Ok(None) };
        let entries = self.log.after(previous.number, self.settings.page)?;
        Ok(Some(Append { view, to, start: leader.start, previous, entries, commit: self.commit }))
    }

    pub(crate) fn on_appended(&mut self, id: ReplicaId, answer: Answer) -> Result<(), Fatal> {
        let Some(peer) = self.peer(id) else { return Ok(()) };
        peer.call = None;
        match answer {
            Answer::Appended(Appended::Held { member, upto }) => {
                if !self.log.holds(&upto)? {
                    self.lose(id, "acknowledged what the leader does not hold");
                } else if self.recognise(id, &member) {
                    self.on_held(id, upto.number);
                }
            }
            Answer::Appended(Appended::Missing { member, agreed, last }) => {
                if self.recognise(id, &member) {
                    self.on_missing(id, agreed, last);
                }
            }
            Answer::Appended(Appended::Stale { .. }) => {
                if let Some(leader) = self.leader() {
                    leader.doubt = true;
                }
                return Ok(());
            }
            Answer::Appended(Appended::Stranger { .. }) => self.lose(id, "has another database"),
            Answer::None(reason) => {
                self.on_silence(id, reason);
                self.change_members()?;
                return self.advance();
            }
            _ => return Ok(()),
        }
        self.advance()?;
        self.change_members()?;
        self.send_appends(false)
    }

    fn peer(&mut self, id: ReplicaId) -> Option<&mut Peer> {
        self.leader().and_then(|leader| leader.peers.get_mut(&id))
    }

    /// Whether the answer comes from the database that is in the set, in whatever process.
    fn recognise(&mut self, id: ReplicaId, member: &Member) -> bool {
        let Some(peer) = self.peer(id) else { return false };
        let same = peer.member.same_store(member);
        if same {
            peer.member.incarnation = member.incarnation;
            peer.missed = 0;
        } else {
            self.lose(id, "has another database");
        }
        same
    }

    fn on_held(&mut self, id: ReplicaId, upto: OrderNumber) {
        self.progress_of_commit(id, upto);
        if let Some(peer) = self.peer(id) {
            peer.matched = peer.matched.max(Some(upto));
            peer.next = upto.next();
        }
    }

    fn progress_of_commit(&mut self, id: ReplicaId, upto: OrderNumber) {
        if self.peer(id).is_some_and(|peer| peer.matched < Some(upto)) {
            self.progress();
        }
    }

    /// The follower lacks the previous entry: send from where it surely agrees.
    fn on_missing(&mut self, id: ReplicaId, agreed: OrderNumber, last: OrderNumber) {
        let Some(peer) = self.peer(id) else { return };
        if peer.matched > Some(last) {
            self.lose(id, "lost orders that it had acknowledged");
            return;
        }
        peer.next = agreed.next();
    }

    fn on_silence(&mut self, id: ReplicaId, reason: NoAnswer) {
        // Who is not there when a leader begins did not come down just now.
        let begins = self.leader().is_some_and(|leader| leader.stage == Stage::Agreeing);
        let absent = begins && reason == NoAnswer::Refused;
        let Some(peer) = self.peer(id) else { return };
        peer.missed += 1;
        if broken(Mutant::KeepSilentFollower) {
            return;
        }
        if reason == NoAnswer::Late {
            self.lose(id, "answered late");
        } else if absent || peer.missed >= MISSES {
            self.lose(id, "does not answer");
        }
    }

    /// The follower is to leave the in-sync set, before anything commits without it.
    pub(crate) fn lose(&mut self, id: ReplicaId, why: &'static str) {
        let Some(peer) = self.peer(id).filter(|peer| !peer.lost) else { return };
        peer.lost = true;
        let member = peer.member;
        self.out.notices.push(Notice::LostFollower(member, why));
    }

    /// Whether no follower must acknowledge, so that the catalog is the second disk.
    pub(crate) fn alone(&self) -> bool {
        match &self.role {
            Role::Leader(leader) => !leader.peers.values().any(Peer::required),
            Role::Follower(_) => false,
        }
    }

    /// Whether fewer replicas are in sync than the operator demands. Then no order is acknowledged:
    /// none is admitted, and none that was admitted before commits (KIP-966: the high watermark
    /// stays).
    pub(crate) fn too_few_in_sync(&self) -> bool {
        let in_sync = self.view.as_ref().map_or(0, |view| view.in_sync.len());
        in_sync < self.settings.min_in_sync
    }

    /// Raises the commit number as far as everyone who must hold an order holds it.
    pub(crate) fn advance(&mut self) -> Result<(), Fatal> {
        self.agree();
        let (durable, commit, alone) = (self.durable, self.commit, self.alone());
        let too_few = self.too_few_in_sync();
        let Some(leader) = self.leader() else { return Ok(()) };
        if leader.stage != Stage::Serving || too_few {
            return Ok(());
        }
        let waits =
            |peer: &&Peer| peer.required() && !(peer.lost && broken(Mutant::CommitWithoutMember));
        let followers = leader.peers.values().filter(waits);
        let mut held =
            followers.map(|peer| peer.matched.unwrap_or_default()).fold(durable, Ord::min);
        if alone && !broken(Mutant::ForgetSecondDisk) {
            held = held.min(leader.recorded.max(commit));
        }
        if held <= commit {
            // While alone, the next orders wait to be recorded.
            return if alone { self.transact_next() } else { Ok(()) };
        }
        self.progress();
        self.commit = held;
        self.answer_committed(commit, held)?;
        self.release();
        self.transact_next()
    }
}
