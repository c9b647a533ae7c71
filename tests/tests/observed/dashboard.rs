//! The dashboard in the documentation asks for nothing that is not there.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::table::{docs, names};

/// All texts under this key, wherever they are.
fn all<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            found.extend(value.as_str().filter(|_| name == key));
            all(value, key, found);
        }),
        Value::Array(values) => values.iter().for_each(|value| all(value, key, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_for_what_is_in_the_table() {
    let text = std::fs::read_to_string(docs("grafana.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let (known, mut asked) = (names(), BTreeSet::new());
    let mut queries = Vec::new();
    all(&dashboard, "expr", &mut queries);
    all(&dashboard, "query", &mut queries);
    for query in queries {
        let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let metrics: Vec<_> = words.filter(|word| word.starts_with("toystore_")).collect();
        assert!(!metrics.is_empty() || query == "prometheus", "it asks for nothing: {query}");
        asked.extend(metrics);
    }
    let unknown: Vec<_> = asked.iter().filter(|name| !known.contains(**name)).collect();
    assert!(unknown.is_empty(), "not in docs/metrics.md: {unknown:?}");
    assert!(asked.len() > 20, "it shows little");
}

#[test]
fn the_panels_are_whole_and_do_not_lie_on_each_other() {
    let text = std::fs::read_to_string(docs("grafana.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(panel["title"].as_str().is_some_and(|title| !title.is_empty()), "{panel}");
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        for x in place("x")..place("x") + place("w") {
            assert!(x < 24, "{panel}");
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{panel}");
            }
        }
    }
}
