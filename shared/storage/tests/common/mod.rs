//! What tests of a database share.

use std::path::Path;
use std::time::{Duration, Instant};

/// sled itself, as damage or a crash would meet it.
pub fn raw(dir: &Path) -> sled::Db {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match sled::open(dir.join("sled")) {
            Err(_) if Instant::now() < deadline => std::thread::yield_now(),
            other => return other.unwrap(),
        }
    }
}
