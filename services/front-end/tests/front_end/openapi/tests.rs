//! The document: served, true to the store's bounds, complete, and not satisfied with anything.

use std::process::Command;

use toystore_domain::amounts::{MAX_PRICE_CENTS, MAX_QUANTITY, MAX_STOCK};
use toystore_domain::names::{MAX_KEY_BYTES, MAX_NAME_BYTES};
use toystore_host::limits::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX};

use super::*;
use crate::store::{Setup, Store};

#[tokio::test]
async fn the_document_is_served() {
    let store = Store::open(Setup::default()).await;
    let got = store.get("/openapi.json").await;
    assert_eq!((got.status, got.body.as_str()), (200, OPENAPI));
    let tag = format!("If-None-Match: {}\r\n", got.header("etag").unwrap());
    let again = store.customer().ask("GET", "/openapi.json", &tag, "").await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(store.customer().ask("POST", "/openapi.json", "", "").await.status, 405);
}

/// Runs the other tests once more, so that one run of them all is known to be whole.
#[test]
fn each_described_reply_is_exercised() {
    let tests = Command::new(std::env::current_exe().unwrap())
        .args(["--skip", "each_described_reply", "--skip", "hostile", "--nocapture"])
        .env(NAME_REPLIES, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&tests.stderr);
    assert!(tests.status.success(), "{said}");
    let named = said.lines().filter_map(|line| line.strip_prefix(NAME_REPLIES));
    let seen: BTreeSet<_> = named.map(str::trim).collect();
    let mut missing = Vec::new();
    for operation in operations() {
        let id = operation["operationId"].as_str().unwrap();
        for (status, reply) in operation["responses"].as_object().unwrap() {
            // What several operations share may be exercised at any of them.
            let own = reply.get("$ref").is_none();
            if own && !seen.contains(format!("{id} {status}").as_str()) {
                missing.push(format!("{id} {status}"));
            }
        }
    }
    assert!(missing.is_empty(), "described, but never seen in a test: {missing:?}");
}

#[tokio::test]
async fn each_counted_route_is_described() {
    let store = Store::open(Setup::default()).await;
    let metrics = store.get("/metrics").await.body;
    let names = metrics.split("route=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let names: BTreeSet<_> = names.collect();
    assert!(names.contains("place_order"), "{names:?}");
    for name in names {
        let internal = store.get(&format!("/internal/{name}")).await.status == 405;
        let described = operations().any(|operation| operation["operationId"] == name);
        assert!(internal || described, "the route {name} is not in openapi.json");
    }
}

#[test]
fn the_examples_fit_their_schemas() {
    fn walk(value: &'static Value, seen: &mut usize) {
        if let (Some(schema), Some(example)) = (value.get("schema"), value.get("example")) {
            fits(schema, example).unwrap();
            *seen += 1;
        }
        let parts = value.as_object().map(|map| map.values().collect::<Vec<_>>());
        let parts = parts.or_else(|| value.as_array().map(|list| list.iter().collect()));
        parts.unwrap_or_default().into_iter().for_each(|part| walk(part, seen));
    }
    let mut seen = 0;
    walk(&DOCUMENT, &mut seen);
    assert!(seen > 20, "{seen} examples");
}

#[test]
fn the_bounds_are_those_of_the_store() {
    let schemas = &DOCUMENT["components"]["schemas"];
    assert_eq!(schemas["Quantity"]["maximum"], MAX_QUANTITY);
    assert_eq!(schemas["Price"]["maximum"], MAX_PRICE_CENTS / 100);
    assert_eq!(schemas["ProductChange"]["properties"]["quantity"]["maximum"], MAX_STOCK);
    assert_eq!(schemas["ProductName"]["maxLength"], MAX_NAME_BYTES);
    let key = format!("^[!-~]{{1,{MAX_KEY_BYTES}}}$");
    assert_eq!(schemas["IdempotencyKey"]["pattern"], key);
    let limit = &DOCUMENT["components"]["parameters"]["Limit"]["schema"];
    assert_eq!(
        (&limit["maximum"], &limit["default"]),
        (&json!(PAGE_LIMIT_MAX), &json!(PAGE_LIMIT_DEFAULT))
    );
}

#[test]
fn what_is_not_described_is_found_out() {
    let json = "Content-Type: application/json\r\n";
    let tagged = "ETag: \"7\"\r\nCache-Status: toystore; hit\r\nCache-Control: no-cache\r\n";
    let tux = r#"{"data":{"name":"Tux","price":25.99,"quantity":1}}"#;
    let says = |method, path, status, headers: &str, body: &str| {
        let text = format!("HTTP/1.1 {status} -\r\nA: b\r\n{headers}\r\n{body}");
        check(method, path, &Answer::read(&text.replace("A: b\r\n", "")))
    };
    let good = format!("{json}{tagged}");
    says("GET", "/products/Tux", 200, &good, tux).unwrap();
    let refusal = r#"{"error":{"code":404,"message":"not found"}}"#;
    says("GET", "/nowhere", 404, json, refusal).unwrap();
    for (method, path, status, headers, body, why) in [
        ("GET", "/nowhere", 200, json.to_owned(), tux, "not in openapi.json"),
        ("DELETE", "/products/Tux", 200, good.clone(), tux, "not in openapi.json"),
        ("GET", "/products/Tux", 201, good.clone(), tux, "not in openapi.json"),
        ("GET", "/products/Tux", 500, json.to_owned(), tux, "the body has another status"),
        ("GET", "/products/Tux", 200, json.to_owned(), tux, "is missing"),
        ("GET", "/products/Tux", 200, format!("{good}X-More: 1\r\n"), tux, "x-more"),
        ("GET", "/products/Tux", 200, good.replace("hit", "stale"), tux, "cache-status"),
        ("GET", "/products/Tux", 200, good.replace("json", "xml"), tux, "application/xml"),
        ("GET", "/products/Tux", 200, good.clone(), r#"{"data":{"name":"Tux"}}"#, "price"),
        ("GET", "/products/Tux", 304, tagged.to_owned(), "x", "no body is described"),
        ("GET", "/livez", 404, json.to_owned(), refusal, "not in openapi.json"),
    ] {
        let wrong = says(method, path, status, &headers, body).unwrap_err();
        assert!(wrong.contains(why), "{wrong} for {why}");
    }
    let not_allowed = r#"{"error":{"code":405,"message":"no"}}"#;
    let wrong = says("PUT", "/orders", 405, &format!("{json}Allow: GET\r\n"), not_allowed);
    assert!(wrong.unwrap_err().contains("POST"));
}
