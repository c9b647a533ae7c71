//! The public HTTP API, and the one internal endpoint: each path, its methods, its answers.

use std::future::Future;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use toystore_domain::api::{OrderBody as Order, OrderPlaced, ProductBody as Product};
use toystore_domain::{OrderKey, OrderNumber, Refusal};
use toystore_host::limits::{MAX_REQUESTS_UNDER_WAY, REQUEST_DEADLINE};
use toystore_host::ops::{self, Metrics};
use toystore_host::reject::{Rejected, allow, recover};
use toystore_host::reply::{Response, answer, data, refuse};
use toystore_host::{AdminToken, ClusterToken, body};
use warp::filters::BoxedFilter;
use warp::http::header::{CACHE_CONTROL, ETAG, HeaderName, HeaderValue, LOCATION};
use warp::http::{HeaderMap, StatusCode};
use warp::{Filter, Rejection};

use crate::desk::desk;
use crate::parts::Parts;
use crate::products::Found;
use crate::requests::{OrderBody, ProductBody};
use crate::{cluster, orders, reads, requests};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Places that customers never take: the catalog's invalidations get through any crowd.
const RESERVED: usize = 64;
const _: () = assert!(RESERVED < MAX_REQUESTS_UNDER_WAY);

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Shop {
    /// What requests are answered with.
    pub parts: Parts,
    /// What the store's own processes show each other.
    pub cluster_token: ClusterToken,
    /// What an administrator shows.
    pub admin_token: AdminToken,
    /// What is counted.
    pub metrics: Metrics,
}

/// Everything this process answers; it answers every request.
pub fn all(
    shop: &Shop,
) -> impl Filter<Extract = (Response,), Error = std::convert::Infallible> + Clone + use<> {
    let places = Arc::new(Semaphore::new(MAX_REQUESTS_UNDER_WAY - RESERVED));
    let public = Public { shop: shop.clone(), places };
    let leadership = shop.parts.relay.clone();
    let ready = move || leadership.leadership().known().ready();
    public
        .products()
        .or(public.orders())
        .unify()
        .or(public.cluster())
        .unify()
        .or(ops::routes(shop.metrics.clone(), ready))
        .unify()
        .or(desk(&shop.parts.products, shop.metrics.clone()).routes(shop.cluster_token.clone()))
        .unify()
        .recover(recover)
        .unify()
}

/// Puts the public routes together.
struct Public {
    shop: Shop,
    places: Arc<Semaphore>,
}

impl Public {
    fn products(&self) -> BoxedFilter<(Response,)> {
        let all = warp::path("products").and(warp::path::end()).boxed();
        let one = warp::path("products").and(warp::path::param()).and(warp::path::end()).boxed();
        let list = self.get("products", all.clone().and(query()).boxed(), list_products);
        let get = one.clone().and(warp::header::headers_cloned()).boxed();
        let get = self.get("product", get.map(pair).boxed(), get_product);
        let put = self.send("put_product", warp::put().boxed(), one.clone(), put_product);
        let others =
            allow(all, "GET").or(allow(one.map(|_: String| ()).untuple_one().boxed(), "GET, PUT"));
        get.or(put).unify().or(list).unify().or(others.unify()).unify().boxed()
    }

    fn orders(&self) -> BoxedFilter<(Response,)> {
        let all = warp::path("orders").and(warp::path::end()).boxed();
        let one = warp::path("orders").and(warp::path::param()).and(warp::path::end()).boxed();
        let list = self.get("orders", all.clone().and(query()).boxed(), list_orders);
        let get = self.get("order", one.clone(), get_order);
        let nothing = all.clone().map(String::new).boxed();
        let place = self.send("place_order", warp::post().boxed(), nothing, place_order);
        let others =
            allow(all, "GET, POST").or(allow(one.map(|_: String| ()).untuple_one().boxed(), "GET"));
        get.or(place).unify().or(list).unify().or(others.unify()).unify().boxed()
    }

    fn cluster(&self) -> BoxedFilter<(Response,)> {
        let path = warp::path("cluster").and(warp::path::end()).boxed();
        let get = self.get("cluster", path.clone().map(|| ()).boxed(), get_cluster);
        get.or(allow(path, "GET")).unify().boxed()
    }

    /// A route without a body: its handler gets what `asked` extracts.
    fn get<T, H, Fut>(
        &self,
        name: &'static str,
        asked: BoxedFilter<(T,)>,
        handler: H,
    ) -> BoxedFilter<(Response,)>
    where
        T: Send + 'static,
        H: Fn(Shop, T) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send,
    {
        let shop = self.shop.clone();
        asked
            .and(warp::get())
            .and(self.place())
            .then(move |asked, place| {
                let (shop, handler) = (shop.clone(), handler.clone());
                async move {
                    let _until_answered: OwnedSemaphorePermit = place;
                    let metrics = shop.metrics.clone();
                    metrics.measure(name, handler(shop, asked)).await
                }
            })
            .boxed()
    }

    /// A route with a JSON body: its handler gets the path's part, the headers and the body.
    fn send<B, H, Fut>(
        &self,
        name: &'static str,
        method: BoxedFilter<()>,
        path: BoxedFilter<(String,)>,
        handler: H,
    ) -> BoxedFilter<(Response,)>
    where
        B: DeserializeOwned + Send + 'static,
        H: Fn(Shop, String, HeaderMap, Result<B, Refusal>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send,
    {
        let shop = self.shop.clone();
        path.and(method)
            .and(self.place())
            .and(warp::header::headers_cloned())
            .and(body::json::<B>())
            .then(move |part, place, headers, body| {
                let (shop, handler) = (shop.clone(), handler.clone());
                async move {
                    let _until_answered: OwnedSemaphorePermit = place;
                    let metrics = shop.metrics.clone();
                    metrics.measure(name, handler(shop, part, headers, body)).await
                }
            })
            .boxed()
    }

    /// A place among the requests under way, taken before the body is read.
    fn place(&self) -> BoxedFilter<(OwnedSemaphorePermit,)> {
        let places = Arc::clone(&self.places);
        warp::any()
            .and_then(move || {
                let place = Arc::clone(&places).try_acquire_owned();
                async move { place.map_err(|_| busy()) }
            })
            .boxed()
    }
}

fn busy() -> Rejection {
    warp::reject::custom(Rejected(Refusal::Busy))
}

fn pair<A, B>(a: A, b: B) -> (A, B) {
    (a, b)
}

/// The query as it was sent; empty without one.
fn query() -> BoxedFilter<(String,)> {
    warp::query::raw().or(warp::any().map(String::new)).unify().boxed()
}

async fn get_product(shop: Shop, (segment, headers): (String, HeaderMap)) -> Response {
    let looked_up = async { shop.parts.products.look_up(&requests::name_in_path(&segment)?).await };
    let Found { product, hit } = match looked_up.await {
        Ok(found) => found,
        Err(refusal) => return refuse(&refusal),
    };
    let Some(product) = product else {
        return with_cache_status(refuse(&Refusal::ProductNotFound), hit);
    };
    let tag = format!("\"{}\"", product.version.0);
    let mut response = if requests::has_already(&headers, &tag) {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        data(StatusCode::OK, &Product::from(&product))
    };
    set(&mut response, ETAG, &tag);
    with_cache_status(response, hit)
}

/// Nobody on the way may keep what this process does not control: each read is validated here.
fn with_cache_status(mut response: Response, hit: bool) -> Response {
    let status = if hit { "toystore; hit" } else { "toystore; fwd=miss" };
    set(&mut response, CACHE_STATUS, status);
    set(&mut response, CACHE_CONTROL, "no-cache");
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

async fn list_products(shop: Shop, query: String) -> Response {
    let listed = async {
        let page = requests::products_page(&query)?;
        let products = shop.parts.products.list(page.after, page.limit).await?;
        Ok(products.iter().map(Product::from).collect::<Vec<_>>())
    };
    answer(listed.await)
}

async fn put_product(
    shop: Shop,
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
    shop: Shop,
    _: String,
    headers: HeaderMap,
    body: Result<OrderBody, Refusal>,
) -> Response {
    let deadline = Instant::now() + REQUEST_DEADLINE;
    let key = match requests::order_key(&headers) {
        Ok(key) => key,
        Err(refusal) => return refuse(&refusal),
    };
    let placed = place(&shop, key.clone(), body, deadline).await;
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

async fn get_order(shop: Shop, segment: String) -> Response {
    let deadline = Instant::now() + REQUEST_DEADLINE;
    let read = async {
        let number = requests::number_in_path(&segment)?;
        reads::read(&shop.parts.relay, number, deadline).await
    };
    answer(read.await.map(|order| Order::from(&order)))
}

async fn list_orders(shop: Shop, query: String) -> Response {
    let deadline = Instant::now() + REQUEST_DEADLINE;
    let listed = async {
        let page = requests::orders_page(&query)?;
        let orders = reads::list(&shop.parts.relay, page.after, page.limit, deadline).await?;
        Ok(orders.iter().map(Order::from).collect::<Vec<_>>())
    };
    answer(listed.await)
}

async fn get_cluster(shop: Shop, (): ()) -> Response {
    let cache = shop.parts.products.cache().map(AsRef::as_ref);
    let state =
        cluster::state(shop.parts.relay.peers(), shop.parts.relay.leadership(), cache).await;
    data(StatusCode::OK, &state)
}
