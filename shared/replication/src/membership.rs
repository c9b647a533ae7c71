//! Membership: a late follower is removed before anything commits without it; one that has caught
//! up acknowledges first and enters the view after. One change is under way at a time, and while
//! its outcome is unknown both the old and the new set must acknowledge.

use toystore_mutants::{Mutant, broken};

use crate::effects::Reply;
use crate::leader::{Peer, PendingChange, Stage, Standing};
use crate::messages::{Answer, CatalogCall, Changed, Join, Joined};
use crate::replica::Role;
use crate::view::MemberChange;
use crate::{Fatal, Member, Notice, Replica, Stored, Ticket, View};

impl<S: Stored> Replica<S> {
    /// A replica that has caught up wants to be sent what follows.
    pub(crate) fn on_join(&mut self, ticket: Ticket, join: Join) -> Result<(), Fatal> {
        let joined = self.admit_follower(&join);
        self.reply(ticket, Reply::Joined(joined));
        if joined == Joined::Welcome { self.send_appends(true) } else { Ok(()) }
    }

    fn admit_follower(&mut self, join: &Join) -> Joined {
        let id = join.member.id;
        let (own, last) = (self.is_me(id), self.log.last().number);
        let Some(leader) = self.leader().filter(|leader| leader.agreed() && !own) else {
            return Joined::NotNow;
        };
        match leader.peers.get(&id) {
            // Its place must be free first: the removal of the lost one may still be under way.
            Some(peer) if peer.required() => {
                let known = peer.member.same_store(&join.member) && !peer.lost;
                if !known {
                    self.lose(id, "was replaced");
                }
                if known { Joined::Welcome } else { Joined::NotNow }
            }
            _ => {
                let peer = Peer {
                    member: join.member,
                    standing: Standing::Joining,
                    matched: None,
                    next: join.last.min(last).next(),
                    call: None,
                    missed: 0,
                    lost: false,
                };
                leader.peers.insert(id, peer);
                Joined::Welcome
            }
        }
    }

    /// Proposes the set as it should be, when it is not so and no other change is under way.
    pub(crate) fn change_members(&mut self) -> Result<(), Fatal> {
        let (me, commit, page) = (self.me, self.commit, self.settings.page as u64);
        let Some(view) = self.view.clone() else { return Ok(()) };
        let Some(leader) = self.leader().filter(|leader| leader.change.is_none()) else {
            return Ok(());
        };
        for peer in leader.peers.values_mut() {
            if peer.standing == Standing::Vouched && peer.lost {
                // No change that admits it is under way: nobody needs to wait for it.
                peer.standing = Standing::Joining;
            }
        }
        leader.peers.retain(|_, peer| peer.required() || !peer.lost);
        let serving = leader.stage == Stage::Serving;
        for peer in leader.peers.values_mut() {
            // One append behind at most: from now on commits wait for it, so that it catches up
            // however fast orders come.
            let near =
                peer.matched.is_some_and(|matched| matched.0.saturating_add(page) >= commit.0);
            if peer.standing == Standing::Joining && serving && near {
                peer.standing = Standing::Vouched;
            }
        }
        // It enters the view once it holds all that is committed: nothing falls between.
        let holds = |peer: &&Peer| {
            peer.standing == Standing::InSync
                || peer.matched >= Some(commit)
                || broken(Mutant::JoinAfterStaleCheck)
        };
        let followers = leader.peers.values().filter(|peer| peer.required() && !peer.lost);
        let followers = followers.filter(holds);
        let mut in_sync: Vec<Member> = followers.map(|peer| peer.member).collect();
        in_sync.push(me);
        in_sync.sort_unstable();
        let same = in_sync.len() == view.in_sync.len()
            && in_sync.iter().all(|member| view.has_in_sync(member));
        if same {
            return Ok(());
        }
        let change =
            MemberChange { epoch: leader.epoch, revision: view.revision, leader: me, in_sync };
        leader.change = Some(PendingChange { change, call: None });
        self.resend_change();
        Ok(())
    }

    /// Sends the pending change, the same one again after a failure.
    pub(crate) fn resend_change(&mut self) {
        let Some(leader) = self.leader() else { return };
        let Some(pending) = leader.change.as_ref().filter(|pending| pending.call.is_none()) else {
            return;
        };
        let change = pending.change.clone();
        let call = self.call_catalog(CatalogCall::ChangeMembers(change));
        if let Some(pending) = self.leader().and_then(|leader| leader.change.as_mut()) {
            pending.call = Some(call);
        }
    }

    pub(crate) fn on_changed(&mut self, answer: Answer) -> Result<(), Fatal> {
        let (Role::Leader(leader), Answer::Changed(changed)) = (&mut self.role, answer) else {
            // Unknown: the next tick sends the same change again.
            if let Some(pending) = self.leader().and_then(|leader| leader.change.as_mut()) {
                pending.call = None;
            }
            return Ok(());
        };
        match changed {
            Changed::Accepted(view) => self.adopt(view),
            // An earlier copy of this change was accepted: within an epoch nobody else changes it.
            Changed::Refused(Some(view)) if view.epoch == leader.epoch => self.adopt(view),
            Changed::Refused(view) => self.fenced(view),
        }
    }

    fn adopt(&mut self, view: View) -> Result<(), Fatal> {
        self.progress();
        let Some(leader) = self.leader() else { return Ok(()) };
        leader.change = None;
        for peer in leader.peers.values_mut() {
            peer.standing = match peer.standing {
                Standing::Joining => Standing::Joining,
                _ if view.has_in_sync(&peer.member) => Standing::InSync,
                _ => Standing::Joining,
            };
        }
        leader.peers.retain(|_, peer| peer.required() || !peer.lost);
        self.out.notices.push(Notice::InSync(view.in_sync_ids()));
        self.view = Some(view);
        self.advance()?;
        self.transact_next()?;
        self.change_members()
    }
}
