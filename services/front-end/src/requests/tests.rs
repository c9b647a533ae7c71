use toystore_host::body::json_body;
use warp::http::{HeaderMap, HeaderValue};

use super::*;

fn purchase(body: &str) -> Result<Purchase, Refusal> {
    json_body::<OrderBody>(None, body.as_bytes())?.purchase(OrderKey::new("k").unwrap())
}

fn change(body: &str) -> Result<PutProduct, Refusal> {
    let name = ProductName::new("Tux").unwrap();
    json_body::<ProductBody>(None, body.as_bytes())?.change(name)
}

#[test]
fn an_order_is_a_name_and_a_whole_quantity() {
    let good = purchase(r#"{"name":"Tux","quantity":1000000}"#).unwrap();
    assert_eq!((good.product.as_str(), good.quantity.get()), ("Tux", 1_000_000));
    let long = format!(r#"{{"name":"{}","quantity":1}}"#, "x".repeat(201));
    for bad in [
        r#"{"name":"Tux","quantity":0}"#,
        r#"{"name":"Tux","quantity":-1}"#,
        r#"{"name":"Tux","quantity":1.5}"#,
        r#"{"name":"Tux","quantity":1.0}"#,
        r#"{"name":"Tux","quantity":1e3}"#,
        r#"{"name":"Tux","quantity":"1"}"#,
        r#"{"name":"Tux","quantity":null}"#,
        r#"{"name":"Tux","quantity":1000001}"#,
        r#"{"name":"Tux","quantity":100000000000000000000}"#,
        r#"{"name":"Tux","quantity":1,"quantity":1}"#,
        r#"{"name":"Tux","quantity":1,"price":1}"#,
        r#"{"name":"Tux"}"#,
        r#"{"quantity":1}"#,
        r#"{"name":"","quantity":1}"#,
        r#"{"name":"a\u0000b","quantity":1}"#,
        r#"{"name":7,"quantity":1}"#,
        r#"["Tux",1]"#,
        "",
        &long,
    ] {
        assert_eq!(purchase(bad).map_err(|refusal| refusal.status()), Err(400), "{bad}");
    }
}

#[test]
fn a_product_change_has_whole_cents() {
    let price = |body: &str| change(body).unwrap().price.unwrap().get();
    assert_eq!(price(r#"{"price":9.99,"quantity":50}"#), 999);
    assert_eq!(price(r#"{"price":9.9}"#), 990);
    assert_eq!(price(r#"{"price":0}"#), 0);
    assert_eq!(price(r#"{"price":10000000}"#), 1_000_000_000);
    assert_eq!(change(r#"{"quantity":1000000000}"#).unwrap().stock, Some(1_000_000_000));
    for bad in [
        "{}",
        r#"{"price":null,"quantity":1}"#,
        r#"{"price":9.999}"#,
        r#"{"price":-1}"#,
        r#"{"price":"9.99"}"#,
        r#"{"price":10000000.01}"#,
        r#"{"price":1e300}"#,
        r#"{"quantity":-1}"#,
        r#"{"quantity":1.5}"#,
        r#"{"quantity":1000000001}"#,
        r#"{"quantity":1,"stock":1}"#,
        r#"{"quantity":1,"quantity":2}"#,
    ] {
        assert_eq!(change(bad).map_err(|refusal| refusal.status()), Err(400), "{bad}");
    }
}

#[test]
fn names_in_paths_are_strictly_decoded() {
    for (segment, name) in
        [("Tux", "Tux"), ("Connect%20Four", "Connect Four"), ("a%2Fb", "a/b"), ("a+b", "a+b")]
    {
        assert_eq!(name_in_path(segment).unwrap().as_str(), name);
    }
    assert_eq!(name_in_path("%C3%A9").unwrap().as_str(), "é");
    let long = "x".repeat(201);
    for bad in ["%", "%4", "%zz", "%+1", "a%2", "%FF", "%C3", "a%00", "%0A", "%C2%85", &long] {
        assert_eq!(name_in_path(bad).map_err(|refusal| refusal.status()), Err(400), "{bad}");
    }
}

#[test]
fn pages_have_bounds() {
    let page = |query: &str| orders_page(query).map(|page| (page.after.0, page.limit));
    assert_eq!(page(""), Ok((0, 100)));
    assert_eq!(page("after=17&limit=1000&x=y"), Ok((17, 1000)));
    assert_eq!(page("after=0&limit=1"), Ok((0, 1)));
    for bad in [
        "limit=0",
        "limit=",
        "limit=abc",
        "limit=-1",
        "limit=+1",
        "limit=1001",
        "limit=01",
        "limit=1&limit=2",
        "after=abc",
        "after=-1",
        "after=",
        "after=%zz",
        "after=1&after=1",
        "limit=99999999999999999999",
    ] {
        assert_eq!(page(bad).map_err(|refusal| refusal.status()), Err(400), "{bad}");
    }
    let products = products_page("after=Connect+Four%26%2B").unwrap();
    assert_eq!(products.after.unwrap().as_str(), "Connect Four&+");
    assert!(products_page("after=a%0Ab").is_err());
}

#[test]
fn a_request_has_one_visible_key_or_gets_one() {
    let with = |keys: &[&[u8]]| {
        let mut headers = HeaderMap::new();
        for key in keys {
            headers.append("idempotency-key", HeaderValue::from_bytes(key).unwrap());
        }
        order_key(&headers).map(|key| key.to_string()).map_err(|refusal| refusal.status())
    };
    let long = [b'k'; 256];
    assert_eq!(with(&[b"a-1"]), Ok("a-1".to_owned()));
    assert_eq!(with(&[&long[..255]]).map(|key| key.len()), Ok(255));
    assert_ne!(with(&[]).unwrap(), with(&[]).unwrap());
    for bad in [&[&b""[..]][..], &[b"a b"], &[b"\xe9"], &[&long], &[b"a", b"a"]] {
        assert_eq!(with(bad), Err(400), "{bad:?}");
    }
}

#[test]
fn tags_are_compared_weakly() {
    let has = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("if-none-match", HeaderValue::from_static(value));
        has_already(&headers, "\"7\"")
    };
    assert!(has("\"7\"") && has("W/\"7\"") && has("*") && has("\"6\", \"7\""));
    assert!(!has("\"6\"") && !has("7") && !has("\"77\""));
}
