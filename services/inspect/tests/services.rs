//! Running services: stand-ins that answer the inspector's calls over real connections.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::{CLUSTER, Ran, Shop, inspect, log, member, name};
use tokio::net::TcpListener;
use toystore_authority::messages::{CatalogPage, ExportCatalog, ExportRestocks, RestocksPage};
use toystore_domain::{Books, Cents, OrderNumber, ProductName, stock};
use toystore_host::desk::route;
use toystore_host::reject::recover;
use toystore_host::reply::Response;
use toystore_host::{ClusterToken, ServeOptions, Shutdown, Trigger, serve};
use toystore_replication::choice::{Health, RoleName};
use toystore_replication::messages::{ExportOrders, OrdersPage, ReadView, Status};
use toystore_replication::{Entry, Epoch, Member, Revision, StoreId, View};
use warp::Filter;
use warp::filters::BoxedFilter;

const TOKEN: &str = "0123456789abcdef";

fn token() -> ClusterToken {
    ClusterToken::new(TOKEN).unwrap()
}

/// A service that runs until this is dropped.
struct Standin {
    at: SocketAddr,
    _trigger: Trigger,
}

impl Standin {
    async fn start(routes: BoxedFilter<(Response,)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (trigger, shutdown) = Shutdown::manual();
        let routes = routes.recover(recover).unify();
        tokio::spawn(serve(listener, routes, ServeOptions::default(), shutdown));
        Self { at, _trigger: trigger }
    }

    fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// A replica with this log, in pages of seven.
    async fn replica(id: u8, log: Vec<Entry>, committed: u64) -> Self {
        Self::with_role(id, log, committed, RoleName::Follower).await
    }

    /// The same, as the leader of the catalog's view.
    async fn leader(id: u8, log: Vec<Entry>, committed: u64) -> Self {
        Self::with_role(id, log, committed, RoleName::Leader).await
    }

    async fn with_role(id: u8, log: Vec<Entry>, committed: u64, role: RoleName) -> Self {
        let member = member_of(id);
        let last = log.last().unwrap().position();
        let commit = OrderNumber(committed);
        let health = Health {
            member,
            cluster: Some(CLUSTER),
            promise: Epoch(2),
            mark: Epoch(2),
            last,
            commit,
            role,
            stuck: false,
            view: Some(view()),
        };
        let status = route(token(), move |_: Status| {
            let health = health.clone();
            async { Ok(health) }
        });
        let log = Arc::new(log);
        let export = route(token(), move |ExportOrders { after }: ExportOrders| {
            let rest = &log[(after.0 as usize).min(log.len())..];
            let entries: Vec<_> = rest.iter().take(7).cloned().collect();
            let more = rest.len() > entries.len();
            async move { Ok(OrdersPage { member, commit, entries, more }) }
        });
        Self::start(status.or(export).unify().boxed()).await
    }

    /// A leader that places the last orders when its log is asked for.
    async fn leader_at_work(log: Vec<Entry>, placed: Arc<AtomicBool>) -> Self {
        let (member, commit) = (member_of(2), OrderNumber(log.len() as u64));
        let health = Health {
            member,
            cluster: Some(CLUSTER),
            promise: Epoch(2),
            mark: Epoch(2),
            last: log.last().unwrap().position(),
            commit,
            role: RoleName::Leader,
            stuck: false,
            view: Some(view()),
        };
        let status = route(token(), move |_: Status| {
            let health = health.clone();
            async { Ok(health) }
        });
        let export = route(token(), move |ExportOrders { after }: ExportOrders| {
            placed.store(true, Ordering::Relaxed);
            let entries = log[(after.0 as usize).min(log.len())..].to_vec();
            async move { Ok(OrdersPage { member, commit, entries, more: false }) }
        });
        Self::start(status.or(export).unify().boxed()).await
    }

    /// The catalog after the first so many orders, and after all of them once they are placed.
    async fn catalog_at_work(log: &[Entry], first: usize, placed: Arc<AtomicBool>) -> Self {
        let (early, late) = (Self::books_after(&log[..first]), Self::books_after(log));
        let export = route(token(), move |_: ExportCatalog| {
            let products =
                if placed.load(Ordering::Relaxed) { late.clone() } else { early.clone() };
            let (view, reservations) = (Some(view()), Vec::new());
            async move {
                Ok(CatalogPage { cluster: CLUSTER, view, products, reservations, more: false })
            }
        });
        Self::start(Self::beside(export)).await
    }

    /// What a catalog answers beside its products: no restocks, and the view.
    fn beside(export: BoxedFilter<(Response,)>) -> BoxedFilter<(Response,)> {
        let ledger = route(token(), |_: ExportRestocks| async {
            Ok(RestocksPage { restocks: Vec::new(), more: false })
        });
        let read_view = route(token(), |_: ReadView| async { Ok(Some(view())) });
        export.or(ledger).unify().or(read_view).unify().boxed()
    }

    fn books_after(log: &[Entry]) -> Vec<(ProductName, Books)> {
        let mut books: Vec<_> = common::TOYS
            .iter()
            .map(|toy| (name(toy), Books::open(Cents::new(100).unwrap(), 1000)))
            .collect();
        for entry in log {
            let at = books.iter().position(|(toy, _)| *toy == entry.purchase.product).unwrap();
            assert!(stock::reserve(&mut books[at].1, entry.purchase.quantity).unwrap());
            stock::settle(&mut books[at].1, entry.purchase.quantity).unwrap();
        }
        books
    }

    /// The catalog after this log, one product a page; each call sells `unrest` more.
    async fn catalog(log: &[Entry], unrest: u64) -> Self {
        let books = Self::books_after(log);
        let calls = Arc::new(AtomicU64::new(0));
        let export = route(token(), move |ask: ExportCatalog| {
            let sold = unrest * calls.fetch_add(1, Ordering::Relaxed);
            let mut rest: Vec<_> =
                books.iter().filter(|(toy, _)| ask.after_product.as_ref() < Some(toy)).collect();
            rest.truncate(2);
            let more = rest.len() == 2;
            let products = rest.into_iter().take(1).cloned().map(|(toy, mut books)| {
                books.sold += sold;
                books.adjusted += sold as i64;
                (toy, books)
            });
            let products = products.collect();
            let view = Some(view());
            let reservations = Vec::new();
            async move { Ok(CatalogPage { cluster: CLUSTER, view, products, reservations, more }) }
        });
        Self::start(Self::beside(export)).await
    }
}

fn view() -> View {
    let (epoch, revision, leader) = (Epoch(2), Revision(3), member_of(2));
    let in_sync = vec![member_of(1), member_of(2)];
    View { cluster: CLUSTER, epoch, revision, leader, in_sync }
}

fn member_of(id: u8) -> Member {
    member(id, StoreId(u128::from(id)))
}

struct Caller(Shop);

impl Caller {
    fn new(token: &str) -> Self {
        let shop = Shop::new();
        fs::write(shop.path("token"), token).unwrap();
        Self(shop)
    }

    fn token(&self) -> PathBuf {
        self.0.path("token")
    }

    /// Runs the inspector beside the stand-ins, which live on this thread's runtime.
    async fn inspect(&self, args: &[&str]) -> Ran {
        let token = self.token().to_str().unwrap().to_owned();
        let args = args.iter().map(|arg| (*arg).to_owned());
        let args: Vec<_> = args.chain(["--cluster-token".to_owned(), token]).collect();
        tokio::task::spawn_blocking(move || inspect(args)).await.unwrap()
    }
}

#[tokio::test]
async fn running_services_are_asked() {
    let orders = log(60);
    let a = Standin::replica(1, orders.clone(), 60).await;
    let b = Standin::replica(2, orders.clone(), 55).await;
    let catalog = Standin::catalog(&orders, 0).await;
    let caller = Caller::new(TOKEN);
    let ran = caller.inspect(&["verify", &catalog.url(), &a.url(), &b.url()]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("equal up to order 55") && ran.out.contains("the 60 orders of"));
    let ran = caller.inspect(&["diff", &a.url(), &b.url()]).await;
    assert_eq!((ran.code, ran.out.starts_with("equal: 60 orders")), (0, true), "{}", ran.out);
    let ran = caller.inspect(&["dump", &a.url(), "--format", "jsonl", "--from", "10"]).await;
    assert_eq!((ran.code, ran.out.lines().count()), (0, 51));
    let ran = caller.inspect(&["stats", "--json", &a.url(), &catalog.url()]).await;
    let stats: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&stats[0]["orders"], &stats[1]["products"]), (&60.into(), &3.into()));
}

#[tokio::test]
async fn a_folder_and_a_running_replica_are_compared() {
    let orders = log(60);
    let shop = Shop::new();
    let folder = shop.replica("order-2", 2, &orders[..40]);
    let running = Standin::replica(1, orders, 60).await;
    let caller = Caller::new(TOKEN);
    let ran = caller.inspect(&["diff", folder.to_str().unwrap(), &running.url()]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.out.starts_with("order-2 ends at 40, order-1 ends at 60; equal up to 40"));
}

#[tokio::test]
async fn a_running_catalog_that_sold_something_else_is_seen() {
    let orders = log(60);
    let replica = Standin::replica(1, orders.clone(), 60).await;
    let catalog = Standin::catalog(&orders[..58], 0).await;
    let ran = Caller::new(TOKEN).inspect(&["verify", &replica.url(), &catalog.url()]).await;
    assert!(ran.code == 1 && ran.out.contains("stock equation"), "{}", ran.out);
}

#[tokio::test]
async fn a_catalog_that_never_holds_still_is_not_judged() {
    let orders = log(60);
    let replica = Standin::replica(1, orders.clone(), 60).await;
    let catalog = Standin::catalog(&orders, 1).await;
    let ran = Caller::new(TOKEN).inspect(&["verify", &replica.url(), &catalog.url()]).await;
    assert!(ran.code == 2 && ran.out.contains("never held still"), "{}", ran.out);
}

#[tokio::test]
async fn a_broken_chain_is_damage_below_the_commit_number_only() {
    let mut orders = log(60);
    let other = common::continued(&orders[..50], [(2, common::purchase(999))]);
    orders[50] = other[50].clone();
    let caller = Caller::new(TOKEN);
    let committed = Standin::replica(1, orders.clone(), 60).await;
    let ran = caller.inspect(&["verify", &committed.url()]).await;
    assert!(ran.code == 1 && ran.out.contains("order 52 does not follow"), "{}", ran.out);
    let open = Standin::replica(1, orders, 50).await;
    let ran = caller.inspect(&["verify", &open.url()]).await;
    assert!(ran.code == 2 && ran.out.contains("changed while it was read"), "{}", ran.out);
}

#[tokio::test]
async fn who_does_not_answer_is_not_called_damaged() {
    let replica = Standin::replica(1, log(5), 5).await;
    let wrong = Caller::new("fedcba9876543210").inspect(&["verify", &replica.url()]).await;
    assert!(wrong.code == 2 && wrong.err.contains("token is not accepted"), "{}", wrong.err);
    let caller = Caller::new(TOKEN);
    let nobody = caller.inspect(&["verify", "http://127.0.0.1:9", &replica.url()]).await;
    assert_eq!(nobody.code, 2);
    assert!(nobody.err.contains("not reachable") && nobody.out.contains("5 orders without a gap"));
    let other = Standin::start(warp::path("readyz").map(|| Response::new("".into())).boxed()).await;
    let stranger = caller.inspect(&["stats", &other.url()]).await;
    assert!(stranger.code == 2 && stranger.err.contains("neither"), "{}", stranger.err);
    fs::remove_file(caller.token()).unwrap();
    let without = caller.inspect(&["stats", &replica.url()]).await;
    assert!(without.code == 2 && without.err.contains("--cluster-token"), "{}", without.err);
}

#[tokio::test]
async fn a_running_store_is_backed_up_where_its_leader_is_heard() {
    let orders = log(60);
    let leader = Standin::leader(2, orders.clone(), 55).await;
    let follower = Standin::replica(1, orders.clone(), 50).await;
    // The catalog has gone on: nothing of it may be lost, and nothing of it is before the cut.
    let catalog = Standin::catalog(&orders, 0).await;
    let caller = Caller::new(TOKEN);
    let file = caller.0.path("store.backup");
    let to = file.to_str().unwrap();
    let all = [catalog.url(), follower.url(), leader.url(), "http://127.0.0.1:9".to_owned()];
    let args = |urls: &[String]| -> Vec<String> {
        let fixed = ["backup", "--to", to].map(str::to_owned);
        fixed.into_iter().chain(urls.iter().cloned()).collect()
    };
    let run = async |urls: &[String]| {
        let args = args(urls);
        caller.inspect(&args.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let ran = run(&all[1..3]).await;
    assert!(ran.code == 2 && ran.err.contains("of catalogs there are 0"), "{}", ran.err);
    let ran = run(&all[..2]).await;
    assert!(ran.code == 2 && ran.err.contains("replica 2 leads"), "{}", ran.err);
    assert!(!file.exists());
    let ran = run(&all).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("orders up to 55"), "{}", ran.out);
    assert!(ran.err.contains("going on without a source: http://127.0.0.1:9"), "{}", ran.err);
    let ran = caller.inspect(&["verify", to]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("the 55 orders of order-2"), "{}", ran.out);
}

#[tokio::test]
async fn a_catalog_that_does_not_cover_the_log_is_refused() {
    let orders = log(60);
    let leader = Standin::leader(2, orders.clone(), 60).await;
    let catalog = Standin::catalog(&orders[..40], 0).await;
    let caller = Caller::new(TOKEN);
    let file = caller.0.path("store.backup");
    let to = file.to_str().unwrap();
    let ran = caller.inspect(&["backup", "--to", to, &catalog.url(), &leader.url()]).await;
    assert!(ran.code == 1 && ran.err.contains("were ordered, and the catalog"), "{}", ran.err);
    assert!(!file.exists() && fs::read_dir(file.parent().unwrap()).unwrap().count() == 1);
}

#[tokio::test]
async fn the_catalog_is_read_after_the_log_and_covers_what_came_meanwhile() {
    let (orders, placed) = (log(60), Arc::new(AtomicBool::new(false)));
    let leader = Standin::leader_at_work(orders.clone(), placed.clone()).await;
    let catalog = Standin::catalog_at_work(&orders, 40, placed).await;
    let caller = Caller::new(TOKEN);
    let file = caller.0.path("store.backup");
    let to = file.to_str().unwrap();
    let ran = caller.inspect(&["backup", "--to", to, &catalog.url(), &leader.url()]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let ran = caller.inspect(&["verify", to]).await;
    assert!(ran.code == 0 && ran.out.contains("the 60 orders of"), "{}", ran.out);
}
