//! The public HTTP API, and the one internal endpoint: each path, its methods, its answers.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use toystore_domain::api::{OrderBody as Order, OrderPlaced, ProductBody as Product};
use toystore_domain::{OrderKey, OrderNumber, Refusal};
use toystore_host::limits::{MAX_REQUESTS_UNDER_WAY, REQUEST_DEADLINE};
use toystore_host::ops::{self, Metrics};
use toystore_host::readiness::Check;
use toystore_host::reject::{Rejected, allow};
use toystore_host::reply::{Response, answer, data, refuse};
use toystore_host::{AdminToken, ClusterToken, body};
use warp::filters::BoxedFilter;
use warp::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, LOCATION};
use warp::http::{HeaderMap, StatusCode};
use warp::{Filter, Rejection};

use crate::console::Console;
use crate::desk::desk;
use crate::leader::Reach;
use crate::parts::Parts;
use crate::products::Found;
use crate::requests::{OrderBody, ProductBody};
use crate::{cluster, openapi, orders, reads, requests, web};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const CACHE_HIT: HeaderValue = HeaderValue::from_static("toystore; hit");
const CACHE_MISS: HeaderValue = HeaderValue::from_static("toystore; fwd=miss");
/// Nobody on the way may keep what this process does not control: each read is validated here.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Places that customers never take: the catalog's invalidations get through any crowd.
const RESERVED: usize = 64;
const _: () = assert!(RESERVED < MAX_REQUESTS_UNDER_WAY);

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Shop {
    /// What requests are answered with.
    pub parts: Parts,
    /// What those who watch are told.
    pub console: Console,
    /// What the store's own processes show each other.
    pub cluster_token: ClusterToken,
    /// What an administrator shows.
    pub admin_token: AdminToken,
    /// What is counted.
    pub metrics: Metrics,
}

/// Everything this process answers; it answers every request.
pub fn all(shop: &Shop) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + use<> {
    let places = Arc::new(Semaphore::new(MAX_REQUESTS_UNDER_WAY - RESERVED));
    let public = Public { shop: Arc::new(shop.clone()), places };
    let leadership = shop.parts.relay.clone();
    let ready = move || leadership.leadership().known().ready();
    let (parts, recover) = (shop.parts.clone(), shop.metrics.recover());
    let checks = move || checks(&parts);
    public
        .products()
        .or(public.orders())
        .unify()
        .or(public.cluster())
        .unify()
        .or(public.openapi())
        .unify()
        .or(ops::routes(shop.metrics.clone(), ready, checks))
        .unify()
        .or(desk(&shop.parts.products, shop.metrics.clone()).routes(shop.cluster_token.clone()))
        .unify()
        .or(web::routes(&shop.console, &shop.metrics))
        .unify()
        .recover(recover)
        .unify()
}

/// What a front end needs for all its work, one by one.
fn checks(parts: &Parts) -> Vec<Check> {
    let known = parts.relay.leadership().known();
    let catalog = if known.catalog { Ok("it answers") } else { Err("it does not answer") };
    let leader = match (&known.view, known.reach) {
        (Some(view), Reach::Direct) => Ok(format!("replica {} leads", view.leader.id)),
        (Some(view), Reach::Detour) => {
            Ok(format!("replica {} leads, reached through a follower", view.leader.id))
        }
        (Some(view), Reach::Nobody) => Err(format!("replica {} cannot lead", view.leader.id)),
        (None, _) => Err("no leader is known yet".to_owned()),
    };
    let cache = match parts.products.cache() {
        Some(cache) if cache.valid_session().is_some() => Ok("it has its lease"),
        Some(_) => Err("it has no lease, so the catalog is asked each time"),
        None => Ok("it is switched off"),
    };
    vec![
        Check::of("catalog", catalog.map(str::to_owned).map_err(str::to_owned)),
        Check::of("leader", leader),
        Check::of("orders", known.ready().map(|()| "they can be placed".to_owned())),
        Check::of("cache", cache.map(str::to_owned).map_err(str::to_owned)),
    ]
}

/// Puts the public routes together.
struct Public {
    shop: Arc<Shop>,
    places: Arc<Semaphore>,
}

impl Public {
    /// The first part of a path is compared once, for all routes behind it; those that are asked
    /// for most come first.
    fn products(&self) -> BoxedFilter<(Response,)> {
        let all = warp::path::end;
        let one = || warp::path::param().and(warp::path::end());
        let get = one().and(warp::header::headers_cloned()).map(pair);
        let get = self.get("product", get, get_product);
        let put = self.send("put_product", warp::put(), one(), put_product);
        let list = self.get("products", all().and(query()), list_products);
        let others = allow(all().boxed(), "GET")
            .or(allow(one().map(|_: String| ()).untuple_one().boxed(), "GET, PUT"))
            .unify();
        let routes = get.or(put).unify().or(list).unify().or(others).unify();
        warp::path("products").and(routes).boxed()
    }

    fn orders(&self) -> BoxedFilter<(Response,)> {
        let all = warp::path::end;
        let one = || warp::path::param().and(warp::path::end());
        let place = all().map(String::new);
        let place = self.send("place_order", warp::post(), place, place_order);
        let get = self.get("order", one(), get_order);
        let list = self.get("orders", all().and(query()), list_orders);
        let others = allow(all().boxed(), "GET, POST")
            .or(allow(one().map(|_: String| ()).untuple_one().boxed(), "GET"))
            .unify();
        let routes = place.or(get).unify().or(list).unify().or(others).unify();
        warp::path("orders").and(routes).boxed()
    }

    fn cluster(&self) -> BoxedFilter<(Response,)> {
        let get = self.get("cluster", warp::path::end().map(|| ()), get_cluster);
        warp::path("cluster").and(get.or(allow(warp::path::end().boxed(), "GET")).unify()).boxed()
    }

    fn openapi(&self) -> BoxedFilter<(Response,)> {
        let document = Arc::new(openapi::document());
        let asked = warp::path::end().and(warp::header::headers_cloned());
        let get = self
            .get("openapi", asked, move |_, headers| std::future::ready(document.reply(&headers)));
        let others = allow(warp::path::end().boxed(), "GET");
        warp::path("openapi.json").and(get.or(others).unify()).boxed()
    }

    /// A route without a body: its handler gets what `asked` extracts.
    fn get<T, H, Fut>(
        &self,
        name: &'static str,
        asked: impl Filter<Extract = (T,), Error = Rejection> + Clone + Send + Sync + 'static,
        handler: H,
    ) -> BoxedFilter<(Response,)>
    where
        T: Send + 'static,
        H: Fn(Arc<Shop>, T) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send,
    {
        let (shop, metrics) = (Arc::clone(&self.shop), self.shop.metrics.route(name));
        asked
            .and(warp::get())
            .and(self.place())
            .then(move |asked, place| {
                let (answering, metrics) = (handler(Arc::clone(&shop), asked), metrics.clone());
                async move {
                    let _until_answered: OwnedSemaphorePermit = place;
                    metrics.measure(answering).await
                }
            })
            .boxed()
    }

    /// A route with a JSON body: its handler gets the path's part, the headers and the body.
    fn send<B, H, Fut>(
        &self,
        name: &'static str,
        method: impl Filter<Extract = (), Error = Rejection> + Copy + Send + Sync + 'static,
        path: impl Filter<Extract = (String,), Error = Rejection> + Clone + Send + Sync + 'static,
        handler: H,
    ) -> BoxedFilter<(Response,)>
    where
        B: DeserializeOwned + Send + 'static,
        H: Fn(Arc<Shop>, String, HeaderMap, Result<B, Refusal>) -> Fut
            + Clone
            + Send
            + Sync
            + 'static,
        Fut: Future<Output = Response> + Send,
    {
        let (shop, metrics) = (Arc::clone(&self.shop), self.shop.metrics.route(name));
        path.and(method)
            .and(self.place())
            .and(warp::header::headers_cloned())
            .and(body::json::<B>())
            .then(move |part, place, headers, body| {
                let answering = handler(Arc::clone(&shop), part, headers, body);
                let metrics = metrics.clone();
                async move {
                    let _until_answered: OwnedSemaphorePermit = place;
                    metrics.measure(answering).await
                }
            })
            .boxed()
    }

    /// A place among the requests under way, taken before the body is read.
    fn place(
        &self,
    ) -> impl Filter<Extract = (OwnedSemaphorePermit,), Error = Rejection> + Clone + use<> {
        let places = Arc::clone(&self.places);
        warp::any().and_then(move || {
            let place = Arc::clone(&places).try_acquire_owned();
            std::future::ready(place.map_err(|_| busy()))
        })
    }
}

fn busy() -> Rejection {
    warp::reject::custom(Rejected(Refusal::Busy))
}

fn pair<A, B>(a: A, b: B) -> (A, B) {
    (a, b)
}

/// The query as it was sent; empty without one.
fn query() -> impl Filter<Extract = (String,), Error = Infallible> + Copy {
    warp::query::raw().or(warp::any().map(String::new)).unify()
}

async fn get_product(shop: Arc<Shop>, (segment, headers): (String, HeaderMap)) -> Response {
    let looked_up = async { shop.parts.products.look_up(&requests::name_in_path(&segment)?).await };
    let Found { page, hit } = match looked_up.await {
        Ok(found) => found,
        Err(refusal) => return refuse(&refusal),
    };
    let mut response = match page {
        Some(page) => page.reply(&headers),
        None => refuse(&Refusal::ProductNotFound),
    };
    let status = if hit { CACHE_HIT } else { CACHE_MISS };
    response.headers_mut().insert(CACHE_STATUS, status);
    response.headers_mut().insert(CACHE_CONTROL, NO_CACHE);
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

async fn list_products(shop: Arc<Shop>, query: String) -> Response {
    let listed = async {
        let page = requests::products_page(&query)?;
        let products = shop.parts.products.list(page.after, page.limit).await?;
        Ok(products.iter().map(Product::from).collect::<Vec<_>>())
    };
    answer(listed.await)
}

async fn put_product(
    shop: Arc<Shop>,
    segment: String,
    headers: HeaderMap,
    body: Result<ProductBody, Refusal>,
) -> Response {
    let deadline = Instant::now() + REQUEST_DEADLINE;
    let put = async {
        shop.admin_token.check(&headers)?;
        let name = requests::name_in_path(&segment)?;
        shop.parts.products.put(body?.change(name)?, deadline).await
    };
    answer(put.await.map(|product| Product::from(&product)))
}

async fn place_order(
    shop: Arc<Shop>,
    _: String,
    headers: HeaderMap,
    body: Result<OrderBody, Refusal>,
) -> Response {
    let key = match requests::order_key(&headers) {
        Ok(key) => key,
        Err(refusal) => return refuse(&refusal),
    };
    let begun = Instant::now();
    let placed = place(&shop, key.clone(), body, begun + REQUEST_DEADLINE).await;
    placed.iter().for_each(|_| shop.console.pace().note(begun.elapsed()));
    let mut response = answer(placed.clone().map(OrderPlaced::from));
    if let Ok(number) = placed {
        set(&mut response, LOCATION, &format!("/orders/{number}"));
    }
    set(&mut response, IDEMPOTENCY_KEY, key.as_str());
    response
}

async fn place(
    shop: &Shop,
    key: OrderKey,
    body: Result<OrderBody, Refusal>,
    deadline: Instant,
) -> Result<OrderNumber, Refusal> {
    orders::place(&shop.parts.relay, body?.purchase(key)?, deadline).await
}

async fn get_order(shop: Arc<Shop>, segment: String) -> Response {
    let deadline = Instant::now() + REQUEST_DEADLINE;
    let read = async {
        let number = requests::number_in_path(&segment)?;
        reads::read(&shop.parts.relay, number, deadline).await
    };
    answer(read.await.map(|order| Order::from(&order)))
}

async fn list_orders(shop: Arc<Shop>, query: String) -> Response {
    let deadline = Instant::now() + REQUEST_DEADLINE;
    let listed = async {
        let page = requests::orders_page(&query)?;
        let orders = reads::list(&shop.parts.relay, page.after, page.limit, deadline).await?;
        Ok(orders.iter().map(Order::from).collect::<Vec<_>>())
    };
    answer(listed.await)
}

async fn get_cluster(shop: Arc<Shop>, (): ()) -> Response {
    let cache = shop.parts.products.cache().map(AsRef::as_ref);
    let state =
        cluster::state(shop.parts.relay.peers(), shop.parts.relay.leadership(), cache).await;
    data(StatusCode::OK, &state)
}
