//! The front end's side of its lease: until when its cache may answer.

use crate::messages::{Granted, SessionId};

/// The lease that a front end holds, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    session: Option<SessionId>,
    /// By the front end's clock, in milliseconds.
    until: u64,
    /// Taken off every lease, in milliseconds: how far the two clocks may drift apart during one.
    drift: u64,
}

/// What a renewal means for the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// No invalidation was missed.
    Continued,
    /// Invalidations may have been missed: the cache must be emptied before it answers again.
    Started,
}

impl Lease {
    /// No lease yet.
    #[must_use]
    pub fn none(drift: u64) -> Self {
        Self { session: None, until: 0, drift }
    }

    /// The session to renew.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// Takes a grant that was asked for at `sent`. The caller empties its cache on
    /// [`Renewal::Started`] before it lets anyone use the returned lease.
    #[must_use]
    pub fn granted(self, granted: Granted, sent: u64) -> (Self, Renewal) {
        let until = sent.saturating_add(granted.millis.saturating_sub(self.drift));
        let renewal = if self.session == Some(granted.session) {
            Renewal::Continued
        } else {
            Renewal::Started
        };
        // A late answer to an earlier renewal never shortens what a later one granted.
        let until = if renewal == Renewal::Continued { until.max(self.until) } else { until };
        (Self { session: Some(granted.session), until, drift: self.drift }, renewal)
    }

    /// The session under which the cache may be read and filled now; none when it must not.
    #[must_use]
    pub fn valid(&self, now: u64) -> Option<SessionId> {
        self.session.filter(|_| now < self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_from_when_the_renewal_was_sent() {
        let granted = Granted { session: SessionId(3), millis: 1000 };
        let (lease, renewal) = Lease::none(10).granted(granted, 5000);
        assert_eq!(renewal, Renewal::Started);
        assert_eq!((lease.valid(5989), lease.valid(5990)), (Some(SessionId(3)), None));
        let (lease, renewal) = lease.granted(granted, 5300);
        assert_eq!((renewal, lease.valid(6289)), (Renewal::Continued, Some(SessionId(3))));
        let (lease, _) = lease.granted(granted, 5100);
        assert_eq!(lease.valid(6289), Some(SessionId(3)));
    }

    #[test]
    fn another_session_means_an_empty_cache() {
        let first = Granted { session: SessionId(3), millis: 1000 };
        let second = Granted { session: SessionId(4), millis: 1000 };
        let (lease, _) = Lease::none(10).granted(first, 0);
        assert_eq!(lease.granted(second, 10).1, Renewal::Started);
    }
}
