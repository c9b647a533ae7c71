//! What customers send, when it lies: bodies, paths, queries and keys.
//!
//! `PROPTEST_CASES=20000 cargo test -p toystore-front-end --test hostile` tries more; a case that
//! failed once stays in `proptest-regressions/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;
use serde_json::{Map, Value};
use toystore_coherence::messages::PutProduct;
use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Refusal};
use toystore_front_end::requests::{
    OrderBody, ProductBody, has_already, name_in_path, number_in_path, order_key, orders_page,
    products_page,
};
use toystore_host::body::json_body;
use warp::http::{HeaderMap, HeaderValue};

fn cases(usual: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::Direct("proptest-regressions/hostile.txt");
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::default()
    }
}

fn purchase(declared: Option<&str>, body: &[u8]) -> Result<Purchase, Refusal> {
    json_body::<OrderBody>(declared, body)?.purchase(OrderKey::new("k").unwrap())
}

fn change(declared: Option<&str>, body: &[u8]) -> Result<PutProduct, Refusal> {
    json_body::<ProductBody>(declared, body)?.change(ProductName::new("Tux").unwrap())
}

/// Bytes that are no order and no change are refused with 400; with 415 only when they are declared
/// as something else and are no JSON.
fn check_refusals(declared: Option<&str>, body: &[u8]) -> Result<(), TestCaseError> {
    let foreign = declared.is_some_and(|declared| !declared.contains("json"));
    let value = serde_json::from_slice::<Value>(body);
    let is_json = value.is_ok();
    let is_object = value.is_ok_and(|value| value.is_object());
    let expected = if foreign && !is_json { 415 } else { 400 };
    let purchase = purchase(declared, body).map_err(|refusal| refusal.status());
    let change = change(declared, body).map_err(|refusal| refusal.status());
    prop_assert!(purchase.is_ok() && is_object || purchase == Err(expected), "{purchase:?}");
    prop_assert!(change.is_ok() && is_object || change == Err(expected), "{change:?}");
    Ok(())
}

/// A number as text, and the quantity that it plainly is.
fn quantity() -> impl Strategy<Value = (String, Option<u64>)> {
    let odd = select(vec![
        "0",
        "-0",
        "-1",
        "+1",
        "01",
        "1.0",
        "1.5",
        "1e3",
        "1E0",
        "10e-1",
        "1000001",
        "1.",
        ".1",
        "18446744073709551615",
        "18446744073709551616",
        "1e400",
        "-1e400",
        "0x1",
        "1_0",
        "NaN",
        "Infinity",
        "null",
        "true",
        "\"1\"",
        "[1]",
        "{}",
        "",
        "٣",
        "1 2",
    ]);
    let good = prop_oneof![1_u64..10, 999_990_u64..=1_000_000];
    prop_oneof![
        3 => good.prop_map(|n| (n.to_string(), Some(n))),
        2 => odd.prop_map(|text| (text.to_owned(), None)),
        1 => (1_000_001_u64..).prop_map(|n| (n.to_string(), None)),
    ]
}

/// A JSON value, and the name that it plainly is.
fn name() -> impl Strategy<Value = (String, Option<String>)> {
    let text = prop_oneof![
        4 => "[A-Za-z é]{1,12}",
        1 => any::<String>(),
        1 => (195_usize..205).prop_map(|length| "x".repeat(length)),
    ];
    let text = text.prop_map(|text| {
        let valid = (1..=200).contains(&text.len()) && !text.chars().any(char::is_control);
        (Value::from(text.as_str()).to_string(), valid.then_some(text))
    });
    let odd = select(vec!["7", "null", "[\"Tux\"]", "{\"name\":\"Tux\"}", "\"\\ud800\"", "'Tux'"]);
    prop_oneof![4 => text, 1 => odd.prop_map(|text| (text.to_owned(), None))]
}

fn blank() -> impl Strategy<Value = String> {
    prop_oneof![6 => "", 1 => "[ \n\t\r]{1,3}"]
}

/// An object of these fields, in this order, as often as they come.
fn object(fields: &[(&str, &str)], blank: &str) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|(key, value)| format!("{blank}\"{key}\"{blank}:{blank}{value}{blank}"))
        .collect();
    format!("{blank}{{{}}}{blank}", fields.join(","))
}

/// A price as text, in cents if it plainly is one.
fn price() -> impl Strategy<Value = (String, Option<u64>)> {
    let good = prop_oneof![
        (0_u64..100_000_000)
            .prop_map(|cents| (format!("{}.{:02}", cents / 100, cents % 100), cents)),
        (0_u64..=10_000_000).prop_map(|whole| (whole.to_string(), whole * 100)),
        (0_u64..99_999)
            .prop_map(|tenths| (format!("{}.{}", tenths / 10, tenths % 10), tenths * 10)),
        (1_u64..9).prop_map(|n| (format!("{n}e3"), n * 100_000)),
        (1_u64..9).prop_map(|n| (format!("{n}.500"), n * 100 + 50)),
    ];
    let odd = select(vec![
        "-1",
        "-0.01",
        "0.001",
        "9.999",
        "1.6600000000000001",
        "1e-3",
        "1e300",
        "1e400",
        "10000000.01",
        "10000001",
        "NaN",
        "null",
        "\"9.99\"",
        "[9.99]",
        "01",
        "+1",
        ".5",
        "5.",
        "0.1e-5",
        "true",
    ]);
    prop_oneof![
        3 => good.prop_map(|(text, cents)| (text, Some(cents))),
        1 => odd.prop_map(|text| (text.to_owned(), None)),
        1 => (1_u64..1_000_000, 3_usize..9).prop_filter_map("whole cents", |(n, places)| {
            let text = format!("{}.{:0places$}", n % 1000, n % 10_u64.pow(places as u32));
            (n % 10_u64.pow(places as u32 - 2) != 0).then_some((text, None))
        }),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(Value::from("Tux")),
        Just(Value::from(1)),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        let key =
            prop_oneof![Just("name".to_owned()), Just("quantity".to_owned()), any::<String>()];
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((key, inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn declared() -> impl Strategy<Value = Option<&'static str>> {
    select(vec![None, Some("application/json"), Some("text/plain"), Some("a/b+json; c"), Some("")])
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn any_bytes_are_a_body_or_refused(body in vec(any::<u8>(), 0..200), declared in declared()) {
        check_refusals(declared, &body)?;
    }

    #[test]
    fn any_json_is_a_body_or_refused(value in json(), declared in declared()) {
        check_refusals(declared, value.to_string().as_bytes())?;
    }

    #[test]
    fn a_harmed_body_is_a_body_or_refused(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
        declared in declared(),
    ) {
        let mut body = br#"{"name":"Tux","quantity":1}"#.to_vec();
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] = byte }
        check_refusals(declared, &body)?;
    }

    #[test]
    fn an_order_is_what_it_plainly_says(
        (name_text, name) in name(),
        (quantity_text, quantity) in quantity(),
        blank in blank(),
        swapped in any::<bool>(),
    ) {
        let mut fields = [("name", &name_text[..]), ("quantity", &quantity_text[..])];
        if swapped {
            fields.reverse();
        }
        let read = purchase(None, object(&fields, &blank).as_bytes());
        let read = read.map(|p| (p.product.to_string(), p.quantity.get()));
        let expected = name.zip(quantity);
        prop_assert_eq!(read.map_err(|refusal| refusal.status()), expected.ok_or(400));
    }

    #[test]
    fn an_order_has_each_field_once_and_no_other(
        keys in vec(select(vec!["name", "quantity", "Name", "key", "price", ""]), 0..4),
    ) {
        let value = |key| if key == "name" { "\"Tux\"" } else { "1" };
        let fields: Vec<_> = keys.iter().map(|key| (*key, value(*key))).collect();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        let read = purchase(None, object(&fields, "").as_bytes());
        prop_assert_eq!(read.is_ok(), sorted == ["name", "quantity"], "{:?}", keys);
        let read = change(None, object(&fields, "").as_bytes());
        let known = !keys.is_empty() && keys.iter().all(|key| ["price", "quantity"].contains(key));
        sorted.dedup();
        prop_assert_eq!(read.is_ok(), known && sorted.len() == keys.len(), "{:?}", keys);
    }

    #[test]
    fn a_price_is_what_it_plainly_says((text, cents) in price(), blank in blank()) {
        let read = change(None, object(&[("price", &text)], &blank).as_bytes());
        let read = read.map(|change| change.price.unwrap().get());
        prop_assert_eq!(read.map_err(|refusal| refusal.status()), cents.ok_or(400), "{}", text);
    }

    #[test]
    fn nesting_is_refused_however_deep(depth in 1_usize..8000, kind in 0..4) {
        let (open, close) = [("[", "]"), ("{\"a\":", "}"), ("[", ""), ("{\"name\":", "")][kind as usize];
        let body = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        prop_assert_eq!(purchase(None, body.as_bytes()).map_err(|r| r.status()), Err(400));
        let inside = object(&[("name", "\"Tux\""), ("quantity", "1"), ("more", &body)], "");
        prop_assert_eq!(purchase(None, inside.as_bytes()).map_err(|r| r.status()), Err(400));
    }

    #[test]
    fn any_path_is_a_name_or_refused(segment in "(%[0-9a-fA-F]{2}|%[ -~]|[ -~]|é){0,30}") {
        let decoded = percent_decoded(&segment);
        let valid = decoded.filter(|name| {
            (1..=200).contains(&name.len()) && !name.chars().any(char::is_control)
        });
        let read = name_in_path(&segment).map(|name| name.to_string());
        prop_assert_eq!(read.map_err(|refusal| refusal.status()), valid.ok_or(400));
    }

    #[test]
    fn any_spelling_of_a_name_is_read(name in "[ -~é€]{1,20}", encoded in any::<u32>()) {
        let spelled: String = name.bytes().enumerate().map(|(at, byte)| {
            let plain = byte.is_ascii_alphanumeric() && encoded >> (at % 32) & 1 == 0;
            if plain { (byte as char).to_string() } else { format!("%{byte:02x}") }
        }).collect();
        let read = name_in_path(&spelled).unwrap();
        prop_assert_eq!(read.as_str(), &name);
    }

    #[test]
    fn a_number_is_read_in_one_spelling_only(text in "[-+0-9a-f. ٣]{0,5}|[0-9]{18,22}") {
        let plain = text.parse::<u64>().ok().filter(|n| *n > 0 && n.to_string() == text);
        let read = number_in_path(&text).map(|number| number.0);
        prop_assert_eq!(read, plain.ok_or(Refusal::OrderNotFound));
    }

    #[test]
    fn any_query_is_a_page_or_refused(query in query()) {
        for refusal in [orders_page(&query).err(), products_page(&query).err()] {
            prop_assert!(refusal.is_none_or(|refusal| refusal.status() == 400));
        }
        let given = |name| {
            let of = |pair: &str| pair == name || pair.starts_with(&format!("{name}="));
            query.split('&').filter(|pair| of(pair)).count()
        };
        if let Ok(page) = orders_page(&query) {
            prop_assert!((1..=1000).contains(&page.limit));
            prop_assert!(given("limit") < 2 && given("after") < 2);
            prop_assert!(given("after") == 1 || page.after == OrderNumber::ZERO);
        }
        if let Ok(page) = products_page(&query) {
            prop_assert!((1..=1000).contains(&page.limit));
            prop_assert_eq!(page.after.is_some(), given("after") == 1);
        }
    }

    #[test]
    fn a_key_is_one_visible_word_or_refused(
        keys in vec(prop_oneof![
            "[!-~]{0,20}".prop_map(String::into_bytes),
            vec(32_u8..=255, 0..20),
            (250_usize..260).prop_map(|length| vec![b'k'; length]),
        ], 0..3),
    ) {
        let values: Vec<_> =
            keys.iter().filter_map(|key| HeaderValue::from_bytes(key).ok()).collect();
        let mut headers = HeaderMap::new();
        for value in &values {
            headers.append("idempotency-key", value.clone());
        }
        let read = order_key(&headers).map(|key| key.to_string());
        match &values[..] {
            [] => prop_assert_eq!(read.unwrap().len(), 32),
            [key] if (1..=255).contains(&key.len())
                && key.as_bytes().iter().all(u8::is_ascii_graphic) =>
            {
                prop_assert_eq!(read.unwrap().into_bytes(), key.as_bytes());
            }
            _ => prop_assert_eq!(read.map_err(|refusal| refusal.status()), Err(400)),
        }
        headers.append("if-none-match", HeaderValue::from_static("\"1\""));
        for value in values {
            headers.append("if-none-match", value);
        }
        prop_assert!(has_already(&headers, "\"1\""));
    }
}

/// The same rule once more, by hand.
fn percent_decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(())?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

fn query() -> impl Strategy<Value = String> {
    let key = select(vec!["limit", "after", "x", "", "limit%20"]);
    let value = prop_oneof![
        prop_oneof![0_u64..3, 999_u64..1003, 0_u64..1200].prop_map(|n| n.to_string()),
        "[-+0-9a-z%&=.]{0,6}",
        any::<u64>().prop_map(|n| n.to_string()),
    ];
    let pair = (key, "=?", value).prop_map(|(key, is, value)| format!("{key}{is}{value}"));
    prop_oneof![3 => vec(pair, 0..4).prop_map(|pairs| pairs.join("&")), 1 => "[ -~]{0,30}"]
}
