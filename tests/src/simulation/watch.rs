//! Watching a simulated store from the outside: what must hold in every state, checked when the
//! state changes. Histories are checked at the end, by [`checks`](crate::checks).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use toystore_authority::memory::{MemoryDatabase, Rows};
use toystore_domain::{Books, Order, OrderKey, OrderNumber, ProductName};
use toystore_replication::messages::PlaceOrder;
use toystore_replication::{Chain, Epoch, Member, ReplicaId, View};

use super::control::Control;
use super::disk::Disk;
use crate::history::Gain;

struct Told {
    order: Order,
    key: OrderKey,
}

struct Watched {
    control: Control,
    min_in_sync: usize,
    catalog: MemoryDatabase,
    disks: BTreeMap<ReplicaId, Disk>,
    lost_disks: Vec<Disk>,
    /// What was acknowledged.
    told: BTreeMap<OrderNumber, Told>,
    /// Who acknowledged in each epoch.
    leaders: BTreeMap<Epoch, Member>,
    /// The chain after each order that some replica saved as committed.
    committed: Vec<Chain>,
    /// The catalog's rows when they were last looked at.
    rows: Arc<Rows>,
    gains: BTreeMap<ProductName, Vec<Gain>>,
    /// Products of which several changes were saved at once.
    merged: BTreeSet<ProductName>,
}

/// Sees everything. Clones see the same.
#[derive(Clone)]
pub struct Watch(Arc<Mutex<Watched>>);

impl Watch {
    /// Watches a store.
    #[must_use]
    pub fn new(
        control: &Control,
        min_in_sync: usize,
        catalog: &MemoryDatabase,
        disks: &BTreeMap<ReplicaId, Disk>,
    ) -> Self {
        Self(Arc::new(Mutex::new(Watched {
            control: control.clone(),
            min_in_sync,
            catalog: catalog.clone(),
            disks: disks.clone(),
            lost_disks: Vec::new(),
            told: BTreeMap::new(),
            leaders: BTreeMap::new(),
            committed: Vec::new(),
            rows: catalog.rows(),
            gains: BTreeMap::new(),
            merged: BTreeSet::new(),
        })))
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A replica has another disk now.
    pub fn replaced(&self, id: ReplicaId, disk: Disk) {
        let mut watched = self.watched();
        let lost = watched.disks.insert(id, disk);
        watched.lost_disks.extend(lost);
    }

    /// A replica's disk synced something, and cut off so many orders.
    pub fn synced(&self, id: ReplicaId, cut: usize) {
        let mut watched = self.watched();
        watched.control.count(|seen| seen.truncated += cut as u64);
        watched.committed_agree(id);
        if cut > 0 {
            watched.told_is_durable();
        }
    }

    /// A replica's process acknowledges an order.
    pub fn acknowledged(&self, by: Member, place: &PlaceOrder, number: OrderNumber) {
        self.watched().acknowledged(by, place, number);
    }

    /// The catalog's rows may have changed.
    pub fn observe(&self) {
        self.watched().observe();
    }

    /// How many orders were acknowledged up to which number.
    #[must_use]
    pub fn last_told(&self) -> OrderNumber {
        let watched = self.watched();
        watched.told.last_key_value().map_or(OrderNumber::ZERO, |(number, _)| *number)
    }

    /// What else than orders changed each product's stock.
    #[must_use]
    pub fn gains(&self) -> BTreeMap<ProductName, Vec<Gain>> {
        self.watched().gains.clone()
    }

    /// Of which products several such changes were saved at once.
    #[must_use]
    pub fn merged(&self) -> BTreeSet<ProductName> {
        self.watched().merged.clone()
    }
}

impl Watched {
    fn fail(&self, what: String) {
        self.control.fail(what);
    }

    /// I6: what two replicas hold for committed is the same. The chain covers all before.
    fn committed_agree(&mut self, id: ReplicaId) {
        let known = self.committed.len();
        let Some(disk) = self.disks.get(&id) else { return };
        let (commit, news) = disk.committed(known);
        if let Some(chain) = commit.and_then(|(number, chain)| {
            let agreed = self.committed.get(number.0 as usize - 1)?;
            (*agreed != chain).then_some((number, chain))
        }) {
            self.fail(format!("I6: replica {id} holds another order as committed: {chain:?}"));
        }
        self.committed.extend(news);
    }

    /// Members of the view on the databases that they had when they became members.
    fn may_lead<'a>(&'a self, view: &'a View) -> impl Iterator<Item = (ReplicaId, &'a Disk)> {
        view.in_sync.iter().filter_map(|member| {
            let disk = self.disks.get(&member.id)?;
            (disk.store() == member.store).then_some((member.id, disk))
        })
    }

    /// I1: every acknowledged order is synced on every replica that may lead.
    fn told_is_durable(&self) {
        let Some(view) = &self.rows.view else { return };
        for (id, disk) in self.may_lead(view) {
            for told in self.told.values() {
                self.holds(id, disk, told);
            }
        }
    }

    fn holds(&self, id: ReplicaId, disk: &Disk, told: &Told) {
        let entry = disk.synced(told.order.number);
        if entry.as_ref().is_none_or(|entry| entry.order() != told.order) {
            let order = &told.order;
            self.fail(format!("I1: replica {id} may lead and lacks {order:?}: {entry:?}"));
        }
    }

    fn acknowledged(&mut self, by: Member, place: &PlaceOrder, number: OrderNumber) {
        self.observe();
        let leader = *self.leaders.entry(place.epoch).or_insert(by);
        if leader != by {
            let epoch = place.epoch;
            self.fail(format!("I5: {by} and {leader} both acknowledge in epoch {epoch}"));
        }
        let purchase = &place.purchase;
        let (product, quantity) = (purchase.product.clone(), purchase.quantity);
        let told = Told { order: Order { number, product, quantity }, key: purchase.key.clone() };
        if let Some(before) = self.told.get(&number) {
            if before.key != told.key || before.order != told.order {
                self.fail(format!("I1: order {number} was another before: {:?}", before.order));
            }
            return self.control.count(|seen| seen.repeated += 1);
        }
        self.control.count(|seen| seen.acknowledged += 1);
        if let Some(view) = &self.rows.view {
            self.may_lead(view).for_each(|(id, disk)| self.holds(id, disk, &told));
            self.on_two_disks(by, place.epoch, view, &told);
        }
        self.told.insert(number, told);
    }

    /// An acknowledged order is on two disks, and on as many replicas as the operator demands.
    fn on_two_disks(&self, by: Member, epoch: Epoch, view: &View, told: &Told) {
        self.control.count(|seen| seen.alone += u64::from(view.in_sync.len() == 1));
        let number = told.order.number;
        let holds =
            |disk: &&Disk| disk.synced(number).is_some_and(|entry| entry.purchase.key == told.key);
        let replicas = self.disks.values().chain(&self.lost_disks).filter(holds).count();
        let row = self.rows.reservations.get(&told.key);
        let recorded = row.is_some_and(|row| row.recorded == Some(number));
        if replicas + usize::from(recorded) < 2 {
            self.fail(format!(
                "I1: order {number}, acknowledged by {by}, is on one disk: {view:?}"
            ));
        }
        let numbered = self.disks.get(&by.id).and_then(|disk| disk.synced(number));
        // What a leader takes over is committed by whoever is in sync then.
        let own = view.epoch == epoch && numbered.is_some_and(|entry| entry.epoch == epoch);
        if own && replicas < self.min_in_sync {
            self.fail(format!("order {number} is on {replicas} replicas only"));
        }
    }

    fn observe(&mut self) {
        let rows = self.catalog.rows();
        if Arc::ptr_eq(&rows, &self.rows) {
            return;
        }
        let before = std::mem::replace(&mut self.rows, rows.clone());
        self.books_balance(&before, &rows);
        self.view_changed(&before, &rows);
    }

    /// I4: the books balance, and agree with the reservations.
    fn books_balance(&mut self, before: &Rows, rows: &Rows) {
        let mut held: BTreeMap<&ProductName, u64> = BTreeMap::new();
        for row in rows.reservations.values() {
            *held.entry(&row.purchase.product).or_default() += row.purchase.quantity.get();
        }
        for (name, books) in &rows.products {
            let reserved = held.get(name).copied().unwrap_or_default();
            if !books.balanced() || reserved != books.reserved {
                self.fail(format!("I4: {name} {books:?}, reserved in fact {reserved}"));
            }
            // A product may be added, sold out and restocked in one transaction.
            let added = Books::open(books.price, books.initial);
            let old = before.products.get(name).unwrap_or(&added);
            if old == books {
                continue;
            }
            let restocked = books.restocked - old.restocked;
            let adjusted = books.adjusted - old.adjusted;
            let cancelled = old.reserved > books.reserved && books.stock > old.stock;
            self.control.count(|seen| {
                seen.restocked += u64::from(restocked > 0);
                seen.adjusted += u64::from(adjusted != 0);
                seen.cancelled += u64::from(cancelled && restocked == 0 && adjusted == 0);
            });
            if restocked > 0 || adjusted != 0 || books.price != old.price {
                let gain = Gain { version: books.version, amount: restocked as i64 + adjusted };
                self.gains.entry(name.clone()).or_default().push(gain);
                if books.version > old.version.next() {
                    self.merged.insert(name.clone());
                }
            }
        }
    }

    fn view_changed(&mut self, before: &Rows, rows: &Rows) {
        let Some(view) = rows.view.as_ref().filter(|_| rows.view != before.view) else { return };
        let new_leader = before.view.as_ref().is_none_or(|old| old.epoch != view.epoch);
        let more = before.view.as_ref().is_some_and(|old| old.in_sync.len() < view.in_sync.len());
        self.control.count(|seen| {
            seen.leaders += u64::from(new_leader);
            seen.membership += u64::from(!new_leader);
            seen.rejoined += u64::from(!new_leader && more);
        });
        self.told_is_durable();
    }
}
