//! The catalog's side of the leases: who holds one, and when a change may be made.
//!
//! A front end that does not answer an invalidation is waited for until its lease has run out and
//! then dropped: one stall for each pause of a front end, not one for each purchase.

use std::collections::BTreeMap;

use toystore_domain::{ProductName, Version};
use toystore_mutants::{Mutant, broken};

use crate::interest::Interest;
use crate::messages::{Granted, SessionId};

/// Products that change, each to this version.
pub type Changes = Vec<(ProductName, Version)>;

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
    holders: BTreeMap<SessionId, (Holder, Interest)>,
    /// Products that are counted for each holder.
    most: usize,
    /// Leases of an earlier process may run until then.
    quiet_until: u64,
}

impl Grants {
    /// Grants leases of `millis`. `first` must not have been used by an earlier process, whose
    /// leases ran for at most `earlier_millis`. A holder of more than `most` products is told of
    /// every change.
    #[must_use]
    pub fn new(millis: u64, first: SessionId, earlier_millis: u64, most: usize, now: u64) -> Self {
        let quiet_until = now.saturating_add(earlier_millis);
        Self { millis, next: first, holders: BTreeMap::new(), most, quiet_until }
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
            Some((holder, _)) if holder.address == address => {
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
        self.holders.insert(session, (holder, Interest::default()));
        session
    }

    /// Whether the holder of this lease may keep the product; from then on it is told of changes.
    /// The caller sees to it that no change begins between this and the look-up.
    pub fn may_keep(&mut self, session: SessionId, name: &ProductName, now: u64) -> bool {
        match self.holders.get_mut(&session) {
            Some((holder, interest)) if holder.until > now => {
                if !broken(Mutant::ForgetWhoKeeps) {
                    interest.add(name, self.most);
                }
                true
            }
            _ => false,
        }
    }

    /// How many leases run.
    #[must_use]
    pub fn running(&self, now: u64) -> usize {
        self.holders.values().filter(|(holder, _)| holder.until > now).count()
    }

    /// Drops the leases that have run out, and returns who must be told of what. Who has answered
    /// keeps it no more; who has not is to be [revoked](Self::revoke).
    pub fn to_tell(&mut self, changes: &Changes, now: u64) -> Vec<(Holder, Changes)> {
        self.holders.retain(|_, (holder, _)| holder.until > now);
        let tell = |(holder, interest): &mut (Holder, Interest)| {
            let changes = interest.take(changes);
            (!changes.is_empty()).then(|| (holder.clone(), changes))
        };
        self.holders.values_mut().filter_map(tell).collect()
    }

    /// Ends a lease: its holder did not answer. The caller still waits until it has run out.
    pub fn revoke(&mut self, session: SessionId) -> Option<Holder> {
        self.holders.remove(&session).map(|(holder, _)| holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 10;

    fn tux() -> ProductName {
        ProductName::new("Tux").unwrap()
    }

    fn told(grants: &mut Grants, now: u64) -> Vec<SessionId> {
        let changes = vec![(tux(), Version(2))];
        let told = grants.to_tell(&changes, now).into_iter();
        told.map(|(holder, told)| (holder.session, assert_eq!(told, changes)).0).collect()
    }

    #[test]
    fn a_dropped_front_end_gets_another_session() {
        let mut grants = Grants::new(1000, SessionId(7), 0, MOST, 0);
        let first = grants.renew("a:1", None, 0).session;
        assert_eq!(grants.renew("a:1", Some(first), 900).session, first);
        assert!(grants.may_keep(first, &tux(), 1898));
        assert_eq!(told(&mut grants, 1899), vec![first]);
        assert!(!grants.may_keep(first, &tux(), 1900));
        assert_eq!(told(&mut grants, 1900), vec![]);
        assert_ne!(grants.renew("a:1", Some(first), 1901).session, first);
    }

    #[test]
    fn only_those_are_told_who_may_keep_the_product() {
        let mut grants = Grants::new(1000, SessionId(1), 0, MOST, 0);
        let keeps = grants.renew("a:1", None, 0).session;
        let other = grants.renew("b:1", None, 0).session;
        assert!(grants.may_keep(keeps, &tux(), 0));
        assert!(grants.may_keep(other, &ProductName::new("Uno").unwrap(), 0));
        assert_eq!(told(&mut grants, 1), vec![keeps]);
        assert_eq!(told(&mut grants, 2), vec![]);
        assert!(grants.may_keep(keeps, &tux(), 3));
        assert_eq!(told(&mut grants, 4), vec![keeps]);
    }

    #[test]
    fn a_new_process_waits_out_the_earlier_leases() {
        let grants = Grants::new(500, SessionId(1), 1000, MOST, 50);
        assert_eq!(grants.quiet_until(), 1050);
    }

    #[test]
    fn a_revoked_lease_is_waited_out_and_not_renewed() {
        let mut grants = Grants::new(1000, SessionId(1), 0, MOST, 0);
        let session = grants.renew("a:1", None, 0).session;
        let revoked = grants.revoke(session).unwrap();
        assert_eq!(revoked.until, 1000);
        assert!(!grants.may_keep(session, &tux(), 1));
        assert_ne!(grants.renew("a:1", Some(session), 1).session, session);
    }
}
