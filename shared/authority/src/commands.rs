//! Everything that can be asked of the catalog in a transaction, and its dispatch.
//!
//! Any number of commands may share one transaction: each sees what those before it did, and each
//! either does its whole work or refuses without a change.

use std::collections::BTreeSet;

use toystore_domain::{Product, ProductName};
use toystore_replication::messages::{
    Changed, ListReservations, Reservations, Transact, Transacted,
};
use toystore_replication::view::{MemberChange, Proposal};
use toystore_replication::{Member, View};

use toystore_coherence::messages::{Put, PutProduct};

use crate::messages::{CatalogPage, ExportCatalog, ExportRestocks, Proposed, RestocksPage};
use crate::{Failed, Restocked, Transaction, products, transact, views};

/// Rows of each kind in one page of an export.
const EXPORT_PAGE: usize = 500;

/// A command.
#[derive(Clone, Debug)]
pub enum Command {
    /// A leader's transaction.
    Transact(Transact),
    /// A leader that takes over lists reservations.
    ListReservations(ListReservations),
    /// A leader changes the in-sync set.
    ChangeMembers(MemberChange),
    /// A front end proposes a leader.
    Propose(Proposal),
    /// An operator makes this replica lead alone.
    Force(Member),
    /// An administrator changes a product.
    Put(PutProduct),
    /// Restock at most so many sold-out products.
    Restock(usize),
    /// A page of products and reservations.
    Export(ExportCatalog),
    /// A page of the ledger.
    ExportRestocks(ExportRestocks),
}

/// The outcome of the command of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Of a leader's transaction.
    Transacted(Transacted),
    /// Of a listing of reservations.
    Reservations(Reservations),
    /// Of a change of members.
    Changed(Changed),
    /// Of a proposal.
    Proposed(Proposed),
    /// Of an unclean choice; none before the first view.
    Forced(Option<View>),
    /// Of an administrator's change.
    Put(Put),
    /// Of restocking.
    Restocked(Vec<Restocked>),
    /// Of an export.
    Exported(CatalogPage),
    /// Of an export of the ledger.
    ExportedRestocks(RestocksPage),
}

/// Runs one command; adds the products that customers will see changed to `changed`.
///
/// # Errors
/// [`Failed`] when the process must end.
pub fn execute(
    tx: &mut impl Transaction,
    command: &Command,
    changed: &mut BTreeSet<ProductName>,
) -> Result<Outcome, Failed> {
    Ok(match command {
        Command::Transact(request) => {
            Outcome::Transacted(transact::transact(tx, request, changed)?)
        }
        Command::ListReservations(request) => {
            Outcome::Reservations(transact::list_reservations(tx, request)?)
        }
        Command::ChangeMembers(change) => Outcome::Changed(views::change(tx, change)?),
        Command::Propose(proposal) => Outcome::Proposed(views::propose(tx, proposal)?),
        Command::Force(leader) => Outcome::Forced(views::force(tx, *leader)?),
        Command::Put(put) => Outcome::Put(put_product(tx, put, changed)?),
        Command::Restock(limit) => Outcome::Restocked(products::restock(tx, *limit, changed)?),
        Command::Export(export) => Outcome::Exported(page(tx, export)?),
        Command::ExportRestocks(export) => Outcome::ExportedRestocks(ledger(tx, export)?),
    })
}

fn put_product(
    tx: &mut impl Transaction,
    put: &PutProduct,
    changed: &mut BTreeSet<ProductName>,
) -> Result<Put, Failed> {
    let books = products::put(tx, &put.name, put.price, put.stock, changed)?;
    let product: Option<Product> = books.map(|books| books.product(&put.name));
    Ok(product.map_or(Put::Incomplete, Put::Done))
}

fn page(tx: &impl Transaction, export: &ExportCatalog) -> Result<CatalogPage, Failed> {
    let products = tx.products(export.after_product.as_ref(), EXPORT_PAGE)?;
    let reservations = tx.reservations(export.after_key.as_ref(), EXPORT_PAGE)?;
    let more = products.len() == EXPORT_PAGE || reservations.len() == EXPORT_PAGE;
    Ok(CatalogPage { cluster: tx.cluster()?, view: tx.view()?, products, reservations, more })
}

fn ledger(tx: &impl Transaction, export: &ExportRestocks) -> Result<RestocksPage, Failed> {
    let after = export.after.as_ref().map(|(name, version)| (name, *version));
    let restocks = tx.restocks(after, EXPORT_PAGE)?;
    let more = restocks.len() == EXPORT_PAGE;
    Ok(RestocksPage { restocks, more })
}
