//! Steps in words, for whoever reads a counterexample.

use std::fmt;

use toystore_replication::View;
use toystore_replication::messages::{Answer, Append, Appended, CatalogCall, Changed, Fetched};
use toystore_replication::messages::{PeerCall, Transact, Transacted};

use super::actions::Action;
use super::wire::{Caller, Message};

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deliver(message) => write!(f, "arrives: {}", **message),
            Self::Sync(id) => write!(f, "{id} syncs a write"),
            Self::Tick(id) => write!(f, "{id} ticks"),
            Self::Crash(id, kept) => write!(f, "{id} crashes, {kept} unsynced writes kept"),
            Self::Start(id) => write!(f, "{id} starts again"),
            Self::Lose(message) => write!(f, "lost: {}", **message),
            Self::GiveUp(message) => write!(f, "given up: {}", **message),
            Self::GiveUpAt(id, ticket) => write!(f, "given up, at {id}: request {ticket}"),
            Self::Double(message) => write!(f, "doubled: {}", **message),
            Self::ReadView(front_end) => write!(f, "front end {front_end} reads the view"),
            Self::Tell(front_end, id) => write!(f, "front end {front_end} tells {id} the view"),
            Self::Choose(front_end, None) => write!(f, "front end {front_end} chooses a leader"),
            Self::Choose(front_end, Some(id)) => {
                write!(f, "front end {front_end} chooses a leader; {id} does not answer")
            }
            Self::Propose(front_end, heard) => {
                let heard = if *heard { "" } else { ", and hears no answer" };
                write!(f, "front end {front_end} proposes it{heard}")
            }
            Self::Place(attempt) => write!(f, "attempt {attempt} sends a copy"),
            Self::Expire(id, ticket) => write!(f, "patience ends, at {id}: request {ticket}"),
            Self::Restock => f.write_str("the catalog restocks"),
            Self::Look(id) => write!(f, "the first order is looked up at {id}"),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(from, to, PeerCall::Append(append)) => {
                write!(f, "{} → {to} append {}", Name(*from), Shown(append))
            }
            Self::Peer(from, to, PeerCall::Fetch(fetch)) => {
                write!(f, "{} → {to} fetch after {}", Name(*from), fetch.after.number)
            }
            Self::Peer(from, to, PeerCall::Join(_)) => write!(f, "{} → {to} join", Name(*from)),
            Self::Catalog(from, call) => write!(f, "{} → catalog {}", Name(*from), Shown(call)),
            Self::Answer(to, _, answer) => write!(f, "→ {to} answer {}", Shown(answer)),
            Self::Order(to, attempt, 0, place) => {
                write!(f, "→ {to} order of attempt {attempt}, given up, epoch {}", place.epoch)
            }
            Self::Order(to, attempt, copy, place) => {
                write!(f, "→ {to} order of attempt {attempt}, copy {copy}, epoch {}", place.epoch)
            }
            Self::Look(to, _, number) => write!(f, "→ {to} look up {number}"),
        }
    }
}

struct Name(Caller);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((id, _)) => id.fmt(f),
            None => f.write_str("nobody"),
        }
    }
}

struct Shown<'a, T>(&'a T);

impl fmt::Display for Shown<'_, View> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let View { epoch, revision, leader, .. } = self.0;
        let in_sync: Vec<_> = self.0.in_sync_ids().iter().map(|id| id.0).collect();
        write!(f, "{epoch}/{revision} {}.{} {in_sync:?}", leader.id, leader.incarnation)
    }
}

impl fmt::Display for Shown<'_, Append> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Append { view, start, previous, entries, commit, .. } = self.0;
        let entries: Vec<_> = entries.iter().map(|e| format!("{}@{}", e.number, e.epoch)).collect();
        let (view, start, previous) = (Shown(view), start.number, previous.number);
        write!(f, "view {view} start {start} after {previous} {entries:?} commit {commit}")
    }
}

impl fmt::Display for Shown<'_, CatalogCall> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            CatalogCall::Transact(Transact { epoch, reserve, record, settle, cancel, .. }) => {
                let counts = [reserve.len(), record.len(), settle.len(), cancel.len()];
                write!(f, "transact epoch {epoch}, reserve/record/settle/cancel {counts:?}")
            }
            CatalogCall::ChangeMembers(change) => {
                let in_sync: Vec<_> = change.in_sync.iter().map(|member| member.id.0).collect();
                write!(f, "change {}/{} to {in_sync:?}", change.epoch, change.revision)
            }
            CatalogCall::ListReservations(list) => write!(f, "list reservations {}", list.epoch),
            CatalogCall::ReadView => f.write_str("read the view"),
        }
    }
}

impl fmt::Display for Shown<'_, Answer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Answer::Appended(Appended::Held { member, upto }) => {
                write!(f, "{} holds up to {}@{}", member.id, upto.number, upto.epoch)
            }
            Answer::Changed(Changed::Accepted(view)) => write!(f, "changed {}", Shown(view)),
            Answer::Fetched(Fetched::Page { append, .. }) => write!(f, "page {}", Shown(&**append)),
            Answer::View(Some(view)) => write!(f, "view {}", Shown(view)),
            Answer::Transacted(Transacted::Fenced(_)) => f.write_str("fenced"),
            other => write!(f, "{other:?}"),
        }
    }
}
