//! Dumps: what was written is read again, and a dump that was harmed is refused, in bounded memory,
//! whatever was done to it.
//!
//! `PROPTEST_CASES=2000 cargo test -p toystore-inspect --test portable` tries more; a case that
//! failed once stays in `proptest-regressions/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::io::Read;
use std::sync::OnceLock;

use common::{CLUSTER, log};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::FileFailurePersistence;
use toystore_domain::OrderNumber;
use toystore_inspect::portable::{Block, Fault, Head, MAGIC, Reader, Writer};
use toystore_replication::{Entry, ReplicaId, StoreId};
use toystore_storage::schema::OrderState;

fn cases(usual: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::Direct("proptest-regressions/portable.txt");
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::default()
    }
}

const ORDERS: u64 = 300;
const BLOCK: usize = 70;

fn head(last: u64) -> Head {
    let last = OrderNumber(last);
    let cluster = Some(CLUSTER);
    let state = OrderState { cluster, commit: last, ..OrderState::default() };
    Head::Replica { id: ReplicaId(2), store: StoreId(7), state, last }
}

fn written(head: Head, blocks: &[Block]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.dump");
    let mut writer = Writer::create(&to, head).unwrap();
    blocks.iter().for_each(|block| writer.put(block).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(!to.exists(), "it has its name before it is whole");
    writer.finish().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    fs::read(&to).unwrap()
}

/// A sound dump, made once.
fn sound() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let blocks: Vec<_> = log(ORDERS).chunks(BLOCK).map(|b| Block::Orders(b.to_vec())).collect();
        written(head(ORDERS), &blocks)
    })
}

/// All orders in a dump, or the first thing that is wrong with it.
fn read(bytes: impl Read) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    for block in Reader::open(bytes)? {
        match block? {
            Block::Orders(orders) => entries.extend(orders),
            other => panic!("{other:?}"),
        }
    }
    Ok(entries)
}

fn words(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

/// Where each frame begins, and at last where the file ends.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut starts = vec![MAGIC.len()];
    while let Some(length) = toystore_codec::frame_length(&bytes[*starts.last().unwrap()..]) {
        starts.push(starts.last().unwrap() + length);
    }
    starts
}

#[test]
fn what_was_written_is_read_again() {
    assert_eq!(read(sound()).unwrap(), log(ORDERS));
    assert_eq!(read(&written(head(0), &[])[..]).unwrap(), []);
}

#[test]
fn a_writer_replaces_nothing_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.dump");
    drop(Writer::create(&to, head(0)).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a dropped one leaves something");
    let late = Writer::create(&to, head(0)).unwrap();
    fs::write(&to, "mine").unwrap();
    assert!(Writer::create(&to, head(0)).is_err());
    let error = late.finish().unwrap_err().to_string();
    assert!(error.contains("exists already"), "{error}");
    assert_eq!(fs::read(&to).unwrap(), b"mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn whole_frames_in_the_wrong_place_are_refused() {
    let starts = frames(sound());
    assert_eq!(starts.len(), 8, "a head, five blocks, an end, and where it ends");
    let frame = |n: usize| &sound()[starts[n]..starts[n + 1]];
    let of = |order: &[usize]| -> Vec<u8> {
        MAGIC.iter().copied().chain(order.iter().flat_map(|n| frame(*n).to_vec())).collect()
    };
    assert!(read(&of(&[0, 1, 2, 3, 4, 5, 6])[..]).is_ok());
    for (order, why) in [
        (&[0, 1, 3, 4, 5, 6][..], "an order does not follow"),
        (&[0, 2, 1, 3, 4, 5, 6], "an order does not follow"),
        (&[0, 1, 1, 2, 3, 4, 5, 6], "an order does not follow"),
        (&[0, 1, 2, 3, 4, 6], "it has 280 rows where it says 300"),
        (&[0, 0, 1, 2, 3, 4, 5, 6], "such rows do not come here"),
        (&[1, 2, 3, 4, 5, 6], "the head comes first"),
        (&[0, 1, 2, 3, 4, 5], "it is cut off: block 6"),
        (&[0, 1, 2, 3, 4, 5, 6, 6], "there is more after its end"),
    ] {
        assert!(words(&of(order)).contains(why), "{order:?}: {}", words(&of(order)));
    }
    // Another dump's head, end or orders, each whole by itself.
    let other = written(head(20), &[Block::Orders(log(20))]);
    let theirs = frames(&other);
    let mut mixed = other[..theirs[2]].to_vec();
    mixed.extend(&sound()[starts[6]..]);
    assert!(words(&mixed).contains("it has 20 rows where it says 300"), "{}", words(&mixed));
    let early = written(head(ORDERS), &[Block::Orders(log(20))]);
    assert!(words(&early).contains("orders are missing before it"), "{}", words(&early));
}

#[test]
fn a_block_that_was_swapped_for_another_whole_one_is_found_by_the_checksum() {
    // The same orders in blocks of other sizes: everything fits but the bytes.
    let starts = frames(sound());
    let blocks: Vec<_> = log(ORDERS).chunks(30).map(|b| Block::Orders(b.to_vec())).collect();
    let other = written(head(ORDERS), &blocks);
    let theirs = frames(&other);
    let mut mixed = other[..theirs[theirs.len() - 2]].to_vec();
    mixed.extend(&sound()[starts[6]..]);
    assert!(matches!(read(&mixed[..]), Err(Fault::Hash)));
}

#[test]
fn what_is_no_dump_or_a_later_one_is_told_apart() {
    assert!(matches!(read(&b""[..]), Err(Fault::Foreign)));
    assert!(matches!(read(&b"name,price,stock\nTux,1,1\n"[..]), Err(Fault::Foreign)));
    let mut later = sound().to_vec();
    later[MAGIC.len() - 2] = b'2';
    assert!(matches!(read(&later[..]), Err(Fault::Version)));
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_dump_that_is_cut_off_is_refused(at in any::<Index>()) {
        let bytes = &sound()[..at.index(sound().len())];
        let fault = read(bytes).unwrap_err();
        let told = matches!(fault, Fault::Truncated { .. } | Fault::Foreign);
        prop_assert!(told, "{fault}");
    }

    #[test]
    fn any_flipped_bit_is_found(at in any::<Index>(), bit in 0..8_u8) {
        let mut bytes = sound().to_vec();
        bytes[at.index(sound().len())] ^= 1 << bit;
        prop_assert!(read(&bytes[..]).is_err());
    }

    #[test]
    fn trailing_bytes_are_found(more in proptest::collection::vec(any::<u8>(), 1..50)) {
        let bytes = [sound(), &more].concat();
        prop_assert!(matches!(read(&bytes[..]), Err(Fault::Trailing(_))));
    }

    #[test]
    fn harm_never_panics_nor_passes(
        cut in any::<Index>(), put in proptest::collection::vec(any::<u8>(), 0..40),
        instead in 0..40_usize,
    ) {
        let at = cut.index(sound().len());
        let rest = &sound()[(at + instead).min(sound().len())..];
        let bytes = [&sound()[..at], &put, rest].concat();
        prop_assume!(bytes != sound());
        prop_assert!(read(&bytes[..]).is_err());
    }

    /// A payload that claims lists without an end, sealed with a checksum that fits.
    #[test]
    fn a_length_bomb_claims_little(
        variant in 0..6_u8, claim in any::<u64>(), filler in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let payload: Vec<u8> =
            [variant, 253].into_iter().chain(claim.to_le_bytes()).chain(filler).collect();
        let mut frame = vec![1];
        frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        frame.extend(toystore_codec::checksum(&payload).to_be_bytes());
        frame.extend(&payload);
        let starts = frames(sound());
        for keep in [MAGIC.len(), starts[1], starts[3]] {
            let bytes = [&sound()[..keep], &frame, &sound()[keep..]].concat();
            let used = allocation_counter::measure(|| assert!(read(&bytes[..]).is_err()));
            prop_assert!(used.bytes_max < 16 << 20, "{} bytes", used.bytes_max);
        }
        // A frame that says it is huge, and is not there.
        let mut huge = sound()[..starts[1]].to_vec();
        huge.push(1);
        huge.extend(u32::try_from(claim % (1 << 32)).unwrap().to_be_bytes());
        huge.extend([0; 4]);
        let used = allocation_counter::measure(|| assert!(read(&huge[..]).is_err()));
        prop_assert!(used.bytes_max < 16 << 20, "{} bytes", used.bytes_max);
    }
}

/// An endless file: the first bytes of a dump, then the same block for ever.
struct Endless(usize);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        for byte in buffer.iter_mut() {
            *byte = *sound().get(self.0).unwrap_or(&0);
            self.0 += 1;
        }
        Ok(buffer.len())
    }
}

#[test]
fn an_endless_file_ends_at_its_end() {
    assert!(matches!(read(Endless(0)), Err(Fault::Trailing(_))));
}
