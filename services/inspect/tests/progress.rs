//! The bar of a long command: there for a person at a terminal, and for nobody else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Shop, inspect, log};
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs the inspector with standard error on a terminal; its exit code, and what was shown.
fn at_a_terminal(args: &[&str]) -> (Option<i32>, String) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let terminal = File::options()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOCTTY.bits() as i32)
        .open(OsStr::from_bytes(name.to_bytes()))
        .unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_toystore-inspect"))
        .args(args)
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdout(Stdio::null())
        .stderr(terminal)
        .spawn()
        .unwrap();
    let (mut ours, mut shown) = (File::from(ours), Vec::new());
    // When the process has ended, nobody has the terminal open any more: that is an error here.
    let _ = ours.read_to_end(&mut shown);
    (child.wait().unwrap().code(), String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn a_bar_is_shown_at_a_terminal_and_nowhere_else() {
    let (shop, orders) = (Shop::new(), log(700));
    let replica = shop.replica("order-1", 1, &orders);
    let catalog = shop.catalog("catalog", &[&replica], &orders, 0);
    for (name, terminal) in [("shown", true), ("hidden", false)] {
        let [dump, backup, made, new] =
            ["dump", "backup", "made", "new"].map(|what| shop.path(&format!("{name}.{what}")));
        for (stage, args) in [
            ("orders", &["export", text(&replica), "--to", text(&dump)][..]),
            ("order-1", &["import", text(&dump), "--to", text(&made)]),
            ("orders", &["backup", text(&catalog), text(&replica), "--to", text(&backup)]),
            ("order-3", &["restore", text(&backup), "--to", text(&new)]),
        ] {
            if terminal {
                let (code, shown) = at_a_terminal(args);
                assert_eq!(code, Some(0), "{args:?} {shown}");
                let bar = |line: &str| {
                    line.contains(stage) && line.contains("/700, ") && line.contains(" left")
                };
                assert!(shown.split(['\r', '\n']).any(bar), "{args:?} {shown:?}");
            } else {
                let ran = inspect(args);
                assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
            }
        }
    }
}
