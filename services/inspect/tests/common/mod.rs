//! Databases to look into, and the inspector as a process.

// Helpers of tests may fail by panicking; each test binary uses a part of them.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use toystore_authority::{Database, Restocked, Transaction};
use toystore_domain::{
    Books, Cents, OrderKey, OrderNumber, ProductName, Purchase, Quantity, Version, stock,
};
use toystore_replication::messages::Reservation;
use toystore_replication::{
    ClusterId, Entry, Epoch, Incarnation, Member, Position, ReplicaId, Revision, StoreId, View,
    Write,
};
use toystore_storage::{CatalogStore, OrderStore, folder};

pub const CLUSTER: ClusterId = ClusterId(5);
pub const TOYS: [&str; 3] = ["Elephant", "Tux", "Whale"];

pub fn name(text: &str) -> ProductName {
    ProductName::new(text).unwrap()
}

pub fn purchase(n: u64) -> Purchase {
    Purchase {
        key: OrderKey::new(&format!("key-{n}")).unwrap(),
        product: name(TOYS[(n % 3) as usize]),
        quantity: Quantity::new(1 + n % 4).unwrap(),
    }
}

/// A log of so many orders, the second half of them in epoch 2.
pub fn log(count: u64) -> Vec<Entry> {
    continued(&[], (1..=count).map(|n| (1 + 2 * n / (count + 2), purchase(n))))
}

/// A log that goes on with these purchases, each in its epoch.
pub fn continued(
    log: &[Entry],
    purchases: impl IntoIterator<Item = (u64, Purchase)>,
) -> Vec<Entry> {
    let mut log = log.to_vec();
    for (epoch, purchase) in purchases {
        let last = log.last().map_or(Position::ORIGIN, Entry::position);
        log.push(Entry::after(&last, Epoch(epoch), purchase));
    }
    log
}

/// A folder with databases, gone with the test.
pub struct Shop(tempfile::TempDir);

impl Shop {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A replica's folder with this log, all of it committed.
    pub fn replica(&self, folder: &str, id: u8, log: &[Entry]) -> PathBuf {
        let path = self.path(folder);
        OrderStore::create(&path, ReplicaId(id)).unwrap();
        let mut store = OrderStore::open(&path, ReplicaId(id)).unwrap();
        store.start().unwrap();
        let write = |entries: &[Entry]| Write {
            truncate_above: None,
            entries: entries.to_vec(),
            cluster: Some(CLUSTER),
            promise: Epoch(2),
            mark: Epoch(2),
            commit: log.last().map_or(OrderNumber::ZERO, |entry| entry.number),
        };
        // Rows of ten orders.
        log.chunks(10).for_each(|ten| store.apply(vec![write(ten)]).unwrap());
        store.raise_mark().unwrap();
        drop(store);
        released(&path);
        path
    }

    /// The catalog's folder after these orders, the last `held` of which are not settled yet.
    pub fn catalog(&self, folder: &str, replicas: &[&Path], log: &[Entry], held: usize) -> PathBuf {
        let path = self.path(folder);
        let view = view(replicas);
        let mut books: BTreeMap<ProductName, Books> = TOYS
            .iter()
            .map(|toy| (name(toy), Books::open(Cents::new(2599).unwrap(), 1000)))
            .collect();
        let settled = log.len() - held;
        for (index, entry) in log.iter().enumerate() {
            let of = books.get_mut(&entry.purchase.product).unwrap();
            assert!(stock::reserve(of, entry.purchase.quantity).unwrap());
            if index < settled {
                stock::settle(of, entry.purchase.quantity).unwrap();
            }
        }
        let sold_out = books.get_mut(&name("Whale")).unwrap();
        stock::adjust(sold_out, None, Some(0)).unwrap();
        assert!(stock::restock(sold_out).unwrap());
        let version = sold_out.version;
        let rows: Vec<_> = books.into_iter().collect();
        CatalogStore::create(&path, CLUSTER, &rows, Some(&view)).unwrap();
        let store = CatalogStore::create(&path, CLUSTER, &rows, None);
        assert!(store.is_err(), "a second catalog was made over the first");
        reserve(&path, &log[settled..], version);
        released(&path);
        path
    }
}

/// Adds the reservations of orders that are not settled, and a row of the ledger. The books hold
/// them already, so the folder does not open as sound before.
fn reserve(path: &Path, held: &[Entry], restocked: Version) {
    let row = |text: &str, value: &[u8], key: &[u8]| {
        released(path);
        let db = raw(path);
        db.open_tree(text).unwrap().insert(key, value).unwrap();
    };
    for entry in held {
        let recorded = None;
        let reservation =
            Reservation { purchase: entry.purchase.clone(), epoch: entry.epoch, recorded };
        let value = toystore_codec::encode(1, &reservation).unwrap();
        row("reservations", &value, entry.purchase.key.as_str().as_bytes());
    }
    released(path);
    let store = CatalogStore::open(path).unwrap();
    let mut tx = store.begin();
    let product = name("Whale");
    tx.add_restock(&Restocked { product, version: restocked, amount: 100 }).unwrap();
    tx.commit().unwrap();
}

pub fn view(replicas: &[&Path]) -> View {
    let member = |path: &&Path| {
        let (kind, store) = folder::read_format(path, None).unwrap();
        let folder::Kind::Order(id) = kind else { panic!("{kind} is no replica") };
        member(id, store)
    };
    let in_sync: Vec<_> = replicas.iter().map(member).collect();
    let leader = *in_sync.last().unwrap();
    View { cluster: CLUSTER, epoch: Epoch(2), revision: Revision(3), leader, in_sync }
}

pub fn member(id: u8, store: StoreId) -> Member {
    Member { id: ReplicaId(id), store, incarnation: Incarnation(1) }
}

/// sled itself, once its lock is free: a process that a test beside starts has it for a moment.
fn raw(path: &Path) -> sled::Db {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match sled::open(path.join("sled")) {
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            other => return other.unwrap(),
        }
    }
}

/// Waits until sled let go of a folder, which it does a little after it is dropped.
pub fn released(path: &Path) {
    for _ in 0..4000 {
        if File::open(path.join("sled/db")).unwrap().try_lock().is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{} is still locked", path.display());
}

/// Every file below a folder and what is in it.
pub fn content(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_dir() {
            files.extend(content(&entry));
        } else {
            files.insert(entry.clone(), fs::read(&entry).unwrap());
        }
    }
    files
}

pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs the inspector on sources.
pub fn inspect<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toystore-inspect"));
    let Output { status, stdout, stderr } =
        command.args(args).env_remove("TOYSTORE_CLUSTER_TOKEN").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ran = Ran { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) };
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

/// Runs a command on folders, and makes sure that it leaves them as they were.
pub fn inspect_folders(command: &str, folders: &[&Path], more: &[&str]) -> Ran {
    let before: Vec<_> = folders.iter().map(|path| content(path)).collect();
    let folders_as_text: Vec<_> = folders.iter().map(|path| path.to_str().unwrap()).collect();
    let ran = inspect([&[command], &folders_as_text[..], more].concat());
    let after: Vec<_> = folders.iter().map(|path| content(path)).collect();
    assert!(before == after, "{command} changed a folder");
    ran
}

/// Changes rows of a database behind its back.
pub fn tamper(path: &Path, tree: &str, change: impl FnOnce(&sled::Tree)) {
    let db = raw(path);
    change(&db.open_tree(tree).unwrap());
    db.flush().unwrap();
    drop(db);
    released(path);
}
