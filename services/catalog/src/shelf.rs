//! Look-ups beside the writer: what customers may see of the products, and the durable view.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use toystore_authority::{Database, Failed, Transaction};
use toystore_coherence::messages::{Granted, ListProducts, LookUp, LookedUp, RenewLease, Restocks};
use toystore_coherence::{Grants, Visibility};
use toystore_domain::{Product, ProductName};
use toystore_host::ambient::{boot_millis, sleep_until_millis};
use toystore_host::limits::PAGE_LIMIT_MAX;
use toystore_mutants::{Mutant, broken};
use toystore_replication::View;

use crate::metrics::Counts;
use crate::restocking::Restocking;

/// What handlers and the writer share.
pub struct Shelf<D> {
    /// The database.
    pub database: D,
    /// What is counted.
    pub counts: Counts,
    visibility: RwLock<Visibility>,
    grants: Mutex<Grants>,
    view: RwLock<Option<View>>,
    restocking: Mutex<Restocking>,
}

impl<D: Database> Shelf<D> {
    /// A shelf over an open database.
    ///
    /// # Errors
    /// [`Failed`] when the view cannot be read.
    pub fn new(database: D, grants: Grants) -> Result<Arc<Self>, Failed> {
        let view = database.begin().view()?;
        let (visibility, grants) = (RwLock::default(), Mutex::new(grants));
        let (view, counts) = (RwLock::new(view), Counts::default());
        let restocking = Mutex::default();
        Ok(Arc::new(Self { database, counts, visibility, grants, view, restocking }))
    }

    /// Looks a product up. The visibility is held while the database is read and who may keep it
    /// is noted, so that a change cannot begin in between.
    ///
    /// # Errors
    /// [`Failed`] when the process must end.
    pub fn look_up(&self, LookUp { name, session }: &LookUp) -> Result<LookedUp, Failed> {
        let visibility = self.visibility.read().unwrap_or_else(PoisonError::into_inner);
        let mut looked_up = visibility.look_up(name, || self.committed(name))?;
        let may_keep = |session| self.grants().may_keep(session, name, boot_millis());
        looked_up.cacheable = looked_up.cacheable && session.is_some_and(may_keep);
        Ok(looked_up)
    }

    /// A page of products.
    ///
    /// # Errors
    /// [`Failed`] when the process must end.
    pub fn list(&self, list: &ListProducts) -> Result<Vec<Product>, Failed> {
        let visibility = self.visibility.read().unwrap_or_else(PoisonError::into_inner);
        let limit = (list.limit as usize).min(PAGE_LIMIT_MAX);
        let (mut page, mut after) = (Vec::new(), list.after.clone());
        while page.len() < limit {
            let rows = self.database.begin().products(after.as_ref(), limit - page.len())?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            page.extend(rows.into_iter().filter_map(|(name, books)| match visibility.old(&name) {
                Some(old) => old.clone(),
                None => Some(books.product(&name)),
            }));
        }
        Ok(page)
    }

    fn committed(&self, name: &ProductName) -> Result<Option<Product>, Failed> {
        Ok(self.database.begin().books(name)?.map(|books| books.product(name)))
    }

    /// From now on look-ups get these products as they are, and may not cache them.
    ///
    /// # Errors
    /// [`Failed`] when the process must end.
    pub fn hide<'a>(&self, names: impl Iterator<Item = &'a ProductName>) -> Result<(), Failed> {
        let mut visibility = self.visibility.write().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            visibility.hide(name.clone(), self.committed(name)?);
        }
        Ok(())
    }

    /// Look-ups get these products as they are in the database.
    pub fn show<'a>(&self, names: impl Iterator<Item = &'a ProductName>) {
        let mut visibility = self.visibility.write().unwrap_or_else(PoisonError::into_inner);
        names.for_each(|name| visibility.show(name));
    }

    /// Grants or renews a lease.
    pub fn renew(&self, renew: &RenewLease) -> Granted {
        self.grants().renew(&renew.address, renew.session, boot_millis())
    }

    /// Waits until no lease of an earlier process can run any more.
    ///
    /// That process may have saved a change that no lease holder was told of: until then nobody
    /// may see it, nor an answer that says it was done.
    pub async fn earlier_leases_over(&self) {
        let until = self.grants().quiet_until();
        if !broken(Mutant::NoQuietAfterRestart) {
            sleep_until_millis(until).await;
        }
    }

    /// How many leases run. Nothing is changed by asking: one that has run out, and that no change
    /// has been made since, may still be renewed.
    #[must_use]
    pub fn leases(&self, now: u64) -> u64 {
        self.grants().running(now) as u64
    }

    /// The leases.
    pub fn grants(&self) -> MutexGuard<'_, Grants> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the restocking goes.
    pub fn restocking(&self) -> MutexGuard<'_, Restocking> {
        self.restocking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for a front end, with how many products are sold out.
    ///
    /// # Errors
    /// [`Failed`] when the process must end.
    pub fn restocks(&self) -> Result<Restocks, Failed> {
        let sold_out = self.database.begin().sold_out(PAGE_LIMIT_MAX)?.len();
        Ok(self.restocking().told(sold_out))
    }

    /// The view, as it is durable.
    pub fn view(&self) -> Option<View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The view has changed, durably.
    pub fn set_view(&self, view: Option<View>) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }
}
