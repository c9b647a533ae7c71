//! A store to which things happen, and which is made whole again.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::faults::Fault;
use super::tally::Tally;
use crate::network::{Network, NotAllowed};
use crate::recording::{History, Recorder, Shopping};
use crate::store::{Plan, Store, wait_for};

/// So many orders before the first fault and after the last make a round that proves something.
const ENOUGH: u64 = 10;
/// So many places of a damaged file are flipped.
const FLIPS: u64 = 8;

/// A store, and what is wrong with it at the moment.
pub(super) struct Scene {
    store: Store,
    network: Option<Arc<Network>>,
    /// Orders at its last rest.
    orders: usize,
    /// The most that one order is for.
    most: u64,
    down: BTreeSet<String>,
    paused: BTreeSet<String>,
    damaged: Option<String>,
}

impl Scene {
    /// A new store, not always of the same kind.
    pub fn new(random: &mut StdRng, replicas: u8, partitions: bool) -> Result<Self, NotAllowed> {
        let mut plan =
            Plan { replicas, front_ends: 2, keep: true, spared: true, ..Plan::default() };
        let option = |name: &str, value: u32| [name.to_owned(), value.to_string()];
        let mut most = 1;
        if random.random_bool(0.5) {
            plan.catalog.extend(option("--lease-ms", 300));
        }
        if replicas > 2 && random.random_bool(0.2) {
            plan.order.extend(option("--min-in-sync", 2));
        }
        if random.random_bool(0.2) {
            // Little stock: refusals and restocks.
            (plan.stock, most) = (60, 4);
            plan.catalog.extend(option("--restock-ms", 100));
        }
        plan.network =
            if partitions { Some(Arc::new(Network::enter(plan.names())?)) } else { None };
        let network = plan.network.clone();
        let store = Store::start(plan);
        let (down, paused) = (BTreeSet::new(), BTreeSet::new());
        Ok(Self { store, network, orders: 0, most, down, paused, damaged: None })
    }

    pub fn replicas(&self) -> u8 {
        self.store.plan().replicas
    }

    /// One round.
    pub fn round(&mut self, seed: u64, random: &mut StdRng, tally: &mut Tally) {
        let shopping = Shopping { most: self.most, ..Shopping::at(&[1, 2], seed) };
        tally.story.clear();
        let recorder = Recorder::start(&self.store, &shopping, self.orders);
        recorder.wait_for_orders(ENOUGH);
        for fault in Fault::some(random, &self.store.names(), self.network.is_some()) {
            tally.story.push(format!("{fault:?}"));
            tally.fault(fault.kind());
            self.apply(&fault, random);
            // How long it lasts; the others may do without, or wait.
            std::thread::sleep(Duration::from_millis(random.random_range(20..500)));
        }
        self.heal(random, tally);
        recorder.wait_for_orders(ENOUGH);
        let history = recorder.finish(&mut self.store);
        self.orders = history.rest.log.len();
        match history.check() {
            Ok(counts) => tally.round(&counts, &history),
            Err(violation) => panic!("{violation}; {}", self.write_down(&history)),
        }
    }

    /// Keeps what clients saw beside the logs of the processes.
    fn write_down(&self, history: &History) -> String {
        let path = self.store.token("history.txt");
        let lines: String = history.calls.iter().map(|call| format!("{call}\n")).collect();
        fs::write(&path, lines + &format!("{:#?}\n", history.rest)).expect("a file");
        format!("the history is in {}", path.display())
    }

    fn is_up(&self, name: &str) -> bool {
        !self.down.contains(name) && !self.paused.contains(name)
    }

    fn apply(&mut self, fault: &Fault, random: &mut StdRng) {
        match fault {
            Fault::Kill(names) => self.kill(names),
            Fault::KillAll => self.kill(&self.store.names()),
            Fault::Pause(names) => {
                for name in names.iter().filter(|name| !self.down.contains(*name)) {
                    self.store.pause(name);
                    self.paused.insert(name.clone());
                }
            }
            Fault::Stop(name) if self.is_up(name) => {
                let ended = self.store.terminate(name);
                assert!(ended.success(), "{name} was told to stop: {ended}");
                self.down.insert(name.clone());
            }
            Fault::Stop(_) => {}
            Fault::Wipe(name) => {
                self.take_out(name);
                fs::remove_dir_all(self.store.data(name)).expect("a folder");
            }
            Fault::Flip(name) => {
                let (file, length) = self.damage(name);
                for _ in 0..FLIPS {
                    let (at, mut byte) = (random.random_range(0..length), [0]);
                    file.read_exact_at(&mut byte, at).expect("a byte");
                    byte[0] ^= 1 << random.random_range(0..8);
                    file.write_all_at(&byte, at).expect("a byte");
                }
            }
            Fault::Truncate(name, thousandths) => {
                let (file, length) = self.damage(name);
                file.set_len(length * thousandths / 1000).expect("a shorter file");
            }
            Fault::Unplug(name) => self.cut(|network| network.unplug(name)),
            Fault::Separate(one, other) => self.cut(|network| network.separate(one, other)),
            Fault::Silence(from, to) => self.cut(|network| network.silence(from, to)),
        }
    }

    fn cut(&self, cut: impl FnOnce(&Network)) {
        cut(self.network.as_deref().expect("cuts need a network"));
    }

    fn kill(&mut self, names: &[String]) {
        for name in names {
            if self.down.insert(name.clone()) {
                self.store.kill(name);
                self.paused.remove(name);
            }
        }
    }

    /// Kills a replica and waits until the others do without it, so that what it holds is not
    /// the only copy of anything.
    fn take_out(&mut self, name: &str) {
        self.kill(&[name.to_owned()]);
        let id: u64 = name.trim_start_matches("order-").parse().expect("a replica");
        wait_for("the others to do without a replica", || {
            let cluster = self.store.cluster(1)?;
            let in_sync = cluster["in_sync"].as_array()?;
            let without = !in_sync.is_empty() && !in_sync.iter().any(|member| *member == id);
            (without && cluster["leader"].is_u64()).then_some(())
        });
    }

    /// The database of a replica that the others do without, and how much of it is written.
    fn damage(&mut self, name: &str) -> (File, u64) {
        self.take_out(name);
        self.damaged = Some(name.to_owned());
        let path = self.store.data(name).join("sled/db");
        let written = fs::read(&path).expect("a database");
        let end = written.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        let file = File::options().read(true).write(true).open(path).expect("a database");
        (file, end as u64)
    }

    /// Ends every fault.
    fn heal(&mut self, random: &mut StdRng, tally: &mut Tally) {
        if let Some(network) = &self.network {
            network.heal();
        }
        for name in std::mem::take(&mut self.paused) {
            self.store.resume(&name);
        }
        let mut down: Vec<_> = std::mem::take(&mut self.down).into_iter().collect();
        down.shuffle(random);
        for name in &down {
            self.store.run(name);
        }
        if let Some(name) = self.damaged.take() {
            self.mend(&name, tally);
        }
        for name in self.store.names() {
            assert!(self.store.runs(&name), "{name} ended by itself");
        }
    }

    /// A damaged replica refuses to serve until it is told to begin anew, or finds nothing wrong,
    /// because nothing that was flipped or cut off is needed, and is held to the checks.
    fn mend(&mut self, name: &str, tally: &mut Tally) {
        let url = format!("http://{}/livez", self.store.address(name));
        let serves = wait_for("a damaged replica to serve or to end", || {
            if !self.store.runs(name) {
                return Some(false);
            }
            self.store.http().get(&url).send().is_ok().then_some(true)
        });
        if serves {
            return;
        }
        tally.refused_damage += 1;
        let log = self.store.log(name);
        let last = log.lines().last().unwrap_or_default();
        assert!(last.contains("--replace-damaged"), "{name} ended and does not say why: {last}");
        self.store.reap(name);
        let mut command = self.store.command(name);
        command.arg("--replace-damaged");
        self.store.adopt(name, command);
        wait_for("a replica that begins anew", || self.store.http().get(&url).send().ok());
        // It is kept for people; here it would fill the disk.
        let kept: PathBuf = self.store.data(&format!("{name}.damaged-1"));
        fs::remove_dir_all(&kept).expect("a folder that was set aside");
    }
}
