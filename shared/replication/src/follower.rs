//! Following: promise an epoch, cut off a stale tail, extend the log, acknowledge what is synced.

use toystore_domain::OrderNumber;
use toystore_mutants::{Mutant, broken};

use crate::catch_up::CatchUp;
use crate::effects::Reply;
use crate::messages::{Answer, Append, Appended, CatalogCall};
use crate::replica::Role;
use crate::{CallId, Entry, Fatal, Notice, Replica, Stored, Ticket};

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Follower {
    /// Ticks since the leader was heard.
    pub(crate) silence: u32,
    /// The leader was heard in this life, so what is known to be committed is current.
    pub(crate) in_touch: bool,
    /// A read of the view under way.
    pub(crate) reading_view: Option<CallId>,
    pub(crate) catch_up: Option<CatchUp>,
}

impl Follower {
    pub(crate) fn new(silence: u32) -> Self {
        Self { silence, in_touch: false, reading_view: None, catch_up: None }
    }
}

/// Whether a message of a leader may be looked at.
enum Guard {
    Pass,
    Answer(Appended),
}

impl<S: Stored> Replica<S> {
    /// An append: answered when everything it brought is synced.
    pub(crate) fn on_append(&mut self, ticket: Ticket, append: Append) -> Result<(), Fatal> {
        if let Guard::Answer(appended) = self.guard(&append) {
            self.reply(ticket, Reply::Appended(appended));
            return Ok(());
        }
        let held = self.accept(append, Some(ticket))?;
        if let Role::Follower(follower) = &mut self.role {
            follower.silence = 0;
            follower.in_touch |= held;
            if held {
                // The leader sends by itself what follows.
                follower.catch_up = None;
            }
        }
        Ok(())
    }

    fn guard(&self, append: &Append) -> Guard {
        let foreign = self.cluster.is_some_and(|cluster| cluster != append.view.cluster);
        let other = append.to != self.me.store && !broken(Mutant::AcceptWipedStore);
        if foreign || other {
            return Guard::Answer(Appended::Stranger { member: self.me });
        }
        let own_epoch =
            matches!(&self.role, Role::Leader(leader) if leader.epoch >= append.view.epoch);
        let past = append.view.epoch < self.promise && !broken(Mutant::ForgetPromise);
        if past || own_epoch {
            return Guard::Answer(Appended::Stale { promise: self.promise });
        }
        Guard::Pass
    }

    /// Brings the log in line with what a leader of the promised or a later epoch says; whether
    /// it now holds all that came. The ticket is answered when all of it is synced.
    pub(crate) fn accept(&mut self, append: Append, ticket: Option<Ticket>) -> Result<bool, Fatal> {
        let mut unsaved = self.promise_epoch(&append);
        let mut truncate_above = self.cut_stale_tail(&append)?;
        self.log.check_chain(&append.previous)?;
        let held = self.log.holds(&append.previous)?;
        let mut news = Vec::new();
        let appended = if held {
            let upto = append.entries.last().map_or(append.previous, Entry::position);
            let (cut, entries) = self.extend(append.previous.number, append.entries)?;
            truncate_above = min_some(truncate_above, cut);
            news = entries;
            // The logs agree once this one reaches the leader's end at the start of its epoch.
            if upto.number >= append.start.number && self.mark < append.view.epoch {
                self.mark = append.view.epoch;
                unsaved = true;
            }
            let agreed = if broken(Mutant::RaiseCommitTooFar) {
                self.log.last().number
            } else {
                append.commit.min(upto.number)
            };
            self.commit = self.commit.max(agreed);
            unsaved |= upto.number > self.durable;
            Appended::Held { member: self.me, upto }
        } else {
            let last = self.log.last().number;
            Appended::Missing { member: self.me, agreed: self.commit, last }
        };
        let replies = ticket.map(|ticket| (ticket, Reply::Appended(appended))).into_iter();
        // An earlier write may carry the promise: nothing overtakes what is under way.
        unsaved |= self.writes_under_way() > 0;
        if broken(Mutant::AcknowledgeBeforeFlush) {
            self.out.replies.extend(replies);
            self.write(truncate_above, news, Vec::new());
        } else if unsaved || truncate_above.is_some() || !news.is_empty() {
            self.write(truncate_above, news, replies.collect());
        } else {
            self.out.replies.extend(replies);
        }
        self.release();
        Ok(held)
    }

    /// Promises the epoch, if it is new; a leader of an earlier one steps down.
    fn promise_epoch(&mut self, append: &Append) -> bool {
        if let Role::Leader(_) = &self.role {
            self.step_down(None);
        }
        let view = &append.view;
        let news = view.epoch > self.promise || self.cluster.is_none();
        self.promise = self.promise.max(view.epoch);
        self.cluster = Some(view.cluster);
        if self.view.as_ref().is_none_or(|known| view.is_later_than(known)) {
            self.view = Some(view.clone());
        }
        news
    }

    /// Cuts off what the leader cannot hold: entries of earlier epochs above the log end with
    /// which it began its own. Safe for late copies too: entries of its own epoch stay.
    fn cut_stale_tail(&mut self, append: &Append) -> Result<Option<OrderNumber>, Fatal> {
        let first_above = append.start.number.next();
        match self.log.get(first_above)? {
            Some(entry)
                if entry.epoch < append.view.epoch || broken(Mutant::TruncateBelowCommit) =>
            {
                self.cut(append.start.number).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Cuts the log, but never below what is known to be committed.
    fn cut(&mut self, above: OrderNumber) -> Result<OrderNumber, Fatal> {
        if above < self.commit && !broken(Mutant::TruncateBelowCommit) {
            return Err(Fatal::Diverged(above.next()));
        }
        let count = self.log.last().number.0 - above.0;
        self.log.truncate_above(above)?;
        self.out.notices.push(Notice::Truncated { above, count });
        Ok(above)
    }

    /// Appends what is new, after cutting off what differs.
    fn extend(
        &mut self,
        previous: OrderNumber,
        entries: Vec<Entry>,
    ) -> Result<(Option<OrderNumber>, Vec<Entry>), Fatal> {
        let (mut cut, mut news, mut expected) = (None, Vec::new(), previous);
        for entry in entries {
            let before = self.log.position(expected)?.ok_or(Fatal::MissingEntry(expected))?;
            if !entry.follows(&before) {
                return Err(Fatal::ChainBroken(entry.number));
            }
            expected = entry.number;
            self.log.check_chain(&entry.position())?;
            if self.log.holds(&entry.position())? {
                continue;
            }
            if self.log.last().number >= entry.number {
                cut = min_some(cut, Some(self.cut(entry.number.previous())?));
            }
            self.log.append(entry.clone());
            news.push(entry);
        }
        Ok((cut, news))
    }

    /// Whether the latest known view has this database in the in-sync set.
    pub(crate) fn follows_in_sync(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.has_in_sync(&self.me))
    }

    /// Asks who leads when the leader is silent.
    pub(crate) fn on_tick_following(&mut self) -> Result<(), Fatal> {
        let patience = self.settings.silence_ticks;
        let Role::Follower(follower) = &mut self.role else { return Ok(()) };
        follower.silence = follower.silence.saturating_add(1);
        if follower.silence > patience && follower.reading_view.is_none() {
            let call = self.call_catalog(CatalogCall::ReadView);
            if let Role::Follower(follower) = &mut self.role {
                follower.reading_view = Some(call);
                follower.silence = 0;
            }
        }
        Ok(())
    }

    pub(crate) fn on_answered_following(
        &mut self,
        call: CallId,
        answer: Answer,
    ) -> Result<(), Fatal> {
        let Role::Follower(follower) = &mut self.role else { return Ok(()) };
        if follower.reading_view != Some(call) {
            return self.on_caught_up_answer(call, answer);
        }
        follower.reading_view = None;
        let Answer::View(Some(view)) = answer else { return Ok(()) };
        self.on_view(view)?;
        self.catch_up_if_out()
    }
}

fn min_some(a: Option<OrderNumber>, b: Option<OrderNumber>) -> Option<OrderNumber> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
