//! A dump as a source: read once to its end, so that nothing of a damaged one is believed, then by
//! pages. Of the log only where its blocks begin is kept in memory.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use toystore_domain::OrderNumber;
use toystore_replication::{Entry, Position};

use super::reader::read_block;
use super::{Block, Fault, Head, Reader};
use crate::catalog::Rows;

/// A whole dump.
pub struct Dump {
    path: PathBuf,
    head: Head,
    last: Position,
    /// The first order of each block of the log, and where the block begins.
    blocks: Vec<(OrderNumber, u64)>,
    /// The catalog's rows, where it has some.
    rows: Rows,
    size: u64,
}

impl Dump {
    /// Reads all of a dump.
    ///
    /// # Errors
    /// Something is wrong with it.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let mut reader = Reader::open(BufReader::new(File::open(path)?))?;
        let (mut blocks, mut rows) = (Vec::new(), Rows::default());
        let mut restocks = Vec::new();
        loop {
            let at = reader.at();
            match reader.rows()? {
                Some(Block::Orders(orders)) => {
                    blocks.extend(orders.first().map(|order| (order.number, at)));
                }
                Some(Block::Products(more)) => rows.products.extend(more),
                Some(Block::Reservations(more)) => rows.reservations.extend(more),
                Some(Block::Restocks(more)) => restocks.extend(more),
                Some(Block::Head(_) | Block::End(_)) => {}
                None => break,
            }
        }
        rows.restocks = Some(restocks);
        let head = reader.head().clone();
        match &head {
            Head::Replica { .. } => {}
            Head::Catalog { cluster, view } => {
                (rows.cluster, rows.view) = (Some(*cluster), view.clone());
            }
            Head::Store { view, .. } => {
                (rows.cluster, rows.view) = (Some(view.cluster), Some(view.clone()));
            }
        }
        let (last, size) = (reader.log(), reader.at());
        Ok(Self { path: path.to_path_buf(), head, last, blocks, rows, size })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is of.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Where its log ends.
    #[must_use]
    pub fn last(&self) -> Position {
        self.last
    }

    /// The catalog's rows.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The orders above `after`, up to the end of a block; none at the end of the log.
    ///
    /// # Errors
    /// The file has changed since it was read.
    pub fn page(&self, after: OrderNumber) -> Result<Vec<Entry>, Fault> {
        let first = after.next();
        if first > self.last.number {
            return Ok(Vec::new());
        }
        let index = self.blocks.partition_point(|(number, _)| *number <= first);
        let Some((_, at)) = index.checked_sub(1).and_then(|index| self.blocks.get(index)) else {
            return Ok(Vec::new());
        };
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(*at))?;
        match read_block(&mut BufReader::new(file), index as u64, *at)?.0 {
            Block::Orders(mut orders) if self.may_hold(&orders) => {
                orders.retain(|order| order.number > after);
                Ok(orders)
            }
            _ => {
                let (block, what) = (index as u64, "it was changed while it was read");
                Err(Fault::Misplaced { block, at: *at, what })
            }
        }
    }

    /// Equal hashes at the last order mean an equal log.
    fn may_hold(&self, orders: &[Entry]) -> bool {
        let last = orders.iter().find(|order| order.number == self.last.number);
        last.is_none_or(|order| order.position() == self.last)
    }

    /// The log, page by page, for a database that is made of it.
    pub fn pages(&self) -> impl Iterator<Item = Result<Vec<Entry>, Fault>> + '_ {
        let mut after = OrderNumber::ZERO;
        std::iter::from_fn(move || {
            let page = self.page(after);
            if let Ok(orders) = &page {
                after = orders.last()?.number;
            }
            Some(page)
        })
    }
}
