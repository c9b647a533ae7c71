//! Damage to the folder of a process that does not run, decided by a seed.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Random numbers out of a seed (splitmix64).
pub struct Dice(u64);

impl Dice {
    /// The numbers of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`; 0 when there is none.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(limit).unwrap_or(0)
    }
}

/// The seeds of a test: one, if the environment asks for it, else so many.
#[must_use]
pub fn seeds(count: u64) -> Vec<u64> {
    let asked = |name| std::env::var(name).ok()?.parse().ok();
    match asked("TOYSTORE_SEED") {
        Some(seed) => vec![seed],
        None => (1..=asked("TOYSTORE_SEEDS").unwrap_or(count)).collect(),
    }
}

/// Copies a folder and all that is in it, over what is there.
///
/// # Panics
/// When it cannot be copied.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder to copy") {
        let (from, to) = entry.map(|e| (e.path(), to.join(e.file_name()))).expect("an entry");
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).expect("a copy");
        }
    }
}

/// Puts a copy in the place of a folder.
///
/// # Panics
/// When it cannot be copied.
pub fn replace(folder: &Path, copied: &Path) {
    if folder.exists() {
        fs::remove_dir_all(folder).expect("a folder to remove");
    }
    copy(copied, folder);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> =
        paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

/// How much of a file says something: sled's is longer than what was written to it.
#[must_use]
pub fn used(bytes: &[u8]) -> u64 {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

/// Damages one file in one way; says what it did.
///
/// # Panics
/// When it cannot.
pub fn damage(folder: &Path, dice: &mut Dice) -> String {
    let files = files(folder);
    let any = &files[dice.below(files.len() as u64) as usize];
    let data = folder.join("sled/db");
    // Most of it hits the file where the orders are.
    let path = if dice.below(10) < 6 { &data } else { any };
    let name = path.strip_prefix(folder).expect("a file in it").display();
    let bytes = fs::read(path).expect("a file");
    let used = used(&bytes);
    let at = dice.below(used);
    match dice.below(12) {
        0 => {
            fs::remove_file(path).expect("a file to remove");
            format!("removed {name}")
        }
        1 | 2 => {
            writable(path).set_len(at).expect("a file to cut");
            format!("cut {name} at {at} of {used}")
        }
        3 | 4 => {
            let zeros = vec![0; used.min(4096) as usize];
            write(path, &zeros, at);
            format!("zeroed {} bytes at {at} of {used} in {name}", zeros.len())
        }
        5..=7 => {
            let noise: Vec<_> = (0..dice.below(512) + 1).map(|_| dice.below(256) as u8).collect();
            write(path, &noise, at);
            format!("wrote noise over {} bytes at {at} of {used} in {name}", noise.len())
        }
        _ => {
            let places: Vec<_> = (0..dice.below(8) + 1).map(|_| dice.below(used)).collect();
            for place in &places {
                let byte = bytes.get(*place as usize).copied().unwrap_or_default();
                write(path, &[byte ^ (1 << dice.below(8))], *place);
            }
            format!("flipped a bit at each of {places:?} of {used} in {name}")
        }
    }
}

fn writable(path: &Path) -> File {
    OpenOptions::new().write(true).open(path).expect("a file")
}

fn write(path: &Path, bytes: &[u8], at: u64) {
    writable(path).write_all_at(bytes, at).expect("a file to write");
}
