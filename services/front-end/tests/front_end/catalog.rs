//! A stand-in for the catalog: the real rules for views and leases, and a gate for look-ups.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};
use toystore_authority::messages::{Propose, Proposed};
use toystore_coherence::messages::{
    Invalidate, ListProducts, LookUp, LookedUp, Put, PutProduct, ReadRestocks, RenewLease, Restocks,
};
use toystore_coherence::{SessionId, grants::Grants};
use toystore_domain::{Cents, Product, ProductName, Refusal, Version};
use toystore_host::ambient::boot_millis;
use toystore_host::desk::route;
use toystore_host::reject::recover;
use toystore_host::{Address, Caller};
use toystore_replication::messages::ReadView;
use toystore_replication::view::{Proposal, ViewRefusal};
use toystore_replication::{ClusterId, View};
use warp::Filter;

use crate::store::{PATIENCE, Running, Shared, cluster_token};

/// Look-ups wait here with the answer they read, and changes with what they have done.
#[derive(Clone)]
pub struct Gate {
    pub arrived: Arc<Notify>,
    pub open: Arc<Semaphore>,
}

pub struct State {
    pub products: BTreeMap<ProductName, Product>,
    pub cacheable: bool,
    pub grants: Option<Grants>,
    pub view: Option<View>,
    /// The leader answers the catalog: nobody may depose it.
    pub keeps: bool,
    pub proposals: Vec<Proposal>,
    pub look_ups: usize,
    pub restocks: Restocks,
    /// How often somebody asked for them.
    pub restock_looks: usize,
    pub gate: Option<Gate>,
}

pub struct Catalog {
    pub state: Shared<State>,
    pub server: Running,
}

pub fn name(text: &str) -> ProductName {
    ProductName::new(text).unwrap()
}

fn toys() -> BTreeMap<ProductName, Product> {
    let toy = |(text, cents)| {
        let (name, price) = (name(text), Cents::new(cents).unwrap());
        (name.clone(), Product { name, price, stock: 100, version: Version(7) })
    };
    [("Connect Four", 1999), ("Tux", 2599), ("Uno", 3599)].into_iter().map(toy).collect()
}

impl Catalog {
    pub async fn start(lease_ms: u64) -> Self {
        let state = Shared::new(State {
            products: toys(),
            cacheable: true,
            grants: Some(Grants::new(lease_ms, SessionId(1), 0, 10, boot_millis())),
            view: None,
            keeps: false,
            proposals: Vec::new(),
            look_ups: 0,
            restocks: Restocks {
                interval_ms: 10_000,
                next_in_ms: 4_000,
                sold_out: 1,
                restocked: 2,
                latest: vec![(name("Tux"), 100), (name("Uno"), 100)],
            },
            restock_looks: 0,
            gate: None,
        });
        let server = Running::start(routes(&state)).await;
        Self { state, server }
    }

    /// Changes the stock as the real one does: tells every lease holder first.
    pub async fn change(&self, front_end: &Address, toy: &str, stock: u64) {
        let version = self.state.lock().products[&name(toy)].version.next();
        let products = vec![(name(toy), version)];
        let invalidate = Invalidate { session: SessionId(1), products };
        let caller = Caller::new(cluster_token()).unwrap();
        caller.call(front_end, &invalidate, PATIENCE).await.unwrap();
        let mut state = self.state.lock();
        let product = state.products.get_mut(&name(toy)).unwrap();
        (product.stock, product.version) = (stock, version);
    }

    /// From now on look-ups and changes wait.
    pub fn close_gate(&self) -> Gate {
        let gate = Gate { arrived: Arc::default(), open: Arc::new(Semaphore::new(0)) };
        self.state.lock().gate = Some(gate.clone());
        gate
    }
}

/// What a route's handler borrows from the state, for as long as it does not wait.
fn handler<C, R>(
    state: &Shared<State>,
    act: fn(&mut State, C) -> Result<R, Refusal>,
) -> impl Fn(C) -> std::future::Ready<Result<R, Refusal>> + Clone + use<C, R> {
    let state = state.clone();
    move |call| std::future::ready(act(&mut state.lock(), call))
}

fn routes(
    state: &Shared<State>,
) -> impl Filter<Extract = (toystore_host::reply::Response,), Error = std::convert::Infallible>
+ Clone
+ use<> {
    let looking = state.clone();
    let look_up = route(cluster_token(), move |call: LookUp| {
        let state = looking.clone();
        async move {
            let (looked_up, gate) = {
                let mut state = state.lock();
                state.look_ups += 1;
                let product = state.products.get(&call.name).cloned();
                (LookedUp { product, cacheable: state.cacheable }, state.gate.clone())
            };
            pass(gate).await;
            Ok(looked_up)
        }
    });
    let putting = state.clone();
    let put = route(cluster_token(), move |call: PutProduct| {
        let state = putting.clone();
        async move {
            let (done, gate) = {
                let mut state = state.lock();
                (put(&mut state, call), state.gate.clone())
            };
            pass(gate).await;
            done
        }
    });
    let token = cluster_token;
    look_up
        .or(route(token(), handler(state, |state, call: ListProducts| Ok(list(state, &call)))))
        .unify()
        .or(put)
        .unify()
        .or(route(token(), handler(state, renew)))
        .unify()
        .or(route(token(), handler(state, |state, _: ReadView| Ok(state.view.clone()))))
        .unify()
        .or(route(token(), handler(state, restocks)))
        .unify()
        .or(route(token(), handler(state, |state, call: Propose| Ok(propose(state, call)))))
        .unify()
        .recover(recover)
        .unify()
}

async fn pass(gate: Option<Gate>) {
    if let Some(gate) = gate {
        gate.arrived.notify_one();
        gate.open.acquire().await.unwrap().forget();
    }
}

fn list(state: &State, call: &ListProducts) -> Vec<Product> {
    let above = |product: &&Product| call.after.as_ref().is_none_or(|after| product.name > *after);
    state.products.values().filter(above).take(call.limit as usize).cloned().collect()
}

fn put(state: &mut State, call: PutProduct) -> Result<Put, Refusal> {
    let new = || {
        let (price, stock) = (call.price?, call.stock?);
        Some(Product { name: call.name.clone(), price, stock, version: Version(0) })
    };
    let Some(mut product) = state.products.get(&call.name).cloned().or_else(new) else {
        return Ok(Put::Incomplete);
    };
    product.price = call.price.unwrap_or(product.price);
    product.stock = call.stock.unwrap_or(product.stock);
    product.version = product.version.next();
    state.products.insert(call.name, product.clone());
    Ok(Put::Done(product))
}

fn renew(
    state: &mut State,
    call: RenewLease,
) -> Result<toystore_coherence::messages::Granted, Refusal> {
    let grants = state.grants.as_mut().ok_or(Refusal::Busy)?;
    Ok(grants.renew(&call.address, call.session, boot_millis()))
}

fn restocks(state: &mut State, _: ReadRestocks) -> Result<Restocks, Refusal> {
    state.restock_looks += 1;
    Ok(state.restocks.clone())
}

fn propose(state: &mut State, call: Propose) -> Proposed {
    state.proposals.push(call.proposal.clone());
    if let Some(view) = state.view.clone().filter(|_| state.keeps) {
        return Proposed::Kept(view);
    }
    let elected: Result<View, ViewRefusal> = match &state.view {
        Some(view) => view.elect(&call.proposal),
        None => View::first(ClusterId(1), &call.proposal),
    };
    match elected {
        Ok(view) => {
            state.view = Some(view.clone());
            Proposed::Accepted(view)
        }
        Err(refusal) => Proposed::Refused(refusal, state.view.clone()),
    }
}
