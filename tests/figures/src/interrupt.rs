//! Ctrl-C and SIGTERM: the processes that were started end, and the data goes, before this does.

use std::fs;
use std::path::PathBuf;
use std::process;

use rustix::process::{Pid, Signal, getpid, kill_process};
use toystore_tests::signals;

/// The exit code of a program that Ctrl-C stopped.
const INTERRUPTED: i32 = 130;

/// Heeds signals from now on; the folders are removed.
pub fn heed(folders: Vec<PathBuf>) {
    std::thread::spawn(move || {
        // Without a way to hear of signals the first one ends it at once.
        if signals::wait().is_ok() {
            end_children();
            for folder in &folders {
                let _ = fs::remove_dir_all(folder);
            }
            // Another thread may have started one meanwhile, as after a crash on purpose.
            end_children();
            process::exit(INTERRUPTED);
        }
    });
}

fn end_children() {
    for child in children() {
        // One that has ended already is as good.
        let _ = kill_process(child, Signal::KILL);
    }
}

/// The processes whose parent this one is.
fn children() -> Vec<Pid> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| parent(*pid) == Some(getpid().as_raw_nonzero().get()))
        .filter_map(Pid::from_raw)
        .collect()
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; after it come the state and the parent.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}
