//! What front ends, operators and the inspector say to the catalog, beside products and orders.

use serde::{Deserialize, Serialize};
use toystore_domain::{Books, OrderKey, ProductName, Version};
use toystore_replication::messages::Reservation;
use toystore_replication::view::{Proposal, ViewRefusal};
use toystore_replication::{ClusterId, ReplicaId, View};

use crate::Restocked;

/// Front end → catalog: let this replica lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Propose {
    /// The proposal.
    pub proposal: Proposal,
}

/// Catalog → front end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proposed {
    /// Durable.
    Accepted(View),
    /// The present leader answered the catalog: it stays.
    Kept(View),
    /// Not done; this is the view.
    Refused(ViewRefusal, Option<View>),
}

/// Operator → catalog: let this replica lead alone, whatever acknowledged orders it misses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForceLeader {
    /// Which replica.
    pub replica: ReplicaId,
}

/// Catalog → operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Forced {
    /// Durable.
    Done(View),
    /// The replica does not answer.
    Unreachable,
    /// There is no view yet.
    NoView,
}

/// Inspector → catalog: a page of everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportCatalog {
    /// Only products above this one.
    pub after_product: Option<ProductName>,
    /// Only reservations above this one.
    pub after_key: Option<OrderKey>,
}

/// Catalog → inspector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogPage {
    /// The cluster.
    pub cluster: ClusterId,
    /// The view.
    pub view: Option<View>,
    /// Products and their books.
    pub products: Vec<(ProductName, Books)>,
    /// Outstanding reservations.
    pub reservations: Vec<Reservation>,
    /// There are more of either.
    pub more: bool,
}

/// Inspector → catalog: a page of the ledger of restocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRestocks {
    /// Only rows above this product's at this version.
    pub after: Option<(ProductName, Version)>,
}

/// Catalog → inspector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestocksPage {
    /// The rows, in order of products and their versions.
    pub restocks: Vec<Restocked>,
    /// There are more.
    pub more: bool,
}
