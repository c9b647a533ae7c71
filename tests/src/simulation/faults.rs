//! What goes wrong, and when.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};
use toystore_replication::{ReplicaId, StoreId};

use super::disk::Disk;
use super::plan::TICK_MS;
use super::world::{Name, World};

impl World {
    /// Lets things go wrong for as long as the plan says.
    pub async fn trouble(self: Rc<Self>) {
        let end = Instant::now() + Duration::from_millis(self.plan.faults_ms);
        while Instant::now() < end {
            self.tick();
            sleep(Duration::from_millis(TICK_MS)).await;
        }
    }

    fn tick(self: &Rc<Self>) {
        let (control, rates) = (&self.control, self.plan.rates);
        if control.fault(rates.crash) {
            let id = self.any_replica();
            self.crash(Name::Order(id));
        }
        if control.fault(rates.catalog_crash) {
            self.crash(Name::Catalog);
        }
        if control.fault(rates.front_end_crash) {
            let front_end = 1 + control.below(u64::from(self.plan.front_ends)) as u8;
            self.crash(Name::FrontEnd(front_end));
        }
        if control.fault(rates.blackout) {
            self.names().into_iter().for_each(|name| self.crash(name));
        }
        if control.fault(rates.pause) {
            let name = self.any();
            self.pause(name);
        }
        if control.fault(rates.stuck) {
            self.stick();
        }
        if control.fault(rates.cut) {
            let (from, to) = (self.any(), self.any());
            self.lines.borrow_mut().cut(from, to);
        }
        if control.fault(rates.isolation) {
            self.isolate();
        }
        if control.fault(rates.partition) {
            self.part();
        }
        // Cuts last for a while each, whatever made them.
        if control.chance(60_000) {
            self.lines.borrow_mut().mend_one();
        }
        if control.fault(rates.wipe) {
            self.wipe();
        }
        if control.fault(rates.full) {
            self.fill();
        }
    }

    fn any(&self) -> Name {
        let names = self.names();
        names[self.control.below(names.len() as u64) as usize]
    }

    fn any_replica(&self) -> ReplicaId {
        ReplicaId(1 + self.control.below(u64::from(self.plan.replicas)) as u8)
    }

    /// SIGKILL.
    pub fn crash(&self, name: Name) {
        if let Some(node) = self.node(name) {
            node.process.life.die();
        }
    }

    /// A while, mostly short.
    fn a_while(&self) -> Duration {
        let longest = [50, 500, 3_000][self.control.below(3) as usize];
        Duration::from_millis(self.control.below(longest))
    }

    /// SIGSTOP, and SIGCONT later.
    fn pause(&self, name: Name) {
        let Some(node) = self.node(name) else { return };
        self.control.count(|seen| seen.pauses += 1);
        tracing::info!(name = name.label(), "paused");
        let pause = self.a_while();
        node.process.life.pause(true);
        spawn_local(async move {
            sleep(pause).await;
            node.process.life.pause(false);
        });
    }

    fn stick(&self) {
        let id = self.any_replica();
        if let Some(node) = self.node(Name::Order(id)) {
            self.control.count(|seen| seen.stuck_disks += 1);
            *node.stuck_until.borrow_mut() = Instant::now() + self.a_while();
        }
    }

    /// The network falls into two parts.
    fn part(&self) {
        self.control.count(|seen| seen.partitions += 1);
        let sides: Vec<_> =
            self.names().into_iter().map(|name| (name, self.control.chance(500_000))).collect();
        let mut lines = self.lines.borrow_mut();
        for (from, here) in &sides {
            for (to, _) in sides.iter().filter(|(_, there)| here != there) {
                lines.cut(*from, *to);
            }
        }
    }

    /// What a process does next in the middle of a change is where it hurts most.
    pub fn strike(self: &Rc<Self>, call: &str, from: Name, to: Name) {
        const CHANGES: [&str; 5] =
            ["view-notice", "propose", "change-members", "list-reservations", "join"];
        if CHANGES.contains(&call) && self.control.fault(self.plan.rates.strike) {
            self.control.count(|seen| seen.struck += 1);
            let struck = if self.control.chance(500_000) { from } else { to };
            let mut pause = self.control.below(30);
            if self.control.chance(500_000)
                && let (Name::Order(_), Some(node)) = (struck, self.node(struck))
            {
                // What it has begun gets as far as the network, and not to its disk.
                pause += self.control.below(300);
                *node.stuck_until.borrow_mut() = Instant::now() + Duration::from_millis(pause + 1);
            }
            let world = self.clone();
            spawn_local(async move {
                sleep(Duration::from_millis(pause)).await;
                world.crash(struck);
            });
        }
    }

    /// Cuts one process off from all others, in one direction or both; or a replica from all but
    /// its like, so that it is deposed and does not know.
    fn isolate(&self) {
        let (alone, ways) = (self.any(), 1 + self.control.below(3));
        let keeps_replicas = self.control.chance(500_000);
        let mut lines = self.lines.borrow_mut();
        for other in self.names() {
            if let (true, Name::Order(_), Name::Order(_)) = (keeps_replicas, alone, other) {
                continue;
            }
            if ways & 1 > 0 {
                lines.cut(alone, other);
            }
            if ways & 2 > 0 {
                lines.cut(other, alone);
            }
        }
    }

    /// A disk has no room for more, for a while.
    fn fill(&self) {
        let Some(node) = self.node(self.any()) else { return };
        self.control.count(|seen| seen.full += 1);
        node.full.store(true, Ordering::Relaxed);
        let pause = self.a_while();
        spawn_local(async move {
            sleep(pause).await;
            node.full.store(false, Ordering::Relaxed);
        });
    }

    /// A replica dies, and its disk is to be replaced.
    fn wipe(self: &Rc<Self>) {
        let id = self.any_replica();
        let Some(node) = self.node(Name::Order(id)) else { return };
        self.doomed.borrow_mut().insert(id);
        node.process.life.die();
        if self.control.chance(300_000) {
            // Whoever comes back first may be the one that has lost everything.
            self.ids().into_iter().for_each(|id| self.crash(Name::Order(id)));
        }
    }

    /// Puts an empty disk in the place of a doomed one, where the promise allows: another replica
    /// is in sync, and all that this one may have asked for before it died is decided.
    pub fn replace_disk(&self, id: ReplicaId) {
        if !self.doomed.borrow_mut().remove(&id) {
            return;
        }
        let rows = self.catalog.rows();
        let whole = |id: &ReplicaId, store| self.disks.borrow()[id].store() == store;
        let spare = rows.view.as_ref().is_some_and(|view| {
            view.in_sync.iter().any(|other| other.id != id && whole(&other.id, other.store))
        });
        if !spare {
            return;
        }
        self.control.count(|seen| seen.wipes += 1);
        tracing::info!(name = Name::Order(id).label(), "has an empty disk");
        *self.stores.borrow_mut() += 1;
        let disk = Disk::new(StoreId(*self.stores.borrow()));
        self.disks.borrow_mut().insert(id, disk.clone());
        self.watch.replaced(id, disk);
    }

    /// Ends every fault, but for those of some replicas.
    pub fn heal(&self) {
        self.control.heal();
        self.lines.borrow_mut().mend();
        for node in self.names().into_iter().filter_map(|name| self.node(name)) {
            node.process.life.pause(false);
            node.full.store(false, Ordering::Relaxed);
            *node.stuck_until.borrow_mut() = Instant::now();
        }
        self.hold_back();
    }

    /// Some replicas are not healed yet: the others must take orders without them (I11). As many
    /// as must be in sync are healed in any case.
    fn hold_back(&self) {
        let (control, mut away) = (&self.control, self.ids());
        let mut whole = self.whole_in_sync();
        if !self.doomed.borrow().is_empty() || !control.chance(500_000) {
            return;
        }
        for _ in 0..self.plan.min_in_sync {
            if whole.is_empty() {
                return;
            }
            let healed = whole.remove(control.below(whole.len() as u64) as usize);
            away.retain(|id| *id != healed);
        }
        for id in away {
            let how = match control.below(5) {
                0 => Away::Dead,
                1 => Away::DiskStuck,
                2 => Away::Paused,
                _ => continue,
            };
            self.away.borrow_mut().insert(id, how);
            tracing::info!(name = Name::Order(id).label(), ?how, "is not healed yet");
            control.count(|seen| seen.away += 1);
            let Some(node) = self.node(Name::Order(id)) else { continue };
            match how {
                Away::Dead => node.process.life.die(),
                Away::DiskStuck => *node.stuck_until.borrow_mut() = Instant::now() + FOR_EVER,
                Away::Paused => node.process.life.pause(true),
            }
        }
    }

    /// In-sync members whose disks are still theirs.
    fn whole_in_sync(&self) -> Vec<ReplicaId> {
        let (rows, disks) = (self.catalog.rows(), self.disks.borrow());
        let members = rows.view.iter().flat_map(|view| view.in_sync.iter());
        let whole = members.filter(|member| disks[&member.id].store() == member.store);
        whole.map(|member| member.id).collect()
    }

    /// Whether a healed replica may lead. One that is not healed may have removed those that are,
    /// when it was healed itself for a moment.
    #[must_use]
    pub fn somebody_may_lead(&self) -> bool {
        let may_lead = self.whole_in_sync();
        self.catalog.rows().view.is_none()
            || may_lead.iter().any(|id| !self.away.borrow().contains_key(id))
    }

    /// The last replicas are healed.
    pub fn heal_the_last(&self) {
        for (id, how) in std::mem::take(&mut *self.away.borrow_mut()) {
            let Some(node) = self.node(Name::Order(id)) else { continue };
            match how {
                Away::Dead => {}
                // A disk that hung for so long is not waited for.
                Away::DiskStuck => node.process.life.die(),
                Away::Paused => node.process.life.pause(false),
            }
        }
    }
}

/// Longer than any run.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// Why a replica does not take part while the others are healed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// It is not started again.
    Dead,
    /// Its disk hangs.
    DiskStuck,
    /// It is stopped.
    Paused,
}
