//! Counting anew, for whoever compares whole states: two replicas that differ only in how many
//! calls and writes they have made so far behave the same from now on.

use std::collections::BTreeMap;

use crate::replica::Role;
use crate::{CallId, Replica, Stored, WriteId};

/// The calls' new ids: one for each purpose, since no purpose has two calls that are waited for.
const TRANSACT: CallId = CallId(1);
const CHANGE: CallId = CallId(2);
const PROOF: CallId = CallId(3);
const RESERVATIONS: CallId = CallId(4);
const VIEW: CallId = CallId(5);
const CATCH_UP: CallId = CallId(6);
/// An append to this replica has this id plus the replica's.
const APPEND: u64 = 10;
/// Above every id given here: a replica's number is one byte.
const NEXT: CallId = CallId(APPEND + u8::MAX as u64);

impl<S: Stored> Replica<S> {
    /// What is on the disk, as this replica reads it.
    pub fn stored(&self) -> &S {
        self.log.stored()
    }

    /// What is on the disk, for a driver that keeps it here.
    pub fn stored_mut(&mut self) -> &mut S {
        self.log.stored_mut()
    }

    /// Numbers the writes under way from 1, and the calls by their purpose; counts ticks only as
    /// far as they matter. Returns the new ids of the calls that are still waited for, by the old
    /// ones: the answer to any other call changes nothing.
    pub fn renumber(&mut self) -> BTreeMap<CallId, CallId> {
        self.renumber_writes();
        let settings = self.settings;
        let mut calls = Calls::default();
        match &mut self.role {
            Role::Follower(follower) => {
                follower.silence = follower.silence.min(settings.silence_ticks.saturating_add(1));
                calls.rename(follower.reading_view.as_mut(), VIEW);
                let catch_up = follower.catch_up.as_mut().and_then(|known| known.call.as_mut());
                calls.rename(catch_up, CATCH_UP);
            }
            Role::Leader(leader) => {
                leader.silence = leader.silence.min(settings.silence_ticks.saturating_add(1));
                leader.idle_ticks = leader.idle_ticks.min(settings.stuck_ticks.saturating_add(1));
                let transact = leader.transact.as_mut().and_then(|pending| pending.call.as_mut());
                calls.rename(transact, TRANSACT);
                let change = leader.change.as_mut().and_then(|pending| pending.call.as_mut());
                calls.rename(change, CHANGE);
                calls.rename(leader.proof.as_mut().map(|(call, _)| call), PROOF);
                calls.rename(leader.resolving.call.as_mut(), RESERVATIONS);
                for (id, peer) in &mut leader.peers {
                    calls.rename(peer.call.as_mut(), CallId(APPEND + u64::from(id.0)));
                }
            }
        }
        self.last_call = NEXT;
        calls.0
    }

    fn renumber_writes(&mut self) {
        let done = self.last_write.0 - self.pending.len() as u64;
        self.last_write = WriteId(self.last_write.0 - done);
        self.pending.iter_mut().for_each(|pending| pending.id.0 -= done);
        self.oldest_write.renumber(done, self.settings.stuck_ticks);
        if let Role::Leader(leader) = &mut self.role
            && let Some(promise) = &mut leader.promise_write
        {
            promise.0 -= done;
        }
    }
}

#[derive(Default)]
struct Calls(BTreeMap<CallId, CallId>);

impl Calls {
    fn rename(&mut self, call: Option<&mut CallId>, new: CallId) {
        if let Some(call) = call {
            self.0.insert(*call, new);
            *call = new;
        }
    }
}
