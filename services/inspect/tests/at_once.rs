//! Several processes that make the same folder at once: one makes it, the others say why not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use common::{Ran, Shop, inspect, log};
use toystore_storage::claim::Claim;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A replica's dump and a store's backup.
fn files(shop: &Shop) -> (PathBuf, PathBuf) {
    let orders = log(700);
    let replica = shop.replica("order-1", 1, &orders);
    let catalog = shop.catalog("catalog", &[&replica], &orders, 0);
    let (dump, backup) = (shop.path("a.dump"), shop.path("store.backup"));
    assert_eq!(inspect(["export", text(&replica), "--to", text(&dump)]).code, 0);
    let ran = inspect(["backup", text(&catalog), text(&replica), "--to", text(&backup)]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    (dump, backup)
}

#[test]
fn what_another_process_is_making_is_left_alone() {
    let shop = Shop::new();
    let (dump, backup) = files(&shop);
    let (made, new) = (shop.path("made"), shop.path("new"));
    fs::create_dir(&new).unwrap();
    for (command, file, to, building) in [
        ("import", &dump, &made, shop.path("made.creating")),
        ("restore", &backup, &new, new.join(".restoring")),
    ] {
        let claim = Claim::new(&building).unwrap();
        fs::write(building.join("half"), "made").unwrap();
        let ran = inspect([command, text(file), "--to", text(to)]);
        assert_eq!(ran.code, 2, "{command} {}{}", ran.out, ran.err);
        assert!(ran.err.contains("another process is making"), "{}", ran.err);
        assert!(building.join("half").exists(), "{command} took it away");
        // What a killed process left is in nobody's way.
        drop(claim);
        let ran = inspect([command, text(file), "--to", text(to)]);
        assert_eq!(ran.code, 0, "{command} {}", ran.err);
        assert!(!building.exists() && !to.join("half").exists());
    }
}

#[test]
fn of_several_restores_into_one_folder_one_makes_it() {
    let shop = Shop::new();
    let (_, backup) = files(&shop);
    let new = shop.path("new");
    let restore = || inspect(["restore", text(&backup), "--to", text(&new)]);
    let ran: Vec<Ran> = thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(restore)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let told: Vec<_> = ran.iter().map(|ran| (ran.code, ran.err.as_str())).collect();
    assert_eq!(ran.iter().filter(|ran| ran.code == 0).count(), 1, "{told:?}");
    let clear = |err: &str| err.contains("is making") || err.contains("exists already");
    assert!(told.iter().all(|(code, err)| *code == 0 || (*code == 2 && clear(err))), "{told:?}");
    let folders = ["catalog", "order-1", "order-2", "order-3"].map(|name| new.join(name));
    let ran = inspect(["verify"].into_iter().chain(folders.iter().map(|path| text(path))));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(fs::read_dir(&new).unwrap().count(), folders.len());
}
