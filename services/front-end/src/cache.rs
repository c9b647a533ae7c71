//! The cache of products, and the rules that keep it linearizable.
//!
//! 1. Every value bears the session under which it was looked up. It is an answer only if that
//!    very session is valid *after* the value was read: then no change of the product has become
//!    visible before, because the catalog would have told us, or waited out the lease.
//! 2. A value is kept only if the catalog allows it, and only in the place that was held for it
//!    since before the look-up began. An invalidation, and a new session, take that place away:
//!    `remove` and `clear` do, while `remove_if` and `retain` would not.
//! 3. Whoever waits for a look-up under way is woken, all at once, when nothing is to be kept;
//!    each then looks for itself.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use quick_cache::sync::{Cache, DefaultLifecycle, PlaceholderGuard};
use quick_cache::{DefaultHashBuilder, UnitWeighter};
use toystore_coherence::messages::{Granted, Invalidate};
use toystore_coherence::{Lease, Renewal, SessionId};
use toystore_domain::ProductName;
use toystore_host::ambient::boot_millis;
use toystore_mutants::{Mutant, broken};

use crate::CacheConfig;
use crate::page::Page;

#[derive(Clone, Debug)]
enum Entry {
    /// Looked up under this session; also that there is no such product.
    Kept { session: SessionId, page: Option<Page> },
    /// There for a moment, to wake those who wait: look for yourselves.
    NotKept,
}

/// What the cache counts.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Look-ups answered from it.
    pub hits: Counter,
    /// Look-ups sent on to the catalog.
    pub misses: Counter,
    /// Products that the catalog said have changed.
    pub invalidations: Counter,
    /// Leases begun, each with an empty cache.
    pub sessions: Counter,
}

/// What the cache says about a product.
#[derive(Debug)]
pub enum Looked<'a> {
    /// This is it.
    Hit(Option<Page>),
    /// Ask the catalog, and tell the cache what it says.
    Miss(Fill<'a>),
    /// Ask the catalog; the cache has no part in it.
    Bypass,
}

/// The cache, with the lease under which it may answer.
pub struct ProductCache {
    entries: Cache<ProductName, Entry>,
    lease: RwLock<Lease>,
    counts: Counts,
}

impl ProductCache {
    /// An empty cache without a lease.
    #[must_use]
    pub fn new(config: CacheConfig) -> Self {
        Self {
            entries: Cache::new(config.capacity),
            lease: RwLock::new(Lease::none(config.drift_ms)),
            counts: Counts::default(),
        }
    }

    /// What it counts.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How many products it holds.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The product, also that there is none, if the cache may answer with it at once.
    #[must_use]
    pub fn hit(&self, name: &ProductName) -> Option<Option<Page>> {
        match self.entries.get(name) {
            Some(Entry::Kept { session, page }) if self.answers(session) => {
                self.counts.hits.inc();
                Some(page)
            }
            _ => None,
        }
    }

    /// Looks a product up. May wait for another look-up of it, which is time-limited.
    pub async fn look(&self, name: &ProductName) -> Looked<'_> {
        let looked = self.look_uncounted(name).await;
        match looked {
            Looked::Hit(_) => self.counts.hits.inc(),
            Looked::Miss(_) | Looked::Bypass => self.counts.misses.inc(),
        };
        looked
    }

    async fn look_uncounted(&self, name: &ProductName) -> Looked<'_> {
        if self.valid_session().is_none() {
            return Looked::Bypass;
        }
        match self.entries.get_value_or_guard_async(name).await {
            Ok(Entry::Kept { session, page }) if self.answers(session) => Looked::Hit(page),
            Ok(Entry::Kept { .. }) => {
                if self.valid_session().is_some() {
                    // It came in between two sessions, and would stay in the way.
                    self.entries.remove(name);
                }
                Looked::Bypass
            }
            Ok(Entry::NotKept) => Looked::Bypass,
            Err(guard) => match self.valid_session() {
                Some(session) => {
                    let name = name.clone();
                    Looked::Miss(Fill { cache: self, guard, name, session })
                }
                None => Looked::Bypass,
            },
        }
    }

    /// Forgets what changes, and says whether the lease is this cache's: if not, whoever holds it
    /// was not told. Done before the catalog has its answer; also for another lease, which can only
    /// take away too much.
    #[must_use]
    pub fn invalidate(&self, invalidate: &Invalidate) -> bool {
        for (name, _) in &invalidate.products {
            self.entries.remove(name);
            self.counts.invalidations.inc();
        }
        // Also one that has run out: renewed in time, it makes its values answers again.
        self.session() == Some(invalidate.session)
    }

    /// The lease to renew; none at first.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.lease().session()
    }

    /// Takes a grant that was asked for at `sent`, by the boot clock. A new session begins with
    /// an empty cache: it is emptied before anyone may use the lease.
    pub fn granted(&self, granted: Granted, sent: u64) -> Renewal {
        let (lease, renewal) = self.lease().granted(granted, sent);
        if renewal == Renewal::Started && !broken(Mutant::KeepCacheOverSessions) {
            self.entries.clear();
        }
        *self.lease.write().unwrap_or_else(PoisonError::into_inner) = lease;
        renewal
    }

    fn lease(&self) -> Lease {
        *self.lease.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a value of this session, which was read before, is an answer now.
    fn answers(&self, session: SessionId) -> bool {
        self.valid_session()
            .is_some_and(|valid| valid == session || broken(Mutant::KeepCacheOverSessions))
    }

    /// The session under which the cache may answer and be filled now.
    pub fn valid_session(&self) -> Option<SessionId> {
        self.lease().valid(boot_millis())
    }
}

impl fmt::Debug for ProductCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProductCache").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

type Guard<'a> = PlaceholderGuard<
    'a,
    ProductName,
    Entry,
    UnitWeighter,
    DefaultHashBuilder,
    DefaultLifecycle<ProductName, Entry>,
>;

/// A place held for a product while the catalog is asked. Dropped, it goes to the next who waits.
#[derive(Debug)]
pub struct Fill<'a> {
    cache: &'a ProductCache,
    guard: Guard<'a>,
    name: ProductName,
    session: SessionId,
}

impl Fill<'_> {
    /// The session under which the product is looked up.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// The catalog's answer, whether it may be kept.
    pub fn complete(self, page: Option<Page>, cacheable: bool) {
        let same_session = self.cache.valid_session() == Some(self.session);
        if !cacheable || !same_session {
            return self.abandon();
        }
        let kept = Entry::Kept { session: self.session, page };
        if broken(Mutant::AcceptOlderFill) {
            self.cache.entries.insert(self.name, kept.clone());
        }
        // An error says that the place was taken away meanwhile: the value may be old.
        let _ = self.guard.insert(kept);
    }

    /// There is no answer, or none to keep.
    pub fn abandon(self) {
        // The error is the same; those who wait are woken all the same.
        if self.guard.insert(Entry::NotKept).is_ok() {
            self.cache.entries.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests;
