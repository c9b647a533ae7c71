//! What a transaction has written and not committed, and reads through it.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toystore_authority::{Failed, Fence, Restocked};
use toystore_domain::{Books, OrderKey, ProductName, Version};
use toystore_replication::messages::Reservation;
use toystore_replication::{ClusterId, View};

use super::{CLUSTER, FENCE, Table, VIEW, change};
use crate::schema::ROW_VERSION;

/// The writes of a transaction, and reads through them.
pub(super) struct Staged<'a> {
    trees: &'a [sled::Tree],
    rows: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
}

impl<'a> Staged<'a> {
    /// Nothing is staged yet.
    pub(super) fn new(trees: &'a [sled::Tree]) -> Self {
        Self { trees, rows: BTreeMap::new() }
    }

    /// Whether nothing is staged.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What is staged.
    pub(super) fn into_rows(self) -> Vec<change::Row> {
        self.rows.into_iter().map(|((table, key), row)| (table, key, row)).collect()
    }
}

fn decode<T: DeserializeOwned>(row: &[u8]) -> Result<T, Failed> {
    toystore_codec::decode(ROW_VERSION, row).map_err(|_| Failed::Damaged)
}

impl Staged<'_> {
    pub(super) fn tree(&self, table: Table) -> &sled::Tree {
        &self.trees[table as usize]
    }

    pub(super) fn get<T: DeserializeOwned>(
        &self,
        table: Table,
        key: &[u8],
    ) -> Result<Option<T>, Failed> {
        if let Some(staged) = self.rows.get(&(table, key.to_vec())) {
            return staged.as_deref().map(decode).transpose();
        }
        let row = self.tree(table).get(key).map_err(|_| Failed::Io)?;
        row.map(|row| decode(&row)).transpose()
    }

    pub(super) fn put<T: Serialize>(
        &mut self,
        table: Table,
        key: &[u8],
        row: &T,
    ) -> Result<(), Failed> {
        let row = toystore_codec::encode(ROW_VERSION, row).map_err(|_| Failed::Damaged)?;
        self.rows.insert((table, key.to_vec()), Some(row));
        Ok(())
    }

    pub(super) fn remove(&mut self, table: Table, key: &[u8]) {
        self.rows.insert((table, key.to_vec()), None);
    }

    /// Rows after a key, staged ones in place of stored ones.
    pub(super) fn scan(
        &self,
        table: Table,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, Failed> {
        let start = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.to_vec()));
        let mut stored = self.tree(table).range((start, Bound::Unbounded)).peekable();
        let first = (table, after.map(<[u8]>::to_vec).unwrap_or_default());
        let mut staged = self
            .rows
            .range(first..)
            .take_while(|((of, _), _)| *of == table)
            .filter(|((_, key), _)| after.is_none_or(|after| key.as_slice() > after))
            .peekable();
        let mut rows = Vec::new();
        while rows.len() < limit {
            let stored_key = match stored.peek() {
                Some(Ok((key, _))) => Some(key.clone()),
                Some(Err(_)) => return Err(Failed::Io),
                None => None,
            };
            let staged_key = staged.peek().map(|((_, key), _)| key.as_slice());
            match (stored_key, staged_key) {
                (None, None) => break,
                (Some(key), Some(staged_key)) if staged_key > &key[..] => {
                    rows.extend(stored.next().and_then(Result::ok).map(to_vecs));
                }
                (Some(_), None) => rows.extend(stored.next().and_then(Result::ok).map(to_vecs)),
                (key, Some(staged_key)) => {
                    if key.is_some_and(|key| &key[..] == staged_key) {
                        stored.next();
                    }
                    if let Some(((_, key), Some(row))) = staged.next() {
                        rows.push((key.clone(), row.clone()));
                    }
                }
            }
        }
        Ok(rows)
    }
}

/// A key and its record.
type Row = (Vec<u8>, Vec<u8>);

fn to_vecs((key, row): (sled::IVec, sled::IVec)) -> Row {
    (key.to_vec(), row.to_vec())
}

/// No name holds a 0, so the keys' order is that of (name, version).
fn restock_key(product: &ProductName, version: Version) -> Vec<u8> {
    let mut key = product.as_str().as_bytes().to_vec();
    key.push(0);
    key.extend(version.0.to_be_bytes());
    key
}

fn name_of(key: &[u8]) -> Result<ProductName, Failed> {
    std::str::from_utf8(key).ok().and_then(ProductName::new).ok_or(Failed::Damaged)
}

impl Staged<'_> {
    pub(super) fn cluster(&self) -> Result<ClusterId, Failed> {
        self.get(Table::Meta, CLUSTER)?.ok_or(Failed::Damaged)
    }

    pub(super) fn view(&self) -> Result<Option<View>, Failed> {
        self.get(Table::Meta, VIEW)
    }

    pub(super) fn put_view(&mut self, view: &View) -> Result<(), Failed> {
        self.put(Table::Meta, VIEW, view)
    }

    pub(super) fn fence(&self) -> Result<Fence, Failed> {
        Ok(self.get(Table::Meta, FENCE)?.unwrap_or_default())
    }

    pub(super) fn books(&self, product: &ProductName) -> Result<Option<Books>, Failed> {
        self.get(Table::Products, product.as_str().as_bytes())
    }

    pub(super) fn put_books(&mut self, product: &ProductName, books: &Books) -> Result<(), Failed> {
        let key = product.as_str().as_bytes();
        if books.stock == 0 {
            self.put(Table::SoldOut, key, &())?;
        } else {
            self.remove(Table::SoldOut, key);
        }
        self.put(Table::Products, key, books)
    }

    pub(super) fn products(
        &self,
        after: Option<&ProductName>,
        limit: usize,
    ) -> Result<Vec<(ProductName, Books)>, Failed> {
        let after = after.map(|name| name.as_str().as_bytes());
        let rows = self.scan(Table::Products, after, limit)?;
        rows.into_iter().map(|(key, row)| Ok((name_of(&key)?, decode(&row)?))).collect()
    }

    pub(super) fn put_reservation(&mut self, reservation: &Reservation) -> Result<(), Failed> {
        self.put(Table::Reservations, reservation.purchase.key.as_str().as_bytes(), reservation)
    }

    pub(super) fn put_restock(&mut self, restock: &Restocked) -> Result<(), Failed> {
        self.put(Table::Restocks, &restock_key(&restock.product, restock.version), restock)
    }

    pub(super) fn restocks(
        &self,
        after: Option<(&ProductName, Version)>,
        limit: usize,
    ) -> Result<Vec<Restocked>, Failed> {
        let after = after.map(|(name, version)| restock_key(name, version));
        let rows = self.scan(Table::Restocks, after.as_deref(), limit)?;
        rows.into_iter().map(|(_, row)| decode(&row)).collect()
    }

    pub(super) fn sold_out(&self, limit: usize) -> Result<Vec<ProductName>, Failed> {
        let rows = self.scan(Table::SoldOut, None, limit)?;
        rows.into_iter().map(|(key, _)| name_of(&key)).collect()
    }

    pub(super) fn reservations(
        &self,
        after: Option<&OrderKey>,
        limit: usize,
    ) -> Result<Vec<Reservation>, Failed> {
        let after = after.map(|key| key.as_str().as_bytes());
        let rows = self.scan(Table::Reservations, after, limit)?;
        rows.into_iter().map(|(_, row)| decode(&row)).collect()
    }
}
