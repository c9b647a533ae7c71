//! What is done to rows and files behind the back of the storage.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use toystore_codec::HEADER_BYTES;
use toystore_storage::folder::copy;

/// Which key a row gets.
#[derive(Clone, Debug)]
pub enum Key {
    Bytes(Vec<u8>),
    Number(u64),
    /// The key of a row that is there.
    Known(Index),
}

/// What a row is made to hold.
#[derive(Clone, Debug)]
pub enum Value {
    Bytes(Vec<u8>),
    /// A frame with a right checksum.
    Sealed(Vec<u8>),
    /// Another row's frame with one byte changed, sealed again.
    Like(Index, Index, u8),
    /// The frame that is there with one byte changed, sealed again.
    Bent(Index, u8),
    /// Another row's.
    Copy(Index),
    Gone,
}

/// One change of one tree.
#[derive(Clone, Debug)]
pub struct Harm {
    tree: Index,
    key: Key,
    value: Value,
}

pub fn harms() -> impl Strategy<Value = Vec<Harm>> {
    let number = prop_oneof![4 => 0_u64..15, 1 => u64::MAX - 1..=u64::MAX];
    let key = prop_oneof![
        1 => vec(any::<u8>(), 0..12).prop_map(Key::Bytes),
        1 => number.prop_map(Key::Number),
        3 => any::<Index>().prop_map(Key::Known),
    ];
    let byte = prop_oneof![2 => 0_u8..4, 1 => 251_u8..=255, 2 => any::<u8>()];
    let value = prop_oneof![
        1 => vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        2 => vec(byte.clone(), 0..40).prop_map(Value::Sealed),
        3 => (any::<Index>(), any::<Index>(), byte.clone()).prop_map(|(row, at, to)| Value::Like(row, at, to)),
        4 => (any::<Index>(), byte).prop_map(|(at, to)| Value::Bent(at, to)),
        1 => any::<Index>().prop_map(Value::Copy),
        1 => Just(Value::Gone),
    ];
    let harm =
        (any::<Index>(), key, value).prop_map(|(tree, key, value)| Harm { tree, key, value });
    vec(harm, 1..4)
}

fn seal(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![1];
    frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(toystore_codec::checksum(payload).to_be_bytes());
    frame.extend(payload);
    frame
}

fn bent(frame: &[u8], at: &Index, to: u8) -> Vec<u8> {
    let mut payload = frame.get(HEADER_BYTES..).unwrap_or(frame).to_vec();
    let at = at.index(payload.len().max(1));
    payload.splice(at..(at + 1).min(payload.len()), [to]);
    seal(&payload)
}

/// Changes rows of a database that nobody has open.
pub fn harm_rows(path: &Path, trees: &[&str], harms: &[Harm]) {
    let db = when_free(|| sled::open(path.join("sled")).ok());
    for Harm { tree, key, value } in harms {
        let tree = db.open_tree(trees[tree.index(trees.len())]).unwrap();
        let rows: Vec<_> = tree.iter().map(Result::unwrap).collect();
        let row = |index: &Index| rows.get(index.index(rows.len().max(1)));
        let key = match key {
            Key::Bytes(bytes) => bytes.clone(),
            Key::Number(number) => number.to_be_bytes().to_vec(),
            Key::Known(index) => row(index).map(|(key, _)| key.to_vec()).unwrap_or_default(),
        };
        let value = match value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            Value::Sealed(payload) => Some(seal(payload)),
            Value::Copy(index) => row(index).map(|(_, value)| value.to_vec()),
            Value::Like(index, at, to) => row(index).map(|(_, value)| bent(value, at, *to)),
            Value::Bent(at, to) => tree.get(&key).unwrap().map(|value| bent(&value, at, *to)),
            Value::Gone => None,
        };
        match value {
            Some(value) => drop(tree.insert(key, value).unwrap()),
            None => drop(tree.remove(key).unwrap()),
        }
    }
    db.flush().unwrap();
}

/// sled lets go of a folder a moment after it is dropped.
pub fn when_free<T>(mut open: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match open() {
            Some(open) => return open,
            None => assert!(Instant::now() < deadline, "it is never free"),
        }
        std::thread::yield_now();
    }
}

/// What happens to a file.
#[derive(Clone, Debug)]
pub enum Scratch {
    Flip(Index, u8),
    Cut(Index),
    Zero(Index, u16),
    Noise(Index, Vec<u8>),
    Replace(Vec<u8>),
    Grow(Vec<u8>),
    Remove,
}

pub fn scratches() -> impl Strategy<Value = (Index, Scratch)> {
    let noise = || vec(any::<u8>(), 0..80);
    let scratch = prop_oneof![
        4 => (any::<Index>(), 1_u8..).prop_map(|(at, bits)| Scratch::Flip(at, bits)),
        2 => any::<Index>().prop_map(Scratch::Cut),
        2 => (any::<Index>(), 1_u16..).prop_map(|(at, length)| Scratch::Zero(at, length)),
        2 => (any::<Index>(), noise()).prop_map(|(at, noise)| Scratch::Noise(at, noise)),
        1 => noise().prop_map(Scratch::Replace),
        1 => noise().prop_map(Scratch::Grow),
        1 => Just(Scratch::Remove),
    ];
    (any::<Index>(), scratch)
}

/// Every file below a folder.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_dir() { files.extend(self::files(&entry)) } else { files.push(entry) }
    }
    files.sort();
    files
}

/// Damages one file; says which.
pub fn scratch(path: &Path, (which, scratch): &(Index, Scratch)) -> PathBuf {
    let files = files(path);
    let file = files[which.index(files.len())].clone();
    let mut bytes = fs::read(&file).unwrap();
    let at = |index: &Index| index.index(bytes.len().max(1)).min(bytes.len());
    match scratch {
        Scratch::Flip(index, bits) => {
            let at = at(index);
            bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bits);
        }
        Scratch::Cut(index) => bytes.truncate(at(index)),
        Scratch::Zero(index, length) => {
            let at = at(index);
            bytes.iter_mut().skip(at).take(usize::from(*length)).for_each(|byte| *byte = 0);
        }
        Scratch::Noise(index, noise) => {
            let at = at(index);
            bytes.iter_mut().skip(at).zip(noise).for_each(|(byte, noise)| *byte = *noise);
        }
        Scratch::Replace(other) => bytes.clone_from(other),
        Scratch::Grow(more) => bytes.extend(more),
        Scratch::Remove => {
            fs::remove_file(&file).unwrap();
            return file;
        }
    }
    fs::write(&file, bytes).unwrap();
    file
}

/// A folder in memory where there is one: these tests do not ask what a disk keeps, and a real one
/// would take most of their time for syncing.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// A private copy of a database made once.
pub fn copy_of(template: &Path) -> (tempfile::TempDir, PathBuf) {
    let temp = folder();
    let path = temp.path().join("copy");
    copy(template, &path).unwrap();
    (temp, path)
}
