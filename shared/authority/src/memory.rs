//! The database in memory: what tests and the simulation run the rules on.
//!
//! What was committed survives a crash of whoever uses it, what was not is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use toystore_domain::{Books, OrderKey, ProductName, Version};
use toystore_replication::messages::Reservation;
use toystore_replication::{ClusterId, View};

use crate::{Database, Failed, Fence, Restocked, Transaction};

/// All rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rows {
    /// The cluster.
    pub cluster: ClusterId,
    /// The view.
    pub view: Option<View>,
    /// The fence.
    pub fence: Fence,
    /// Products.
    pub products: BTreeMap<ProductName, Books>,
    /// Products without stock.
    pub sold_out: BTreeSet<ProductName>,
    /// Outstanding reservations.
    pub reservations: BTreeMap<OrderKey, Reservation>,
    /// The ledger.
    pub restocks: Vec<Restocked>,
}

/// A database in memory. Clones are the same database.
#[derive(Clone, Debug)]
pub struct MemoryDatabase {
    rows: Arc<Mutex<Arc<Rows>>>,
}

impl MemoryDatabase {
    /// An empty database of this cluster.
    #[must_use]
    pub fn new(cluster: ClusterId) -> Self {
        let rows = Rows {
            cluster,
            view: None,
            fence: Fence::default(),
            products: BTreeMap::new(),
            sold_out: BTreeSet::new(),
            reservations: BTreeMap::new(),
            restocks: Vec::new(),
        };
        Self::with(Arc::new(rows))
    }

    /// A database of these rows.
    #[must_use]
    pub fn with(rows: Arc<Rows>) -> Self {
        Self { rows: Arc::new(Mutex::new(rows)) }
    }

    /// What is committed.
    #[must_use]
    pub fn rows(&self) -> Arc<Rows> {
        self.committed().clone()
    }

    fn committed(&self) -> MutexGuard<'_, Arc<Rows>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database for MemoryDatabase {
    type Transaction<'a> = MemoryTransaction<'a>;

    fn begin(&self) -> MemoryTransaction<'_> {
        MemoryTransaction { database: self, rows: self.rows() }
    }
}

/// A transaction. The rows are copied when it first changes one.
#[derive(Debug)]
pub struct MemoryTransaction<'a> {
    database: &'a MemoryDatabase,
    rows: Arc<Rows>,
}

impl MemoryTransaction<'_> {
    fn change(&mut self) -> &mut Rows {
        Arc::make_mut(&mut self.rows)
    }
}

fn above<K: Ord + Clone>(after: Option<&K>) -> (Bound<K>, Bound<K>) {
    (after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.clone())), Bound::Unbounded)
}

impl Transaction for MemoryTransaction<'_> {
    fn cluster(&self) -> Result<ClusterId, Failed> {
        Ok(self.rows.cluster)
    }

    fn view(&self) -> Result<Option<View>, Failed> {
        Ok(self.rows.view.clone())
    }

    fn put_view(&mut self, view: &View) -> Result<(), Failed> {
        self.change().view = Some(view.clone());
        Ok(())
    }

    fn fence(&self) -> Result<Fence, Failed> {
        Ok(self.rows.fence.clone())
    }

    fn put_fence(&mut self, fence: &Fence) -> Result<(), Failed> {
        self.change().fence = fence.clone();
        Ok(())
    }

    fn books(&self, product: &ProductName) -> Result<Option<Books>, Failed> {
        Ok(self.rows.products.get(product).cloned())
    }

    fn put_books(&mut self, product: &ProductName, books: &Books) -> Result<(), Failed> {
        self.change().products.insert(product.clone(), books.clone());
        if books.stock == 0 {
            self.change().sold_out.insert(product.clone());
        } else {
            self.change().sold_out.remove(product);
        }
        Ok(())
    }

    fn products(
        &self,
        after: Option<&ProductName>,
        limit: usize,
    ) -> Result<Vec<(ProductName, Books)>, Failed> {
        let rows = self.rows.products.range(above(after)).take(limit);
        Ok(rows.map(|(name, books)| (name.clone(), books.clone())).collect())
    }

    fn sold_out(&self, limit: usize) -> Result<Vec<ProductName>, Failed> {
        Ok(self.rows.sold_out.iter().take(limit).cloned().collect())
    }

    fn reservation(&self, key: &OrderKey) -> Result<Option<Reservation>, Failed> {
        Ok(self.rows.reservations.get(key).cloned())
    }

    fn put_reservation(&mut self, reservation: &Reservation) -> Result<(), Failed> {
        self.change().reservations.insert(reservation.purchase.key.clone(), reservation.clone());
        Ok(())
    }

    fn remove_reservation(&mut self, key: &OrderKey) -> Result<(), Failed> {
        self.change().reservations.remove(key);
        Ok(())
    }

    fn reservations(
        &self,
        after: Option<&OrderKey>,
        limit: usize,
    ) -> Result<Vec<Reservation>, Failed> {
        Ok(self.rows.reservations.range(above(after)).take(limit).map(|(_, r)| r.clone()).collect())
    }

    fn add_restock(&mut self, restock: &Restocked) -> Result<(), Failed> {
        self.change().restocks.push(restock.clone());
        Ok(())
    }

    fn restocks(
        &self,
        after: Option<(&ProductName, Version)>,
        limit: usize,
    ) -> Result<Vec<Restocked>, Failed> {
        let above = |row: &&Restocked| after.is_none_or(|a| (&row.product, row.version) > a);
        let mut rows: Vec<_> = self.rows.restocks.iter().filter(above).cloned().collect();
        rows.sort_by(|a, b| (&a.product, a.version).cmp(&(&b.product, b.version)));
        rows.truncate(limit);
        Ok(rows)
    }

    fn commit(self) -> Result<(), Failed> {
        *self.database.committed() = self.rows;
        Ok(())
    }
}
