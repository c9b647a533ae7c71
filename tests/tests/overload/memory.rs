//! How much memory the processes of a store have used at most.

use std::fs;

use toystore_tests::store::Store;

/// More than any process may ever use: some ten thousand connections and four thousand requests
/// under way, in a debug build.
const MOST_KIB: u64 = 512 << 10;

/// The highest resident size so far, in KiB.
pub fn highest(store: &Store, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", store.pid(name))).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Every process runs, and none ever used too much.
pub fn check(store: &mut Store) {
    for name in store.names() {
        assert!(store.runs(&name), "{name} has ended: {}", store.log(&name));
        let used = highest(store, &name);
        println!("{name} used {} MiB at most", used >> 10);
        assert!(used < MOST_KIB, "{name} used {used} KiB");
    }
}
