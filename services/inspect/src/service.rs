//! Asking a running service. Everything asked for is only read, so a call without an answer is
//! made again.

use tokio::runtime::Handle;
use tokio::time::Instant;
use toystore_authority::Restocked;
use toystore_authority::messages::{CatalogPage, ExportCatalog, ExportRestocks};
use toystore_domain::OrderNumber;
use toystore_host::limits::{CATALOG_CALL_TIMEOUT, REQUEST_DEADLINE};
use toystore_host::retry::Backoff;
use toystore_host::{Call, CallError, Caller};
use toystore_replication::View;
use toystore_replication::choice::Health;
use toystore_replication::messages::{ExportOrders, OrdersPage, ReadView, Status};

use crate::catalog::{Catalog, Rows};
use crate::orders::Orders;
use crate::source::{At, Source, Unreadable};

const NOT_FOUND: CallError = CallError::Refused(404);

/// A running service.
#[derive(Clone)]
pub struct Link {
    caller: Caller,
    runtime: Handle,
    at: At,
}

/// Finds out what answers there, and asks it for all but its log.
///
/// # Errors
/// It does not answer, or is neither a replica nor the catalog.
pub fn load(link: Link) -> Result<Source, Unreadable> {
    match link.ask(&Status) {
        Ok(health) => Ok(Source::Orders(Orders::at_service(link, &health))),
        Err(NOT_FOUND) => match link.catalog() {
            Ok(rows) => Ok(Source::Catalog(Catalog::at_service(link, rows))),
            Err(Unreadable::Call(at, NOT_FOUND)) => Err(Unreadable::Stranger(at)),
            Err(error) => Err(error),
        },
        Err(error) => Err(link.failed(error)),
    }
}

impl Link {
    /// The way to a service. Must not be used on a thread of the runtime's own.
    #[must_use]
    pub fn new(caller: Caller, runtime: Handle, at: &At) -> Self {
        Self { caller, runtime, at: at.clone() }
    }

    /// Where it listens.
    #[must_use]
    pub fn at(&self) -> &At {
        &self.at
    }

    /// A page of a replica's log.
    ///
    /// # Errors
    /// It does not answer.
    pub fn orders(&self, after: OrderNumber) -> Result<OrdersPage, Unreadable> {
        self.ask(&ExportOrders { after }).map_err(|error| self.failed(error))
    }

    /// Everything the catalog tells. Pages of a catalog at work may be of different moments.
    ///
    /// # Errors
    /// It does not answer.
    pub fn catalog(&self) -> Result<Rows, Unreadable> {
        let mut call = ExportCatalog { after_product: None, after_key: None };
        let mut rows = Rows::default();
        loop {
            let page: CatalogPage = self.ask(&call).map_err(|error| self.failed(error))?;
            if !goes_on(&rows, &page) {
                return Err(self.changed("a page that does not follow the one before it"));
            }
            let (products, reservations) = (page.products.len(), page.reservations.len());
            rows.cluster = Some(page.cluster);
            rows.view = page.view;
            rows.products.extend(page.products);
            rows.reservations.extend(page.reservations);
            if !page.more {
                rows.restocks = Some(self.ledger(&rows)?);
                return Ok(rows);
            }
            if products + reservations == 0 {
                return Err(self.changed("an empty page that is not the last"));
            }
            call.after_product = rows.products.last().map(|(name, _)| name.clone());
            call.after_key = rows.reservations.last().map(|row| row.purchase.key.clone());
        }
    }

    /// The ledger up to these products' versions: what was restocked since they were read is left
    /// out, so that both say the same of one moment of each product.
    fn ledger(&self, rows: &Rows) -> Result<Vec<Restocked>, Unreadable> {
        let mut call = ExportRestocks { after: None };
        let mut ledger = Vec::new();
        loop {
            let page = self.ask(&call).map_err(|error| self.failed(error))?;
            if page.more && page.restocks.is_empty() {
                return Err(self.changed("an empty page that is not the last"));
            }
            for row in page.restocks {
                let place = (row.product.clone(), row.version);
                if call.after.as_ref().is_some_and(|after| *after >= place) {
                    return Err(self.changed("a page that does not follow the one before it"));
                }
                call.after = Some(place);
                let known = rows.books(&row.product);
                if known.is_some_and(|books| row.version <= books.version) {
                    ledger.push(row);
                }
            }
            if !page.more {
                return Ok(ledger);
            }
        }
    }

    /// The view, of the catalog.
    ///
    /// # Errors
    /// It does not answer.
    pub fn view(&self) -> Result<Option<View>, Unreadable> {
        self.ask(&ReadView).map_err(|error| self.failed(error))
    }

    /// How a replica is.
    ///
    /// # Errors
    /// It does not answer.
    pub fn health(&self) -> Result<Health, Unreadable> {
        self.ask(&Status).map_err(|error| self.failed(error))
    }

    /// What it said first no longer holds.
    #[must_use]
    pub fn changed(&self, what: &'static str) -> Unreadable {
        Unreadable::Changed(self.at.clone(), what)
    }

    fn failed(&self, error: CallError) -> Unreadable {
        Unreadable::Call(self.at.clone(), error)
    }

    fn ask<C: Call>(&self, call: &C) -> Result<C::Reply, CallError> {
        self.runtime.block_on(async {
            let mut backoff = Backoff::until(Instant::now() + REQUEST_DEADLINE);
            loop {
                match self.caller.call(&self.at.address, call, CATALOG_CALL_TIMEOUT).await {
                    Err(CallError::Unknown | CallError::Refused(503)) if backoff.pause().await => {}
                    answer => return answer,
                }
            }
        })
    }
}

/// Whether a page ends after those before it: one that does not would be read for ever.
fn goes_on(rows: &Rows, page: &CatalogPage) -> bool {
    let products = [&page.products, &rows.products].map(|rows| rows.last().map(|(name, _)| name));
    let keys = [&page.reservations, &rows.reservations];
    let keys = keys.map(|rows| rows.last().map(|row| &row.purchase.key));
    (products[0].is_none() || products[0] > products[1]) && (keys[0].is_none() || keys[0] > keys[1])
}
