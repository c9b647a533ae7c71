//! What operators see of a running store: metrics, readiness, traces in the logs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod dashboard;
mod page;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use page::{Page, read};
use serde_json::Value;
use table::{Row, row, rows};
use toystore_tests::store::{Plan, Store, front_end, order, wait_for};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn text(store: &Store, name: &str, path: &str) -> (u16, String) {
    let url = format!("http://{}{path}", store.address(name));
    let answer = store.http().get(url).send().unwrap();
    (answer.status().as_u16(), answer.text().unwrap())
}

/// A process's metrics.
fn metrics(store: &Store, name: &str) -> Page {
    let (status, text) = text(store, name, "/metrics");
    assert_eq!(status, 200);
    read(&text).unwrap_or_else(|wrong| panic!("{name}: {wrong}"))
}

/// The service of a process, as the documentation calls it.
fn service(name: &str) -> &'static str {
    match name.split('-').next() {
        Some("front") => "front end",
        Some("order") => "order",
        _ => "catalog",
    }
}

/// The value of the one sample of a metric, or of the first with this label.
fn value(page: &Page, metric: &str, label: &str) -> f64 {
    let family = page.get(metric).unwrap_or_else(|| panic!("{metric} is missing"));
    let meant = |labels: &page::Labels| label.is_empty() || labels.values().any(|l| l == label);
    let mut samples = family.samples.iter().filter(|sample| meant(&sample.labels));
    samples.next().unwrap_or_else(|| panic!("{metric} of {label}")).value
}

/// Everything that the processes that run say, as rows of the documentation's table.
fn said(store: &mut Store) -> BTreeSet<Row> {
    let mut said = BTreeMap::new();
    for name in store.names() {
        if !store.runs(&name) {
            continue;
        }
        for (metric, family) in metrics(store, &name) {
            let new = row(service(&name), &metric, &family);
            let known: &mut Row =
                said.entry((new.service.clone(), metric)).or_insert_with(|| new.clone());
            // Of two replicas one may have no sample with labels yet.
            known.labels.extend(new.labels.clone());
            assert_eq!((&known.kind, &known.name), (&new.kind, &new.name));
        }
    }
    said.into_values().collect()
}

#[test]
fn the_services_and_the_table_say_the_same() {
    let mut store = Store::start(Plan { front_ends: 2, ..Plan::default() });
    let leader = order(store.leader());
    assert_eq!(store.buy(1, "a", "Tux").unwrap().0, 200);
    assert_eq!(store.get(1, "/products/Tux").unwrap().0, 200);
    assert_eq!(store.get(1, "/nowhere").unwrap().0, 404);

    let catalog = wait_for("a survey of the catalog, and two leases", || {
        let page = metrics(&store, "catalog");
        let counted = value(&page, "toystore_products", "") == 5.0;
        let sold = value(&page, "toystore_stock_units", "") == 5.0 * 10_000_000.0 - 1.0;
        let leased = value(&page, "toystore_leases", "") == 2.0;
        (counted && sold && leased).then_some(page)
    });
    for (metric, expected) in [
        ("toystore_products_sold_out", 0.0),
        ("toystore_leader", 3.0),
        ("toystore_in_sync_replicas", 3.0),
        ("toystore_product_changes", 1.0),
    ] {
        assert_eq!(value(&catalog, metric, ""), expected, "{metric}");
    }
    assert!(value(&catalog, "toystore_database_bytes", "") > 0.0);
    let page = wait_for("a leader that tells of the order", || {
        let page = metrics(&store, &leader);
        (value(&page, "toystore_commit_number", "") == 1.0).then_some(page)
    });
    assert_eq!(value(&page, "toystore_role", "leader"), 1.0);
    assert_eq!(value(&page, "toystore_role", "follower"), 0.0);
    assert_eq!(value(&page, "toystore_orders_per_call", ""), 1.0, "the sum");

    // Calls that fail, of every service: to a replica and to a front end that are not there. The
    // catalog tells a front end only of what it may keep.
    assert_eq!(store.get(2, "/products/Tux").unwrap().0, 200);
    store.kill(&order(1));
    store.kill(&front_end(2));
    let documented = rows();
    let mut tries = 0;
    let said = wait_for("calls without an answer", || {
        tries += 1;
        store.buy(1, &format!("b-{tries}"), "Tux").ok()?;
        store.cluster(1)?;
        let said = said(&mut store);
        let errors = said.iter().filter(|row| row.name == "toystore_call_errors_total").count();
        (errors == 3).then_some(said)
    });
    let undocumented: Vec<_> = said.difference(&documented).collect();
    assert!(undocumented.is_empty(), "not in docs/metrics.md: {undocumented:#?}");
    let gone: Vec<_> = documented.difference(&said).collect();
    assert!(gone.is_empty(), "in docs/metrics.md and nowhere else: {gone:#?}");

    wait_for("the catalog to wait out a lease", || {
        let page = metrics(&store, "catalog");
        (value(&page, "toystore_leases_revoked", "") == 1.0).then_some(())
    });
}

#[test]
fn a_replica_that_catches_up_is_seen_to() {
    let mut store = Store::start(Plan::default());
    let away = order(1);
    store.kill(&away);
    for n in 0..20 {
        wait_for("an order", || {
            (store.buy(1, &format!("k{n}"), "Tux").ok()?.0 == 200).then_some(())
        });
    }
    store.run(&away);
    let page = wait_for("a replica that is back", || {
        let url = format!("http://{}/readyz", store.address(&away));
        let ready = store.http().get(url).send().is_ok_and(|answer| answer.status() == 200);
        ready.then(|| metrics(&store, &away))
    });
    assert!(value(&page, "toystore_catch_up_orders", "") >= 20.0);
    assert_eq!(value(&page, "toystore_behind_orders", ""), 0.0);
    assert_eq!(value(&page, "toystore_role", "catching_up"), 0.0);
}

fn checks(store: &Store, name: &str) -> (u16, BTreeMap<String, bool>) {
    let (status, text) = text(store, name, "/readyz?verbose");
    let body: Value = serde_json::from_str(&text).unwrap();
    let of = if status == 200 { &body["data"] } else { &body["error"] };
    let check = |check: &Value| {
        assert!(check["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{text}");
        (check["name"].as_str().unwrap().to_owned(), check["ok"].as_bool().unwrap())
    };
    (status, of["checks"].as_array().unwrap().iter().map(check).collect())
}

#[test]
fn what_is_missing_is_said_one_by_one() {
    let mut store = Store::start(Plan::default());
    for (name, expected) in [
        ("front-end-1", vec!["cache", "catalog", "leader", "orders"]),
        ("order-3", vec!["disk", "leader", "log", "progress"]),
        ("catalog", vec!["disk", "leader", "leases"]),
    ] {
        wait_for("a process that has everything", || {
            let (status, checks) = checks(&store, name);
            assert_eq!(checks.keys().collect::<Vec<_>>(), expected, "{name}");
            (status == 200 && checks.values().all(|ok| *ok)).then_some(())
        });
    }
    store.kill("catalog");
    wait_for("a front end that misses the catalog", || {
        let (status, checks) = checks(&store, "front-end-1");
        (status == 503 && !checks["catalog"] && !checks["cache"] && !checks["orders"]).then_some(())
    });
}

#[test]
fn the_trace_of_an_order_is_in_the_logs_of_all_that_it_passes() {
    let mut store = Store::prepare(Plan::default());
    for name in store.names() {
        let mut command = store.command(&name);
        command.env("TOYSTORE_LOG", "info,toystore_host=debug");
        store.adopt(&name, command);
    }
    store.wait_until_ready();
    let leader = order(store.leader());
    wait_for("a lease", || {
        (text(&store, "front-end-1", "/readyz?verbose").1.contains("it has its lease"))
            .then_some(())
    });
    // The catalog tells a front end only of what it may keep.
    assert_eq!(store.get(1, "/products/Tux").unwrap().0, 200);
    let answer = store
        .http()
        .post(format!("{}/orders", store.url(1)))
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .json(&serde_json::json!({"name": "Tux", "quantity": 1}))
        .send()
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-request-id"], TRACE);
    let follower = order(if leader == order(1) { 2 } else { 1 });
    for (name, route) in [
        ("front-end-1", "place_order"),
        (leader.as_str(), "place-orders"),
        ("catalog", "transact"),
        ("front-end-1", "invalidate"),
        (follower.as_str(), "append"),
    ] {
        wait_for(&format!("{route} in the log of {name}"), || {
            let log = store.log(name);
            let line = log.lines().find(|line| {
                line.contains("answered") && line.contains(route) && line.contains(TRACE)
            });
            line.map(|line| assert!(line.contains("span_id="), "{line}"))
        });
    }
}
