//! The catalog: all its rows. There are as many as there are products, outstanding reservations
//! and restocks, so they are kept in memory.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use toystore_authority::{Database, Failed, Restocked, Transaction};
use toystore_domain::{Books, ProductName};
use toystore_replication::messages::Reservation;
use toystore_replication::{ClusterId, StoreId, View};
use toystore_storage::CatalogStore;
use toystore_storage::catalog::{CLUSTER, VIEW};
use toystore_storage::salvage::{RawRow, Salvage, Tree};
use toystore_storage::schema::ROW_VERSION;

use crate::orders::short;
use crate::portable::Dump;
use crate::service::Link;

/// Rows read at once from a damaged folder.
const PAGE: usize = 1000;

/// The catalog.
pub struct Catalog {
    /// What to call it.
    pub name: String,
    /// Its database, of a folder.
    pub store: Option<StoreId>,
    /// Bytes on disk, of a folder.
    pub size: Option<u64>,
    /// Why a service would not open it.
    pub damage: Option<String>,
    /// Which rows of a damaged one cannot be read.
    pub lost: Vec<String>,
    /// What can be read.
    pub rows: Rows,
    /// Where it runs.
    pub link: Option<Link>,
    /// The dump that it is in.
    pub dump: Option<PathBuf>,
}

/// The catalog's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The cluster.
    pub cluster: Option<ClusterId>,
    /// The view, once there is one.
    pub view: Option<View>,
    /// Products and their books, by name.
    pub products: Vec<(ProductName, Books)>,
    /// Outstanding reservations, by key.
    pub reservations: Vec<Reservation>,
    /// The ledger of restocks; none where it cannot be read.
    pub restocks: Option<Vec<Restocked>>,
    /// The index of sold-out products, of a folder.
    pub sold_out: Option<BTreeSet<ProductName>>,
}

impl Catalog {
    /// A folder that opened as a service opens it.
    ///
    /// # Errors
    /// It cannot be read all the same.
    pub fn sound(opened: &CatalogStore, store: StoreId, size: u64) -> Result<Self, Failed> {
        let tx = opened.begin();
        let rows = Rows {
            cluster: Some(tx.cluster()?),
            view: tx.view()?,
            products: tx.products(None, usize::MAX)?,
            reservations: tx.reservations(None, usize::MAX)?,
            restocks: Some(opened.restocks()?),
            sold_out: Some(tx.sold_out(usize::MAX)?.into_iter().collect()),
        };
        Ok(Self { store: Some(store), size: Some(size), ..Self::of(rows) })
    }

    /// A damaged folder: what decodes of it.
    #[must_use]
    pub fn damaged(what: String, salvage: Option<&Salvage>, store: StoreId, size: u64) -> Self {
        let mut lost = Vec::new();
        let rows = salvage.map(|salvage| salvaged(salvage, &mut lost)).unwrap_or_default();
        let damage = Some(what);
        Self { store: Some(store), size: Some(size), damage, lost, ..Self::of(rows) }
    }

    /// A running catalog.
    #[must_use]
    pub fn at_service(link: Link, rows: Rows) -> Self {
        Self { link: Some(link), ..Self::of(rows) }
    }

    /// A catalog's rows in a dump.
    #[must_use]
    pub fn in_dump(dump: &Dump) -> Self {
        let (size, path) = (Some(dump.size()), Some(dump.path().to_path_buf()));
        Self { size, dump: path, ..Self::of(dump.rows().clone()) }
    }

    fn of(rows: Rows) -> Self {
        Self {
            name: "catalog".to_owned(),
            store: None,
            size: None,
            damage: None,
            lost: Vec::new(),
            rows,
            link: None,
            dump: None,
        }
    }
}

impl Rows {
    /// A product's books.
    #[must_use]
    pub fn books(&self, name: &ProductName) -> Option<&Books> {
        let at = self.products.binary_search_by(|(known, _)| known.cmp(name)).ok()?;
        self.products.get(at).map(|(_, books)| books)
    }
}

fn salvaged(salvage: &Salvage, lost: &mut Vec<String>) -> Rows {
    Rows {
        cluster: meta(salvage, CLUSTER, lost),
        view: meta(salvage, VIEW, lost),
        products: each(salvage, Tree::Products, lost, |key, row| Ok((name_of(key)?, decode(row)?))),
        reservations: each(salvage, Tree::Reservations, lost, |key, row| {
            let reservation: Reservation = decode(row)?;
            let fits = reservation.purchase.key.as_str().as_bytes() == key;
            if fits { Ok(reservation) } else { Err("its record is another key's".to_owned()) }
        }),
        restocks: Some(each(salvage, Tree::Restocks, lost, |_, row| decode(row))),
        sold_out: Some(BTreeSet::from_iter(each(salvage, Tree::SoldOut, lost, |key, _| {
            name_of(key)
        }))),
    }
}

fn meta<T: DeserializeOwned>(salvage: &Salvage, key: &[u8], lost: &mut Vec<String>) -> Option<T> {
    let read = match salvage.row(Tree::Meta, key) {
        Ok(None) if key == VIEW => return None,
        Ok(None) => Err("missing".to_owned()),
        Ok(Some(row)) => decode(&row).map(Some),
        Err(error) => Err(short(&error)),
    };
    read.unwrap_or_else(|what| {
        lost.push(format!("{}: {what}", String::from_utf8_lossy(key)));
        None
    })
}

/// Reads a tree to its end or to where sled gives up; rows that make no sense are told.
fn each<T>(
    salvage: &Salvage,
    tree: Tree,
    lost: &mut Vec<String>,
    read: impl Fn(&[u8], &[u8]) -> Result<T, String>,
) -> Vec<T> {
    let mut good = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let (rows, stopped) = salvage.rows(tree, after.as_deref(), PAGE);
        let full = rows.len() == PAGE;
        for row in &rows {
            match read(&row.0, &row.1) {
                Ok(row) => good.push(row),
                Err(what) => lost.push(format!("{} {}: {what}", tree.name(), key_text(row))),
            }
        }
        if let Some((key, _)) = rows.into_iter().next_back() {
            after = Some(key);
        }
        match stopped {
            Some(error) => {
                let from = after.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                lost.push(format!("{} after \"{from}\": {}", tree.name(), short(&error)));
                return good;
            }
            None if !full => return good,
            None => {}
        }
    }
}

fn key_text(row: &RawRow) -> String {
    format!("\"{}\"", row.0.escape_ascii())
}

fn decode<T: DeserializeOwned>(row: &[u8]) -> Result<T, String> {
    toystore_codec::decode(ROW_VERSION, row).map_err(|error| error.to_string())
}

fn name_of(key: &[u8]) -> Result<ProductName, String> {
    let name = std::str::from_utf8(key).ok().and_then(ProductName::new);
    name.ok_or_else(|| "its key is no product name".to_owned())
}
