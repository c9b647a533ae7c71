//! Frames that lie: whatever the bytes are, decoding ends in a value or an error, in little memory.
//!
//! `PROPTEST_CASES=20000 cargo test -p toystore-codec --test hostile` tries more; a case that
//! failed once stays in `proptest-regressions/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde::{Deserialize, Serialize};
use toystore_codec::{
    FrameError, HEADER_BYTES, MAX_PAYLOAD_BYTES, checksum, decode, encode, frame_length,
};

const VERSION: u8 = 1;

/// One of everything that records and messages are made of; none has a map, which has no order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Sample {
    Nothing,
    Number(u64, i64, u128, bool),
    Text(Option<String>),
    Bytes(Vec<u8>),
    Rows(Vec<(String, u64)>),
    Deep(Box<Sample>),
    Many(Vec<Sample>),
}

fn cases(usual: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::Direct("proptest-regressions/hostile.txt");
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::default()
    }
}

fn sample() -> impl Strategy<Value = Sample> {
    let leaf = prop_oneof![
        Just(Sample::Nothing),
        any::<(u64, i64, u128, bool)>().prop_map(|(a, b, c, d)| Sample::Number(a, b, c, d)),
        any::<Option<String>>().prop_map(Sample::Text),
        vec(any::<u8>(), 0..40).prop_map(Sample::Bytes),
        vec(("[a-z]{0,9}", any::<u64>()), 0..9).prop_map(Sample::Rows),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            inner.clone().prop_map(|deep| Sample::Deep(Box::new(deep))),
            vec(inner, 0..6).prop_map(Sample::Many),
        ]
    })
}

/// A payload with the header that it deserves.
fn seal(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![VERSION];
    frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(checksum(payload).to_be_bytes());
    frame.extend(payload);
    frame
}

/// A change of some bytes: where, what, and how.
type Harm = (prop::sample::Index, u8, u8);

fn harm(bytes: &mut Vec<u8>, harms: &[Harm]) {
    for (at, value, how) in harms {
        let at = at.index(bytes.len() + 1);
        match how % 4 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, *value),
            _ if at == bytes.len() => bytes.push(*value),
            2 => bytes[at] ^= 1 << (value % 8),
            _ => bytes[at] = *value,
        }
    }
}

fn harms() -> impl Strategy<Value = Vec<Harm>> {
    vec(any::<Harm>(), 1..5)
}

/// bincode takes a number in a longer form than it writes, so other bytes may mean the same value;
/// but what it writes is the shortest, and means the same again.
fn check_accepted(frame: &[u8], value: &Sample) -> Result<(), TestCaseError> {
    let again = encode(VERSION, value).unwrap();
    prop_assert!(again == frame || again.len() < frame.len(), "two frames of one length");
    prop_assert_eq!(decode(VERSION, &again), Ok(value.clone()));
    Ok(())
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn what_was_encoded_comes_back(value in sample()) {
        let frame = encode(VERSION, &value).unwrap();
        prop_assert_eq!(frame_length(&frame), Some(frame.len()));
        prop_assert_eq!(decode::<Sample>(VERSION, &frame), Ok(value));
    }

    #[test]
    fn another_version_is_refused(value in sample(), found in any::<u8>()) {
        let mut frame = encode(VERSION, &value).unwrap();
        frame[0] = found;
        let decoded = decode::<Sample>(VERSION, &frame);
        if found == VERSION {
            prop_assert_eq!(decoded, Ok(value));
        } else {
            prop_assert_eq!(decoded, Err(FrameError::Version { expected: VERSION, found }));
        }
    }

    #[test]
    fn a_harmed_frame_is_refused(value in sample(), harms in harms()) {
        let frame = encode(VERSION, &value).unwrap();
        let mut harmed = frame.clone();
        harm(&mut harmed, &harms);
        let _ = frame_length(&harmed);
        match decode::<Sample>(VERSION, &harmed) {
            // What was harmed was put right again.
            Ok(same) => prop_assert!(harmed == frame && same == value),
            Err(_) => prop_assert!(harmed != frame),
        }
    }

    #[test]
    fn more_bytes_than_meant_are_trailing(value in sample(), more in vec(any::<u8>(), 1..9)) {
        let frame = encode(VERSION, &value).unwrap();
        let outside = [&frame[..], &more].concat();
        let inside = seal(&outside[HEADER_BYTES..]);
        for longer in [outside, inside] {
            prop_assert_eq!(decode::<Sample>(VERSION, &longer), Err(FrameError::Trailing));
        }
    }

    #[test]
    fn a_sealed_lie_is_a_value_or_an_error(value in sample(), harms in harms()) {
        let mut payload = encode(VERSION, &value).unwrap().split_off(HEADER_BYTES);
        harm(&mut payload, &harms);
        let frame = seal(&payload);
        if let Ok(value) = decode::<Sample>(VERSION, &frame) {
            check_accepted(&frame, &value)?;
        }
    }

    #[test]
    fn random_bytes_are_a_value_or_an_error(
        bytes in vec(any::<u8>(), 0..200),
        sealed in any::<bool>(),
    ) {
        let frame = if sealed { seal(&bytes) } else { bytes };
        let _ = frame_length(&frame);
        if let Ok(value) = decode::<Sample>(VERSION, &frame) {
            check_accepted(&frame, &value)?;
        }
    }

    /// A claim of up to 2^64 - 1 elements or bytes, with hardly any behind it.
    #[test]
    fn a_claimed_length_costs_no_memory(
        variant in 2_u8..7,
        claim in any::<u64>(),
        rest in vec(any::<u8>(), 0..60),
    ) {
        let mut payload = vec![variant];
        // Before a text stands whether there is one.
        payload.extend((variant == 2).then_some(1));
        payload.push(253);
        payload.extend(claim.to_le_bytes());
        payload.extend(rest);
        let frame = seal(&payload);
        let used = allocation_counter::measure(|| {
            let _ = decode::<Sample>(VERSION, &frame);
        });
        prop_assert!(used.bytes_max <= MAX_PAYLOAD_BYTES as u64, "{used:?}");
    }
}

/// The most that many small things make of a payload of the largest size.
#[test]
fn the_largest_frame_costs_a_small_multiple_of_its_size() {
    for element in [&[0][..], &[2, 0], &[4, 0], &[5, 0], &[6, 0]] {
        let count = (MAX_PAYLOAD_BYTES - 10) / element.len();
        let mut payload = vec![6, 253];
        payload.extend((count as u64).to_le_bytes());
        payload.extend(element.repeat(count));
        let frame = seal(&payload);
        let used = allocation_counter::measure(|| {
            let _ = decode::<Sample>(VERSION, &frame);
        });
        let bound = 40 * MAX_PAYLOAD_BYTES as u64;
        assert!(used.bytes_max <= bound, "{element:?}: {} bytes", used.bytes_max);
    }
}
