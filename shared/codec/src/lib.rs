//! The frame around every record on disk and every internal message.
//!
//! `version (1 byte) | payload length (u32, big endian) | CRC32C of the payload (u32, big endian)
//! | payload (bincode)`. The length is checked before anything is allocated, the checksum before
//! anything is decoded, and trailing bytes are refused. CRC32C: Castagnoli polynomial, RFC 3720.

use bincode::config::{self, Configuration, Limit, LittleEndian, Varint};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 9;
/// Largest payload; also the most memory that decoding one frame may claim, with every number
/// counted in full, however short it is written. What is sent or saved must be bounded likewise:
/// a frame full of small numbers could be written and not read again.
pub const MAX_PAYLOAD_BYTES: usize = 4 << 20;

const CONFIG: Configuration<LittleEndian, Varint, Limit<MAX_PAYLOAD_BYTES>> =
    config::standard().with_limit::<MAX_PAYLOAD_BYTES>();

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Fewer bytes than the frame says.
    #[error("truncated")]
    Truncated,
    /// More bytes than the frame says.
    #[error("trailing bytes")]
    Trailing,
    /// Written by another format version.
    #[error("format version {found} where {expected} was expected")]
    Version {
        /// What the reader knows.
        expected: u8,
        /// What the frame says.
        found: u8,
    },
    /// The payload would be larger than [`MAX_PAYLOAD_BYTES`].
    #[error("too large")]
    TooLarge,
    /// The checksum does not fit the payload.
    #[error("checksum mismatch")]
    Checksum,
    /// The payload does not decode to the expected type.
    #[error("undecodable")]
    Undecodable,
}

/// Encodes `value` into a frame of the given format version.
///
/// # Errors
/// [`FrameError::TooLarge`] above [`MAX_PAYLOAD_BYTES`]; [`FrameError::Undecodable`] for a value
/// that bincode cannot represent.
pub fn encode<T: Serialize>(version: u8, value: &T) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; HEADER_BYTES];
    bincode::serde::encode_into_std_write(value, &mut frame, CONFIG)
        .map_err(|_| FrameError::Undecodable)?;
    let payload = frame.len() - HEADER_BYTES;
    if payload > MAX_PAYLOAD_BYTES {
        return Err(FrameError::TooLarge);
    }
    let length = u32::try_from(payload).map_err(|_| FrameError::TooLarge)?;
    let checksum = crc32c::crc32c(&frame[HEADER_BYTES..]);
    frame[0] = version;
    frame[1..5].copy_from_slice(&length.to_be_bytes());
    frame[5..9].copy_from_slice(&checksum.to_be_bytes());
    Ok(frame)
}

/// Decodes a whole frame of the given format version.
///
/// # Errors
/// Says what is wrong with the bytes; never panics and never claims more than
/// [`MAX_PAYLOAD_BYTES`], whatever the bytes are.
pub fn decode<T: DeserializeOwned>(version: u8, frame: &[u8]) -> Result<T, FrameError> {
    let (header, payload) =
        frame.split_first_chunk::<HEADER_BYTES>().ok_or(FrameError::Truncated)?;
    let [found, l0, l1, l2, l3, c0, c1, c2, c3] = *header;
    if found != version {
        return Err(FrameError::Version { expected: version, found });
    }
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    if length > MAX_PAYLOAD_BYTES {
        return Err(FrameError::TooLarge);
    }
    match payload.len().cmp(&length) {
        std::cmp::Ordering::Less => return Err(FrameError::Truncated),
        std::cmp::Ordering::Greater => return Err(FrameError::Trailing),
        std::cmp::Ordering::Equal => {}
    }
    if crc32c::crc32c(payload) != u32::from_be_bytes([c0, c1, c2, c3]) {
        return Err(FrameError::Checksum);
    }
    let (value, read) =
        bincode::serde::decode_from_slice(payload, CONFIG).map_err(|_| FrameError::Undecodable)?;
    if read == payload.len() { Ok(value) } else { Err(FrameError::Trailing) }
}

/// How many bytes the frame at the start of `bytes` says it has; `None` for fewer than a header or
/// for more than a frame may have.
#[must_use]
pub fn frame_length(bytes: &[u8]) -> Option<usize> {
    let (header, _) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let [_, l0, l1, l2, l3, ..] = *header;
    let payload = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    (payload <= MAX_PAYLOAD_BYTES).then_some(HEADER_BYTES + payload)
}

/// The checksum of the frame, for bytes that are no frame.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_seen() {
        let frame = encode(1, &("Tux", 25_u64)).unwrap();
        for bit in 0..frame.len() * 8 {
            let mut bad = frame.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode::<(String, u64)>(1, &bad).is_err(), "bit {bit}");
        }
        assert_eq!(decode::<(String, u64)>(1, &frame), Ok(("Tux".into(), 25)));
    }

    #[test]
    fn a_length_bomb_is_refused() {
        // A payload that claims a vector of 2^64-1 elements.
        let mut frame = vec![1, 0, 0, 0, 9, 0, 0, 0, 0, 253];
        frame.extend([0xff; 8]);
        let checksum = crc32c::crc32c(&frame[HEADER_BYTES..]);
        frame[5..9].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(decode::<Vec<u64>>(1, &frame), Err(FrameError::Undecodable));
    }

    #[test]
    fn truncated_and_trailing_bytes_are_refused() {
        let frame = encode(1, &7_u64).unwrap();
        for cut in 0..frame.len() {
            assert_eq!(decode::<u64>(1, &frame[..cut]), Err(FrameError::Truncated), "{cut}");
        }
        let mut long = frame;
        long.push(0);
        assert_eq!(decode::<u64>(1, &long), Err(FrameError::Trailing));
    }
}
