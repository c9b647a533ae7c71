//! Products: looked up in the cache or at the catalog, listed and changed at the catalog.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use toystore_coherence::messages::{ListProducts, LookUp, LookedUp, Put, PutProduct};
use toystore_domain::{Product, ProductName, Refusal};
use toystore_host::limits::{CALL_TIMEOUT, CATALOG_CALL_TIMEOUT};
use toystore_host::retry::Backoff;
use toystore_host::{Call, CallError};

use crate::cache::{Fill, Looked, ProductCache};
use crate::page::Page;
use crate::peers::Peers;
use crate::relay::left;

/// How long a read waits for a catalog that does not answer: longer than it takes to restart.
const PATIENCE: Duration = CATALOG_CALL_TIMEOUT;

/// A product, and where the answer comes from.
#[derive(Clone, Debug)]
pub struct Found {
    /// The product's page; none when there is none of this name.
    pub page: Option<Page>,
    /// Whether it came from the cache.
    pub hit: bool,
}

/// The products. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Products {
    peers: Peers,
    cache: Option<Arc<ProductCache>>,
}

impl Products {
    /// Products of the catalog among `peers`, cached if there is a cache.
    #[must_use]
    pub fn new(peers: Peers, cache: Option<Arc<ProductCache>>) -> Self {
        Self { peers, cache }
    }

    /// The cache, if there is one.
    #[must_use]
    pub fn cache(&self) -> Option<&Arc<ProductCache>> {
        self.cache.as_ref()
    }

    /// Looks a product up.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when it is not in the cache and the catalog does not answer.
    pub async fn look_up(&self, name: &ProductName) -> Result<Found, Refusal> {
        // Most are answered here, before anything is made ready for waiting.
        if let Some(page) = self.cache.as_ref().and_then(|cache| cache.hit(name)) {
            return Ok(Found { page, hit: true });
        }
        let deadline = Instant::now() + PATIENCE;
        let mut backoff = Backoff::until(deadline);
        loop {
            let tried = timeout_at(deadline, self.try_look_up(name)).await;
            match tried {
                Ok(Ok(found)) => return Ok(found),
                Ok(Err(_)) if backoff.pause().await => {}
                Ok(Err(_)) | Err(_) => return Err(no_catalog()),
            }
        }
    }

    async fn try_look_up(&self, name: &ProductName) -> Result<Found, CallError> {
        let looked = match &self.cache {
            Some(cache) => cache.look(name).await,
            None => Looked::Bypass,
        };
        let fill = match looked {
            Looked::Hit(page) => return Ok(Found { page, hit: true }),
            Looked::Miss(fill) => Some(fill),
            Looked::Bypass => None,
        };
        let look_up = LookUp { name: name.clone(), session: fill.as_ref().map(Fill::session) };
        let asked = self.peers.catalog(&look_up, CALL_TIMEOUT).await;
        let LookedUp { product, cacheable } = match asked {
            Ok(looked_up) => looked_up,
            Err(error) => {
                fill.into_iter().for_each(Fill::abandon);
                return Err(error);
            }
        };
        let page = product.map(Page::of);
        if let Some(fill) = fill {
            fill.complete(page.clone(), cacheable);
        }
        Ok(Found { page, hit: false })
    }

    /// Lists up to `limit` products by name, above `after`.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] when the catalog does not answer.
    pub async fn list(
        &self,
        after: Option<ProductName>,
        limit: u32,
    ) -> Result<Vec<Product>, Refusal> {
        let deadline = Instant::now() + PATIENCE;
        self.ask(&ListProducts { after, limit }, deadline, |_| true).await
    }

    /// An administrator changes or creates a product.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] when a new product lacks its price or its stock;
    /// [`Refusal::Unavailable`] when nothing was done; [`Refusal::ChangeUnknown`].
    pub async fn put(&self, put: PutProduct, deadline: Instant) -> Result<Product, Refusal> {
        // Repeated after an unknown outcome it could undo somebody's change in between.
        match self.ask(&put, deadline, CallError::certainly_not_done).await? {
            Put::Done(product) => Ok(product),
            Put::Incomplete => {
                let needs = "a new product needs both a price and a quantity";
                Err(Refusal::Malformed(needs.to_owned()))
            }
        }
    }

    /// Asks the catalog, again after failures that `may_repeat`.
    async fn ask<C: Call>(
        &self,
        call: &C,
        deadline: Instant,
        may_repeat: impl Fn(&CallError) -> bool,
    ) -> Result<C::Reply, Refusal> {
        let mut backoff = Backoff::until(deadline);
        loop {
            let timeout = CATALOG_CALL_TIMEOUT.min(left(deadline));
            match self.peers.catalog(call, timeout).await {
                Ok(reply) => return Ok(reply),
                Err(error) if !may_repeat(&error) => return Err(Refusal::ChangeUnknown),
                Err(_) if backoff.pause().await => {}
                Err(_) => return Err(no_catalog()),
            }
        }
    }
}

fn no_catalog() -> Refusal {
    Refusal::Unavailable("the catalog does not answer".to_owned())
}
