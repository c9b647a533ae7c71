//! Coming back: pull the range above the last own entry, page by page, then join.
//!
//! A replica that the view leaves out asks the leader for what follows its last entry. Where the
//! two logs differ it steps back to its last committed order, up to which all logs agree. When a
//! page ends the log it asks to join; from then on the leader sends appends by itself.

use toystore_domain::OrderNumber;

use crate::effects::{Call, Reply};
use crate::messages::{Answer, Fetch, Fetched, Join, Joined, PeerCall};
use crate::replica::Role;
use crate::{CallId, Fatal, Notice, Position, Replica, ReplicaId, Stored, Ticket};

/// So many writes of pages may be under way before the next page is asked for.
const WRITES_AHEAD: usize = 3;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct CatchUp {
    leader: ReplicaId,
    /// The call under way; none while the disk is to catch up first.
    pub(crate) call: Option<CallId>,
    /// The last page asked for follows this order.
    after: OrderNumber,
    /// A page ended the leader's log: join once everything is synced.
    complete: bool,
}

impl<S: Stored> Replica<S> {
    /// Starts to catch up when the view leaves this replica out and another leads.
    pub(crate) fn catch_up_if_out(&mut self) -> Result<(), Fatal> {
        let Some(view) = &self.view else { return Ok(()) };
        let leader = view.leader.id;
        if self.follows_in_sync() || self.is_me(leader) {
            return Ok(());
        }
        let Role::Follower(follower) = &mut self.role else { return Ok(()) };
        if follower.catch_up.as_ref().is_some_and(|known| known.leader == leader) {
            return Ok(());
        }
        follower.catch_up =
            Some(CatchUp { leader, call: None, after: OrderNumber::ZERO, complete: false });
        self.out.notices.push(Notice::CatchingUp(self.log.last().number));
        self.fetch(self.log.last());
        Ok(())
    }

    fn fetch(&mut self, after: Position) {
        let member = self.me;
        if let Some(catch_up) = self.catch_up() {
            catch_up.after = after.number;
        }
        self.call_leader(PeerCall::Fetch(Fetch { member, after }));
    }

    fn call_leader(&mut self, call: PeerCall) {
        let Role::Follower(follower) = &self.role else { return };
        let Some(leader) = follower.catch_up.as_ref().map(|catch_up| catch_up.leader) else {
            return;
        };
        let call = self.call(Call::Peer(leader, call));
        if let Some(catch_up) = self.catch_up() {
            catch_up.call = Some(call);
        }
    }

    fn catch_up(&mut self) -> Option<&mut CatchUp> {
        match &mut self.role {
            Role::Follower(follower) => follower.catch_up.as_mut(),
            Role::Leader(_) => None,
        }
    }

    pub(crate) fn on_caught_up_answer(
        &mut self,
        call: CallId,
        answer: Answer,
    ) -> Result<(), Fatal> {
        let Some(catch_up) = self.catch_up().filter(|known| known.call == Some(call)) else {
            return Ok(());
        };
        catch_up.call = None;
        let stood = catch_up.after;
        match answer {
            Answer::Fetched(Fetched::Page { append, more }) => {
                if append.view.epoch < self.promise || append.to != self.me.store {
                    self.stop_catching_up();
                    return Ok(());
                }
                if !self.accept(*append, None)? {
                    return self.step_back();
                }
                if let Some(catch_up) = self.catch_up() {
                    catch_up.complete = !more;
                }
                self.go_on_catching_up();
                Ok(())
            }
            // All logs agree up to what is committed; where they do not, one is damaged.
            Answer::Fetched(Fetched::StepBack) if stood <= self.commit => {
                Err(Fatal::Diverged(stood))
            }
            Answer::Fetched(Fetched::StepBack) => self.step_back(),
            // Appends follow; when they do not, the silence starts it all again.
            Answer::Joined(Joined::Welcome) => {
                self.stop_catching_up();
                Ok(())
            }
            _ => {
                self.stop_catching_up();
                Ok(())
            }
        }
    }

    fn stop_catching_up(&mut self) {
        if let Role::Follower(follower) = &mut self.role {
            follower.catch_up = None;
        }
    }

    fn step_back(&mut self) -> Result<(), Fatal> {
        let agreed = self.log.position(self.commit)?.ok_or(Fatal::MissingEntry(self.commit))?;
        self.fetch(agreed);
        Ok(())
    }

    /// The next page, or the wish to join; later, when the disk is behind.
    fn go_on_catching_up(&mut self) {
        let behind = self.writes_under_way();
        let (last, member) = (self.log.last(), self.me);
        let Some(catch_up) = self.catch_up() else { return };
        if catch_up.call.is_some() {
            return;
        }
        if !catch_up.complete && behind < WRITES_AHEAD {
            self.fetch(last);
        } else if catch_up.complete && behind == 0 {
            self.out.notices.push(Notice::AskedToJoin(last.number));
            self.call_leader(PeerCall::Join(Join { member, last: last.number }));
        }
    }

    pub(crate) fn on_saved_following(&mut self) -> Result<(), Fatal> {
        self.go_on_catching_up();
        Ok(())
    }

    /// The leader's side: a page after the asker's last entry, if this log passes through it.
    pub(crate) fn on_fetch(&mut self, ticket: Ticket, fetch: &Fetch) -> Result<(), Fatal> {
        let reply = self.page(fetch)?;
        self.reply(ticket, Reply::Fetched(reply));
        Ok(())
    }

    fn page(&self, fetch: &Fetch) -> Result<Fetched, Fatal> {
        let Role::Leader(leader) = &self.role else { return Ok(Fetched::NotLeader) };
        // Until the logs are agreed upon, nobody may take an entry of this one for committed.
        if !leader.agreed() {
            return Ok(Fetched::NotLeader);
        }
        if !self.log.holds(&fetch.after)? {
            return Ok(Fetched::StepBack);
        }
        let Some(append) = self.append_after(fetch.member.store, fetch.after.number)? else {
            return Ok(Fetched::StepBack);
        };
        let upto = append.entries.last().map_or(OrderNumber::ZERO, |entry| entry.number);
        let more = upto > OrderNumber::ZERO && upto < self.log.last().number;
        Ok(Fetched::Page { append: Box::new(append), more })
    }
}
