//! The public API as the contract has it.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::customer::Answer;
use crate::store::{ADMIN, Setup, Store};

fn admin() -> String {
    format!("Authorization: Bearer {ADMIN}\r\n")
}

#[tokio::test]
async fn products_are_looked_up_and_listed() {
    let store = Store::open(Setup::default()).await;
    let tux = store.get("/products/Tux").await;
    assert_eq!(tux.data(), json!({"name": "Tux", "price": 25.99, "quantity": 100}));
    assert_eq!((tux.header("etag"), tux.is_hit()), (Some("\"7\""), true));
    let first = store.get("/products/Connect%20Four").await;
    assert_eq!(first.header("cache-status"), Some("toystore; fwd=miss"));
    assert!(store.get("/products/Connect%20Four").await.is_hit());

    for again in [false, true] {
        let missing = store.get("/products/Nothing").await;
        assert_eq!((missing.status, missing.is_hit()), (404, again));
        assert_eq!(missing.message(), "product not found");
    }
    for bad in ["%zz", "%FF", "a%00b", &"x".repeat(201)] {
        assert_eq!(store.get(&format!("/products/{bad}")).await.status, 400, "{bad}");
    }
    let names = |answer: &Answer| {
        let data = answer.data();
        let rows = data.as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&store.get("/products").await), ["Connect Four", "Tux", "Uno"]);
    let page = store.get("/products?after=Connect+Four&limit=1").await;
    assert_eq!(names(&page), ["Tux"]);
    for bad in ["limit=0", "limit=x", "limit=1001", "after=%01"] {
        assert_eq!(store.get(&format!("/products?{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_client_that_has_the_version_gets_no_body() {
    let store = Store::open(Setup::default()).await;
    let ask = |tag: &'static str| {
        let customer = store.customer();
        async move {
            let header = format!("If-None-Match: {tag}\r\n");
            customer.ask("GET", "/products/Tux", &header, "").await
        }
    };
    let same = ask("\"7\"").await;
    assert_eq!((same.status, same.body.as_str(), same.header("etag")), (304, "", Some("\"7\"")));
    assert_eq!(ask("\"6\"").await.status, 200);
}

#[tokio::test]
async fn an_administrator_changes_products() {
    let store = Store::open(Setup::default()).await;
    let customer = store.customer();
    let put = |path: &'static str, headers: String, body: &'static str| {
        let customer = customer.clone();
        async move { customer.ask("PUT", path, &headers, body).await }
    };
    let body = r#"{"price":9.99,"quantity":50}"#;
    let none = put("/products/Tux", String::new(), body).await;
    assert_eq!((none.status, none.header("www-authenticate")), (401, Some("Bearer")));
    let wrong = "Authorization: Bearer 0123456789abcdef\r\n".to_owned();
    assert_eq!(put("/products/Tux", wrong, body).await.status, 403);
    let changed = put("/products/Tux", admin(), body).await;
    assert_eq!(changed.data(), json!({"name": "Tux", "price": 9.99, "quantity": 50}));
    let priced = put("/products/Uno", admin(), r#"{"price":1}"#).await;
    assert_eq!(priced.data(), json!({"name": "Uno", "price": 1.0, "quantity": 100}));
    let created = put("/products/New%20toy", admin(), body).await;
    assert_eq!(created.data()["name"], "New toy");
    for (path, body) in [
        ("/products/Other", r#"{"price":1}"#),
        ("/products/Tux", "{}"),
        ("/products/Tux", r#"{"price":9.999}"#),
        ("/products/%zz", r#"{"price":9}"#),
    ] {
        assert_eq!(put(path, admin(), body).await.status, 400, "{path} {body}");
    }
}

#[tokio::test]
async fn a_change_whose_outcome_is_unknown_is_not_repeated() {
    let mut store = Store::open(Setup::default()).await;
    let gate = store.catalog.close_gate();
    let customer = store.customer();
    let changing = tokio::spawn(async move {
        customer.ask("PUT", "/products/Tux", &admin(), r#"{"quantity":5}"#).await
    });
    gate.arrived.notified().await;
    store.catalog.server.kill().await;
    let unknown = changing.await.unwrap();
    assert_eq!((unknown.status, unknown.header("retry-after")), (504, Some("1")));
    let told = "outcome unknown, look at the product before you repeat the change";
    assert_eq!(unknown.message(), told);
}

#[tokio::test]
async fn orders_are_placed_and_read() {
    let store = Store::open(Setup::default()).await;
    let placed = store.buy("a-1").await;
    assert_eq!(placed.data(), json!({"order_number": 1}));
    assert_eq!(placed.header("location"), Some("/orders/1"));
    assert_eq!(placed.header("idempotency-key"), Some("a-1"));
    assert_eq!(store.buy("a-1").await.data(), json!({"order_number": 1}));
    let other = r#"{"name":"Tux","quantity":2}"#;
    let reused = store.customer().order("Idempotency-Key: a-1\r\n", other).await;
    assert_eq!((reused.status, reused.header("idempotency-key")), (422, Some("a-1")));
    let own_key = store.customer().order("", other).await;
    assert_eq!(own_key.data(), json!({"order_number": 2}));
    assert_eq!(own_key.header("idempotency-key").map(str::len), Some(32));

    let read = store.get("/orders/2").await;
    assert_eq!(read.data(), json!({"number": 2, "name": "Tux", "quantity": 2}));
    for none in ["3", "0", "01", "+1", "-1", "abc", "1.0", "18446744073709551616", "%31"] {
        let missing = store.get(&format!("/orders/{none}")).await;
        assert_eq!((missing.status, missing.message()), (404, "order not found".to_owned()));
    }
    assert_eq!(store.get("/orders").await.data().as_array().unwrap().len(), 2);
    let page = store.get("/orders?after=1&limit=5").await.data();
    assert_eq!(page, json!([{"number": 2, "name": "Tux", "quantity": 2}]));
    assert_eq!(store.get("/orders?after=x").await.status, 400);
}

#[tokio::test]
async fn what_is_no_order_is_refused_and_leaves_nothing() {
    let store = Store::open(Setup::default()).await;
    let customer = store.customer();
    let good = r#"{"name":"Tux","quantity":1}"#;
    let long_key = format!("Idempotency-Key: {}\r\n", "k".repeat(256));
    let long = format!(r#"{{"name":"{}","quantity":1}}"#, "x".repeat(17_000));
    for (headers, body, status) in [
        ("", r#"{"name":"Nothing","quantity":1}"#, 404),
        ("", r#"{"name":"Tux","quantity":101}"#, 409),
        ("", r#"{"name":"Tux","quantity":0}"#, 400),
        ("", r#"{"name":"Tux","quantity":1000001}"#, 400),
        ("", r#"{"name":"Tux","quantity":1.5}"#, 400),
        ("", r#"{"name":"Tux","quantity":1,"more":1}"#, 400),
        ("", r#"{"name":"Tux""#, 400),
        ("", "", 400),
        ("Content-Type: text/plain\r\n", "Tux", 415),
        ("", &long, 413),
        ("Idempotency-Key: a\r\nIdempotency-Key: a\r\n", good, 400),
        ("Idempotency-Key: a b\r\n", good, 400),
        ("Idempotency-Key:\r\n", good, 400),
        (&long_key, good, 400),
        ("Content-Length: 5\r\n", good, 400),
        ("Transfer-Encoding: chunked\r\n", good, 400),
    ] {
        let refused = customer.order(headers, body).await;
        assert_eq!(refused.status, status, "{headers} {body}");
        refused.message();
    }
    assert!(store.world.lock().book.purchases.is_empty());
    assert_eq!(customer.order("Content-Type: text/plain\r\n", good).await.status, 200);
}

#[tokio::test]
async fn a_head_is_answered_as_a_get_without_the_body() {
    let store = Store::open(Setup::default()).await;
    store.buy("a-1").await;
    for path in
        ["/products/Tux", "/products", "/orders/1", "/orders/2", "/openapi.json", "/", "/readyz"]
    {
        let get = store.get(path).await;
        let head = store.customer().ask("HEAD", path, "", "").await;
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        for name in ["content-type", "content-length", "etag", "cache-status"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
    let tag = store.get("/products/Tux").await.header("etag").unwrap().to_owned();
    let asked = format!("If-None-Match: {tag}\r\n");
    assert_eq!(store.customer().ask("HEAD", "/products/Tux", &asked, "").await.status, 304);
    // A stream of events has a head, too, and no end to wait for.
    assert_eq!(store.customer().ask("HEAD", "/events", "", "").await.status, 200);
}

#[tokio::test]
async fn each_path_says_what_may_be_done_with_it() {
    let store = Store::open(Setup::default()).await;
    for (method, path, status, allow) in [
        ("POST", "/products", 405, Some("GET, HEAD")),
        ("DELETE", "/products/Tux", 405, Some("GET, HEAD, PUT")),
        ("PUT", "/orders", 405, Some("GET, HEAD, POST")),
        ("POST", "/orders/1", 405, Some("GET, HEAD")),
        ("POST", "/cluster", 405, Some("GET, HEAD")),
        ("POST", "/livez", 405, Some("GET, HEAD")),
        ("GET", "/internal/invalidate", 405, Some("POST")),
        ("POST", "/internal/invalidate", 401, None),
        ("GET", "/nowhere", 404, None),
        ("POST", "/nowhere", 404, None),
        ("GET", "/orders/1/2", 404, None),
        ("GET", "/products/a/b", 404, None),
    ] {
        let answer = store.customer().ask(method, path, "", "").await;
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{method} {path}");
        answer.message();
    }
}

#[tokio::test]
async fn operators_see_the_state() {
    let store = Store::open(Setup::default()).await;
    store.buy("a").await;
    let cluster = store.get("/cluster").await.data();
    assert_eq!((&cluster["epoch"], &cluster["leader"]), (&json!(1), &json!(3)));
    assert_eq!(cluster["in_sync"], json!([1, 2, 3]));
    assert_eq!(cluster["catalog"]["healthy"], true);
    assert_eq!(cluster["cache"]["enabled"], true);
    assert_eq!(cluster["cache"]["entries"], 1);
    let replica = &cluster["replicas"][2];
    assert_eq!(replica["address"], store.replica(3).server.at.as_str());
    assert_eq!((&replica["healthy"], &replica["role"]), (&json!(true), &json!("leader")));
    assert_eq!((&replica["log_end"], &replica["hash"]), (&json!(0), &json!("00".repeat(16))));
    let latest = json!([{"name": "Tux", "quantity": 100}, {"name": "Uno", "quantity": 100}]);
    let restock = json!({"interval_ms": 10000, "next_in_ms": 4000, "sold_out": 1, "restocked": 2,
        "latest": latest});
    assert_eq!(cluster["restock"], restock);

    assert_eq!(store.get("/livez").await.data(), "alive");
    let metrics = store.get("/metrics").await.body;
    for line in [
        r#"toystore_requests_total{route="place_order",status="200"} 1"#,
        "toystore_epoch 1",
        "toystore_leader 3",
        "toystore_ready 1",
        "toystore_cache_entries 1",
        "toystore_cache_misses_total ",
        "toystore_cache_hits_total ",
        "toystore_cache_invalidations_total 0",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn a_customer_who_hangs_up_changes_nothing_for_the_next() {
    let store = Store::open(Setup::default()).await;
    for request in ["GET /pro", "POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"] {
        let mut stream = TcpStream::connect(store.at.as_str()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        drop(stream);
        assert_eq!(store.get("/products/Tux").await.status, 200);
    }
}
