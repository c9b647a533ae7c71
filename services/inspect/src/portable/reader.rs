//! Reading a dump, and all that may be wrong with one. Nothing that is read is trusted: lengths
//! are bounded before anything is allocated, and rows must come in order.

use std::io::{self, Read};

use toystore_codec::{FrameError, HEADER_BYTES};
use toystore_replication::Position;

use super::{Block, End, Head, MAGIC, VERSION};

/// What is wrong with a dump.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Not even the beginning fits.
    #[error("it is no dump of a toy store")]
    Foreign,
    /// A later program wrote it.
    #[error("it is a dump of another version than this program knows")]
    Version,
    /// It breaks off.
    #[error("it is cut off: block {block}, from byte {at} on, is not whole")]
    Truncated {
        /// Which block, counted from 0.
        block: u64,
        /// Where that block begins.
        at: u64,
    },
    /// A block was changed.
    #[error("block {block}, from byte {at} on, is damaged: {error}")]
    Damaged {
        /// Which block.
        block: u64,
        /// Where it begins.
        at: u64,
        /// What is wrong with it.
        error: FrameError,
    },
    /// A block is whole and does not belong there.
    #[error("block {block}, from byte {at} on, does not belong there: {what}")]
    Misplaced {
        /// Which block.
        block: u64,
        /// Where it begins.
        at: u64,
        /// Why not.
        what: &'static str,
    },
    /// Every block is whole, and some are missing.
    #[error("it has {found} rows where it says {said}")]
    Rows {
        /// As it says.
        said: u64,
        /// As they were counted.
        found: u64,
    },
    /// Every block is whole, and not all are those that were written.
    #[error("its content does not fit its checksum")]
    Hash,
    /// It goes on after its end.
    #[error("there is more after its end at byte {0}")]
    Trailing(u64),
    /// The system refuses.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl Fault {
    /// Whether the file is to blame, and not the system.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        !matches!(self, Self::Io(_))
    }
}

/// Reads a dump, block by block.
pub struct Reader<R> {
    input: R,
    head: Head,
    hasher: blake3::Hasher,
    /// The next block, and where it begins.
    block: u64,
    at: u64,
    /// Rows read.
    count: u64,
    /// The last row of each kind, as far as the next must follow it.
    before: Before,
    ended: bool,
}

/// What came before.
#[derive(Default)]
struct Before {
    rank: u8,
    log: Position,
    /// The last row's sort key, of what is sorted.
    key: Option<String>,
}

impl<R: Read> Reader<R> {
    /// Begins to read.
    ///
    /// # Errors
    /// It is no dump, or its head is damaged.
    pub fn open(mut input: R) -> Result<Self, Fault> {
        let mut magic = [0; MAGIC.len()];
        let read = read_up_to(&mut input, &mut magic)?;
        if magic != *MAGIC {
            let ours = magic.starts_with(&MAGIC[..MAGIC.len() - 2]) && read == MAGIC.len();
            return Err(if ours { Fault::Version } else { Fault::Foreign });
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&magic);
        let at = MAGIC.len() as u64;
        let (block, frame) = read_block(&mut input, 0, at)?;
        let Block::Head(head) = block else {
            return Err(Fault::Misplaced { block: 0, at, what: "the head comes first" });
        };
        hasher.update(&frame);
        let (at, before) = (at + frame.len() as u64, Before::default());
        Ok(Self { input, head, hasher, block: 1, at, count: 0, before, ended: false })
    }

    /// What it is of.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Where the next block begins.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Where the log stands after the blocks read.
    pub fn log(&self) -> Position {
        self.before.log
    }

    /// The next rows; none at the end, once the whole dump has proven to be what was written.
    ///
    /// # Errors
    /// Says what is wrong and where; nothing more is to be read then.
    pub fn rows(&mut self) -> Result<Option<Block>, Fault> {
        if self.ended {
            return Ok(None);
        }
        let (block, frame) = read_block(&mut self.input, self.block, self.at)?;
        if let Block::End(end) = block {
            self.ended = true;
            self.end(&end, frame.len())?;
            return Ok(None);
        }
        if let Err(what) = self.before.admit(&self.head, &block) {
            return Err(Fault::Misplaced { block: self.block, at: self.at, what });
        }
        self.hasher.update(&frame);
        self.count += block.rows() as u64;
        self.block += 1;
        self.at += frame.len() as u64;
        Ok(Some(block))
    }

    fn end(&mut self, end: &End, length: usize) -> Result<(), Fault> {
        if end.rows != self.count {
            return Err(Fault::Rows { said: end.rows, found: self.count });
        }
        if end.hash != *self.hasher.finalize().as_bytes() {
            return Err(Fault::Hash);
        }
        if self.before.log.number != self.head.last() {
            let what = "orders are missing before it";
            return Err(Fault::Misplaced { block: self.block, at: self.at, what });
        }
        self.at += length as u64;
        if read_up_to(&mut self.input, &mut [0])? > 0 {
            return Err(Fault::Trailing(self.at));
        }
        Ok(())
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Block, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.rows().transpose();
        self.ended |= matches!(next, Some(Err(_)));
        next
    }
}

impl Before {
    /// Whether these rows may follow.
    fn admit(&mut self, head: &Head, rows: &Block) -> Result<(), &'static str> {
        if !head.has(rows) || rows.rank() < self.rank {
            return Err("such rows do not come here");
        }
        if rows.rows() == 0 {
            return Err("it is empty");
        }
        if rows.rank() > self.rank {
            (self.rank, self.key) = (rows.rank(), None);
        }
        match rows {
            Block::Head(_) | Block::End(_) => Ok(()),
            Block::Orders(orders) => {
                for entry in orders {
                    if !entry.follows(&self.log) || entry.number > head.last() {
                        return Err("an order does not follow the one before it");
                    }
                    self.log = entry.position();
                }
                Ok(())
            }
            Block::Products(rows) => self.ascending(rows.iter().map(|(name, _)| name.to_string())),
            Block::Reservations(rows) => {
                self.ascending(rows.iter().map(|row| row.purchase.key.to_string()))
            }
            Block::Restocks(rows) => {
                // No name holds a 0, and numbers of one width sort like what they say.
                self.ascending(
                    rows.iter().map(|row| format!("{}\0{:020}", row.product, row.version.0)),
                )
            }
        }
    }

    fn ascending(&mut self, keys: impl Iterator<Item = String>) -> Result<(), &'static str> {
        for key in keys {
            if self.key.as_ref().is_some_and(|last| *last >= key) {
                return Err("its rows are not in order");
            }
            self.key = Some(key);
        }
        Ok(())
    }
}

/// Reads one block, and gives its bytes beside it.
pub(super) fn read_block(
    input: &mut impl Read,
    block: u64,
    at: u64,
) -> Result<(Block, Vec<u8>), Fault> {
    let mut frame = vec![0; HEADER_BYTES];
    if read_up_to(input, &mut frame)? < HEADER_BYTES {
        return Err(Fault::Truncated { block, at });
    }
    let damaged = |error| Fault::Damaged { block, at, error };
    let length = toystore_codec::frame_length(&frame);
    let length = length.ok_or_else(|| damaged(FrameError::TooLarge))?;
    frame.resize(length, 0);
    if read_up_to(input, &mut frame[HEADER_BYTES..])? < length - HEADER_BYTES {
        return Err(Fault::Truncated { block, at });
    }
    Ok((toystore_codec::decode(VERSION, &frame).map_err(damaged)?, frame))
}

/// Fills the buffer as far as there is something to read.
fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
