//! The catalog's side of the leases: who holds one, and when a change may be made.
//!
//! A front end that does not answer an invalidation is waited for until its lease has run out and
//! then dropped: one stall for each pause of a front end, not one for each purchase.

use std::collections::BTreeMap;

use crate::messages::{Granted, SessionId};

/// A front end with a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its lease.
    pub session: SessionId,
    /// Where it is told.
    pub address: String,
    /// When the lease runs out, by the catalog's clock, in milliseconds.
    pub until: u64,
}

/// All leases granted by one process of the catalog.
#[derive(Clone, Debug)]
pub struct Grants {
    millis: u64,
    next: SessionId,
    holders: BTreeMap<SessionId, Holder>,
    /// Leases of an earlier process may run until then.
    quiet_until: u64,
}

impl Grants {
    /// Grants leases of `millis`. `first` must not have been used by an earlier process, whose
    /// leases ran for at most `earlier_millis`.
    #[must_use]
    pub fn new(millis: u64, first: SessionId, earlier_millis: u64, now: u64) -> Self {
        let quiet_until = now.saturating_add(earlier_millis);
        Self { millis, next: first, holders: BTreeMap::new(), quiet_until }
    }

    /// Until when leases of an earlier process may still run. It may have saved a change without
    /// having told their holders: nobody may see it before.
    #[must_use]
    pub fn quiet_until(&self) -> u64 {
        self.quiet_until
    }

    /// Grants a lease, or renews the one asked for if it is still held.
    pub fn renew(&mut self, address: &str, session: Option<SessionId>, now: u64) -> Granted {
        let until = now.saturating_add(self.millis);
        let session = match session.and_then(|session| self.holders.get_mut(&session)) {
            Some(holder) if holder.address == address => {
                holder.until = until;
                holder.session
            }
            _ => self.grant(address, until),
        };
        Granted { session, millis: self.millis }
    }

    fn grant(&mut self, address: &str, until: u64) -> SessionId {
        let session = self.next;
        self.next = SessionId(session.0 + 1);
        let holder = Holder { session, address: address.to_owned(), until };
        self.holders.insert(session, holder);
        session
    }

    /// Drops the leases that have run out and returns those that have not: each must be told.
    pub fn holders(&mut self, now: u64) -> Vec<Holder> {
        self.holders.retain(|_, holder| holder.until > now);
        self.holders.values().cloned().collect()
    }

    /// Ends a lease: its holder did not answer. The caller still waits until it has run out.
    pub fn revoke(&mut self, session: SessionId) -> Option<Holder> {
        self.holders.remove(&session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_front_end_gets_another_session() {
        let mut grants = Grants::new(1000, SessionId(7), 0, 0);
        let first = grants.renew("a:1", None, 0).session;
        assert_eq!(grants.renew("a:1", Some(first), 900).session, first);
        assert_eq!(grants.holders(1899).len(), 1);
        assert_eq!(grants.holders(1900), vec![]);
        assert_ne!(grants.renew("a:1", Some(first), 1901).session, first);
    }

    #[test]
    fn a_new_process_waits_out_the_earlier_leases() {
        let grants = Grants::new(500, SessionId(1), 1000, 50);
        assert_eq!(grants.quiet_until(), 1050);
    }

    #[test]
    fn a_revoked_lease_is_waited_out_and_not_renewed() {
        let mut grants = Grants::new(1000, SessionId(1), 0, 0);
        let session = grants.renew("a:1", None, 0).session;
        let revoked = grants.revoke(session).unwrap();
        assert_eq!(revoked.until, 1000);
        assert_ne!(grants.renew("a:1", Some(session), 1).session, session);
    }
}
