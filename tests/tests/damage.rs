//! Databases that were damaged while their process did not run: it refuses, or starts sound.
//!
//! `TOYSTORE_SEEDS=300` tries more random damage, `TOYSTORE_SEED=17` the damage of one seed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::Command;

use toystore_tests::damage::{Dice, copy, damage, replace, seeds, used};
use toystore_tests::load::Load;
use toystore_tests::store::{Plan, Store, order, program, wait_for};

/// A store at rest with so many orders.
fn store_with_orders(count: u64) -> Store {
    let store = Store::start(Plan::default());
    let load = Load::start(&store, &[1], 40, 1);
    orders_flow(&store, count);
    let report = load.finish();
    assert_eq!(report.errors(), 0, "{}", report.summary());
    store.check_at_rest();
    store
}

fn last_order(store: &Store) -> Option<u64> {
    let cluster = store.cluster(1)?;
    cluster["replicas"].as_array()?.iter().filter_map(|r| r["last_order"].as_u64()).max()
}

fn orders_flow(store: &Store, more: u64) {
    let before = wait_for("a replica that answers", || last_order(store));
    wait_for("orders to flow", || (last_order(store)? >= before + more).then_some(()));
}

fn epoch(store: &Store) -> Option<u64> {
    store.cluster(1)?["epoch"].as_u64()
}

/// The last line of a process that refused to start; none while it runs.
fn refusal(store: &mut Store, name: &str) -> Option<String> {
    if store.runs(name) {
        return None;
    }
    store.reap(name);
    let log = store.log(name);
    Some(log.lines().last().unwrap_or_default().to_owned())
}

/// It says what is wrong, and nothing of the insides of a program.
fn is_clear(line: &str) -> bool {
    line.contains("is damaged") && !line.contains("backtrace") && !line.contains("panicked")
}

/// Which database is in a folder.
fn store_id(folder: &Path) -> String {
    let format = fs::read_to_string(folder.join("FORMAT")).unwrap();
    format.split(' ').nth(3).unwrap().to_owned()
}

/// Whether the only replica, started on a damaged folder, leads the store with every order.
fn leads_or_refuses(store: &mut Store, name: &str, sound: &Path) -> Option<String> {
    let before = wait_for("an epoch", || epoch(store));
    store.run(name);
    let refused = wait_for("a replica that leads, or refuses to start", || {
        if let Some(line) = refusal(store, name) {
            return Some(Some(line));
        }
        // A front end may not have noticed yet that the one before is dead.
        let leads = epoch(store)? > before && store.get(1, "/readyz").ok()?.0 == 200;
        leads.then_some(None)
    });
    if refused.is_none() {
        let mut compare = Command::new(program("toystore-inspect"));
        compare.arg("diff").arg(format!("http://{}", store.address(name))).arg(sound);
        let output = compare.arg("--cluster-token").arg(store.token("cluster.token")).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "it leads with damage: {said}");
        store.kill(name);
    }
    refused
}

#[test]
fn a_replica_with_random_damage_refuses_or_leads_with_every_order() {
    let mut store = store_with_orders(1000);
    let name = order(1);
    // The last one alive is in sync, and the only one that may lead.
    for id in [3, 2, 1] {
        store.kill(&order(id));
    }
    let (folder, kept) = (store.data(&name), tempfile::tempdir().unwrap());
    let (mut refused, mut led) = (0, 0);
    for seed in seeds(20) {
        let sound = kept.path().join(seed.to_string()).join(&name);
        copy(&folder, &sound);
        let done = damage(&folder, &mut Dice::new(seed));
        println!("seed {seed}: {done}");
        match leads_or_refuses(&mut store, &name, &sound) {
            Some(line) => {
                println!("    {line}");
                let clear = line.starts_with("toystore-order: ") && is_clear(&line);
                assert!(clear, "seed {seed}, {done}: {line}");
                replace(&folder, &sound);
                refused += 1;
            }
            None => led += 1,
        }
    }
    println!("refused {refused}, led {led}");
    assert!(refused + led == 1 || (refused > 0 && led > 0), "refused {refused}, led {led}");
    store.run(&order(1));
    store.run(&order(2));
    store.run(&order(3));
    store.check_at_rest();
}

/// What a process makes of a damaged folder.
enum Expected {
    /// It goes on with it.
    Sound,
    /// It refuses until it may replace it, and says this.
    Damaged(&'static str),
    /// It refuses whatever it may do, and says this.
    Foreign(&'static str),
}

/// A damage to this folder, of which there is a copy from when its process was stopped before.
type Damage = fn(&Path, &Path);

const CASES: [(&str, Damage, Expected); 9] = [
    ("half of the log", |folder, _| cut(folder, 2), Expected::Damaged("is damaged")),
    ("nothing of the log", |folder, _| cut(folder, u64::MAX), Expected::Damaged("is damaged")),
    (
        "an empty FORMAT",
        |folder, _| fs::write(folder.join("FORMAT"), "").unwrap(),
        Expected::Damaged("its FORMAT file does not read as one"),
    ),
    ("no snapshots", |folder, _| remove_snapshots(folder), Expected::Sound),
    (
        "an earlier MARK",
        |folder, early| drop(fs::copy(early.join("MARK"), folder.join("MARK"))),
        Expected::Sound,
    ),
    ("an earlier copy, MARK and all", replace, Expected::Sound),
    (
        "an earlier copy of all but the MARK",
        |folder, early| replace(&folder.join("sled"), &early.join("sled")),
        Expected::Damaged("it was rolled back"),
    ),
    (
        "the folder of another replica",
        |folder, _| replace(folder, &folder.with_file_name("order-2")),
        Expected::Foreign("it belongs to order-2"),
    ),
    (
        "an empty folder",
        |folder, _| {
            fs::remove_dir_all(folder).unwrap();
            fs::create_dir(folder).unwrap();
        },
        Expected::Foreign("is not a database"),
    ),
];

/// Leaves one part in so many of what was written.
fn cut(folder: &Path, parts: u64) {
    let data = folder.join("sled/db");
    let length = used(&fs::read(&data).unwrap()) / parts;
    fs::File::options().write(true).open(data).unwrap().set_len(length).unwrap();
}

fn remove_snapshots(folder: &Path) {
    for entry in fs::read_dir(folder.join("sled")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

fn await_refusal(store: &mut Store, name: &str) -> String {
    wait_for("a refusal", || refusal(store, name))
}

fn run_replacing(store: &mut Store, name: &str) {
    let mut command = store.command(name);
    command.arg("--replace-damaged");
    store.adopt(name, command);
}

#[test]
fn a_damaged_replica_comes_back_by_itself_or_on_request_or_not_at_all() {
    let mut store = Store::start(Plan::default());
    let (name, kept) = (order(1), tempfile::tempdir().unwrap());
    let (folder, early, sound) =
        (store.data(&name), kept.path().join("early"), kept.path().join("sound"));
    let load = Load::start(&store, &[1], 5, 2);
    orders_flow(&store, 100);
    store.kill(&name);
    copy(&folder, &sound);
    store.run(&name);
    for (what, damage, expected) in CASES {
        store.wait_until_follows(&name);
        orders_flow(&store, 30);
        assert!(store.terminate(&name).success());
        replace(&early, &sound);
        replace(&sound, &folder);
        damage(&folder, &early);
        store.run(&name);
        match expected {
            Expected::Sound => {
                store.wait_until_follows(&name);
                assert_eq!(store_id(&folder), store_id(&sound), "{what}");
            }
            Expected::Damaged(why) => {
                let said = await_refusal(&mut store, &name);
                assert!(said.contains(why) && said.contains("--replace-damaged"), "{what}: {said}");
                run_replacing(&mut store, &name);
                store.wait_until_follows(&name);
                assert_ne!(store_id(&folder), store_id(&sound), "{what}");
            }
            Expected::Foreign(why) => {
                let said = await_refusal(&mut store, &name);
                assert!(said.contains(why), "{what}: {said}");
                run_replacing(&mut store, &name);
                assert_eq!(await_refusal(&mut store, &name), said, "{what} was replaced");
                replace(&folder, &sound);
                store.run(&name);
            }
        }
    }
    store.wait_until_follows(&name);
    let report = load.finish();
    assert_eq!(report.errors(), 0, "{}", report.summary());
    store.check_at_rest();
}

fn products(store: &Store) -> Option<serde_json::Value> {
    let (status, body) = store.get(1, "/products").ok()?;
    (status == 200).then_some(body)
}

/// Starts the catalog on a damaged folder: whether it refuses, or serves what it served before.
fn serves_or_refuses(store: &mut Store, before: &serde_json::Value) -> Option<String> {
    store.run("catalog");
    let catalog = ["catalog".to_owned()];
    let refused = wait_for("a catalog that serves, or refuses to start", || {
        if let Some(line) = refusal(store, "catalog") {
            return Some(Some(line));
        }
        store.inspect("stats", &catalog).status.success().then_some(None)
    });
    if refused.is_none() {
        let output = store.inspect("verify", &[order(1), order(2), order(3), "catalog".to_owned()]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "it serves with damage: {said}");
        assert_eq!(wait_for("the products", || products(store)), *before);
        store.kill("catalog");
    }
    refused
}

#[test]
fn a_catalog_with_random_damage_refuses_or_serves_what_it_had_and_can_be_rebuilt() {
    let mut store = store_with_orders(300);
    let (status, body) = store.buy(1, "before", "Tux").unwrap();
    assert_eq!(status, 200, "{body}");
    store.check_at_rest();
    let before = products(&store).unwrap();
    store.kill("catalog");
    let (folder, kept) = (store.data("catalog"), tempfile::tempdir().unwrap());
    let sound = kept.path().join("sound");
    let (mut refused, mut served) = (0, 0);
    for seed in seeds(10) {
        replace(&sound, &folder);
        let done = damage(&folder, &mut Dice::new(seed));
        println!("seed {seed}: {done}");
        match serves_or_refuses(&mut store, &before) {
            Some(line) => {
                println!("    {line}");
                let clear = line.starts_with("toystore-catalog: ") && is_clear(&line);
                assert!(clear && line.contains("recover"), "seed {seed}, {done}: {line}");
                replace(&folder, &sound);
                refused += 1;
            }
            None => served += 1,
        }
    }
    println!("refused {refused}, served {served}");
    assert!(refused > 0, "no damage was seen");
    cut(&folder, 2);
    store.run("catalog");
    let said = await_refusal(&mut store, "catalog");
    assert!(said.contains("recover"), "{said}");
    fs::rename(&folder, store.data("lost")).unwrap();
    rebuild_catalog(&store);
    store.run("catalog");
    wait_for("the order again", || {
        let (status, again) = store.buy(1, "before", "Tux").ok()?;
        (status == 200).then(|| assert_eq!(again, body))
    });
    wait_for("one more order", || (store.buy(1, "after", "Tux").ok()?.0 == 200).then_some(()));
    store.check_at_rest();
}

fn rebuild_catalog(store: &Store) {
    let replicas: Vec<_> =
        (1..=3).map(|id| format!("{id}={}", store.address(&order(id)))).collect();
    let mut recover = Command::new(program("toystore-catalog"));
    recover.arg("recover").arg("--data").arg(store.data("catalog"));
    recover.arg("--products").arg(store.token("catalog.csv"));
    recover.args(["--replicas", &replicas.join(",")]);
    recover.arg("--cluster-token").arg(store.token("cluster.token"));
    let output = recover.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
