//! What goes wrong, and when: crashes, lost disks, cuts, pauses, an absent catalog.

use super::super::disk::Disk;
use super::super::front_ends::{PRODUCTS, name};
use super::{Asker, Item, TICK, World};
use toystore_authority::Command;
use toystore_coherence::messages::PutProduct;
use toystore_domain::ProductName;
use toystore_replication::messages::{Answer, NoAnswer};
use toystore_replication::{Replica, ReplicaId, StoreId};

impl World {
    pub(super) fn trouble(&mut self) {
        if self.random.chance(4) {
            let id = self.any();
            self.crash(id);
        }
        if self.random.chance(1) {
            let (id, until) = (self.any(), self.now + self.random.below(200));
            self.nodes.get_mut(&id).unwrap().paused_until = until;
            self.seen.pauses += 1;
        }
        if self.random.chance(1) {
            let (id, until) = (self.any(), self.now + self.random.below(200));
            self.nodes.get_mut(&id).unwrap().disk_until = until;
            self.seen.stuck_disks += 1;
        }
        if self.random.chance(1) {
            self.seen.catalog_crashes += u64::from(self.catalog_up);
            self.catalog_up = false;
            let delay = self.random.below(400);
            self.put(delay, Item::CatalogUp);
        }
        if self.random.chance(3) {
            let mut places: Vec<u8> = self.ids.iter().map(|id| id.0).collect();
            places.extend([0, name(0), name(1)]);
            let mut any = || places[self.random.below(places.len() as u64) as usize];
            let cut = (any(), any());
            self.cuts.insert(cut);
        }
        if self.random.chance(12) {
            self.cuts.pop_first();
        }
        if self.random.chance(1) {
            self.wipe();
        }
        if self.random.chance(3) && self.catalog_up {
            self.adjust();
        }
    }

    /// An administrator changes the stock of a product.
    pub(super) fn adjust(&mut self) {
        let name = ProductName::new(PRODUCTS[self.random.below(2) as usize]).unwrap();
        let stock = Some(self.random.below(20));
        self.run_command(&Command::Put(PutProduct { name, price: None, stock }));
    }

    /// A disk is lost, where the promise allows: another in-sync replica stays, and none was lost
    /// since all were in sync.
    pub(super) fn wipe(&mut self) {
        let Some(view) = self.catalog.rows().view else { return };
        let whole = |id: &ReplicaId| {
            let store = self.nodes[id].disk.store();
            view.in_sync.iter().any(|member| (member.id, member.store) == (*id, store))
        };
        if self.ids.len() < 3 || !self.ids.iter().all(whole) {
            return;
        }
        let id = self.any();
        self.crash(id);
        self.stores += 1;
        let store = StoreId(self.stores);
        let node = self.nodes.get_mut(&id).unwrap();
        self.lost_disks.push(std::mem::replace(&mut node.disk, Disk::new(store)));
        self.seen.wipes += 1;
    }

    pub(super) fn any(&mut self) -> ReplicaId {
        let index = self.random.below(self.ids.len() as u64) as usize;
        self.ids[index]
    }

    pub(super) fn crash(&mut self, id: ReplicaId) {
        let kept = self.random.below(4) as usize;
        let node = self.nodes.get_mut(&id).unwrap();
        if node.core.take().is_none() {
            return;
        }
        node.disk.crash(kept);
        let askers = std::mem::take(&mut node.askers);
        self.seen.crashes += 1;
        for asker in askers.into_values() {
            if let Asker::Peer { from, call } = asker {
                self.answer(id.0, from, call, Answer::None(NoAnswer::Broken));
            }
        }
        let node = self.nodes.get_mut(&id).unwrap();
        (node.paused_until, node.disk_until) = (0, 0);
        let delay = 20 + self.random.below(500);
        self.put(delay, Item::Restart(id));
    }

    pub(super) fn restart(&mut self, id: ReplicaId) {
        let node = self.nodes.get_mut(&id).unwrap();
        if node.core.is_some() {
            return;
        }
        node.life += 1;
        let saved = node.disk.start(id);
        node.core = Some(Replica::new(self.settings, saved, node.disk.clone()));
        let life = node.life;
        self.put(TICK, Item::Tick(id, life));
    }
}
