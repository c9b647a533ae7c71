//! `run`: what it concludes from a whole shopping trip.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stand_in::{Fault, StandIn};
use crate::{client, code, nobody, stderr, stdout};

/// Shops at a store with this fault; the exit code, the report, the text.
fn shop(store: &StandIn, more: &[&str]) -> (i32, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let mut command = client(&["run", "--front-end", &store.url]);
    for (name, value) in [("CLIENTS", "3"), ("ITERATIONS", "20"), ("SEED", "7")] {
        command.env(format!("TOYSTORE_{name}"), value);
    }
    let output = command.arg("--report").arg(&path).args(more).output().unwrap();
    let report = std::fs::read(&path).unwrap();
    (code(&output), serde_json::from_slice(&report).unwrap(), stdout(&output))
}

fn count(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

#[test]
fn an_honest_store_passes() {
    let store = StandIn::start(Fault::None);
    let (code, report, text) = shop(&store, &["-p", "0.6", "--quantity", "2"]);
    assert_eq!(code, 0, "{text}");
    let books = store.books.lock().unwrap();
    let bought = books.orders.len();
    assert!(bought > 20 && books.looks == 60, "{bought}");
    assert_eq!(books.keys_seen.len(), bought);
    assert_eq!((count(&report["orders"]), &report["acknowledged"]), (bought, &bought.into()));
    assert_eq!(report["requests"]["look"]["requests"], 60);
    assert_eq!(report["requests"]["buy"]["requests"], bought);
    assert_eq!(report["requests"]["order_look_up"]["requests"], bought);
    assert!(report["requests"]["buy"]["p99_ms"].as_f64().unwrap() > 0.0);
    assert_eq!((&report["errors_seen"], &report["gave_up"]), (&0.into(), &0.into()));
    assert_eq!((&report["exit_code"], &report["settings"]["seed"]), (&0.into(), &7.into()));
    let order = &report["orders"][0];
    assert_eq!(order["quantity"], 2);
    assert!(books.by_key.contains_key(order["key"].as_str().unwrap()));
    assert!(order["sent_ms"].as_f64().unwrap() <= order["acked_ms"].as_f64().unwrap());
    assert!(report["longest_gap"]["ms"].as_f64().is_some());
    assert!(text.contains(&format!("All {bought} acknowledged orders match.")), "{text}");
    assert!(text.contains("order look-up") && text.contains("Longest gap"), "{text}");
    // All pages of the catalog were seen, and toys from both were looked at.
    assert!(books.paths.iter().any(|path| path == "/products/Uno"));
    assert!(books.paths.iter().any(|path| path == "/products/Connect%20Four"));
}

#[test]
fn the_same_seed_makes_the_same_choices_under_new_keys() {
    let store = StandIn::start(Fault::None);
    let toys = |report: &Value| {
        let orders = report["orders"].as_array().unwrap().iter();
        let mut toys: Vec<_> =
            orders.map(|o| (o["client"].as_u64(), o["name"].to_string())).collect();
        toys.sort();
        toys
    };
    let (_, first, _) = shop(&store, &[]);
    let (code, second, _) = shop(&store, &[]);
    assert_eq!(toys(&first), toys(&second));
    // Had a key come again, the store would have answered with the first run's order.
    assert_eq!(code, 0);
    assert_eq!(store.books.lock().unwrap().orders.len(), toys(&first).len() * 2);
}

#[test]
fn a_lost_order_fails() {
    let (code, report, text) = shop(&StandIn::start(Fault::Loses), &[]);
    assert_eq!((code, count(&report["lost"])), (1, 1), "{text}");
    assert_eq!(report["lost"][0]["number"], 2);
    assert!(text.contains("WRONG") && text.contains("Lost: order 2"), "{text}");
}

#[test]
fn a_changed_order_fails() {
    let (code, report, text) = shop(&StandIn::start(Fault::Changes), &[]);
    assert_eq!((code, count(&report["mismatches"])), (1, 1), "{text}");
    assert_eq!(report["mismatches"][0]["found"]["quantity"], 2);
    assert!(text.contains("Changed: order 2"), "{text}");
}

#[test]
fn a_number_given_twice_fails() {
    // Where both orders are alike, each looked up alone would match.
    let (code, report, text) = shop(&StandIn::start(Fault::SameNumber), &[]);
    assert_eq!((code, count(&report["duplicates"])), (1, 1), "{text}");
    assert_eq!(count(&report["duplicates"][0]["keys"]), 2);
}

#[test]
fn a_busy_store_is_asked_again_under_the_same_key() {
    let store = StandIn::start(Fault::Busy);
    let (code, report, text) = shop(&store, &["--clients", "1"]);
    assert_eq!(code, 0, "{text}");
    let books = store.books.lock().unwrap();
    assert_eq!(books.keys_seen[0], books.keys_seen[1]);
    assert_eq!(books.keys_seen[0], books.keys_seen[2]);
    assert_eq!(books.keys_seen.len(), books.orders.len() + 2);
    assert_eq!((&report["errors_seen"], &report["gave_up"]), (&2.into(), &0.into()));
    assert_eq!(report["errors_by_kind"]["503"], 2);
    assert_eq!(report["requests"]["buy"]["repeats"], 2);
}

#[test]
fn a_broken_connection_buys_once() {
    let store = StandIn::start(Fault::HangsUp);
    let (code, report, text) = shop(&store, &["--clients", "1", "-p", "1"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(store.books.lock().unwrap().orders.len(), 20);
    assert_eq!(report["errors_by_kind"]["connection broken"], 1, "{text}");
}

#[test]
fn an_unknown_outcome_is_told_and_does_not_fail() {
    let (code, report, text) =
        shop(&StandIn::start(Fault::Unknown), &["--clients", "1", "--patience", "1"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(count(&report["unknown_outcomes"]), 1);
    assert_eq!(report["gave_up"], 1);
    assert!(text.contains("Outcome unknown: 1 of"), "{text}");
}

#[test]
fn a_run_without_one_order_proves_nothing() {
    let (code, report, text) =
        shop(&StandIn::start(Fault::NoLeader), &["--iterations", "3", "--patience", "0"]);
    assert_eq!((code, count(&report["unknown_outcomes"])), (3, 0), "{text}");
    assert!(text.contains("UNPROVEN"), "{text}");
}

#[test]
fn sold_out_is_no_failure() {
    let (code, report, _) = shop(&StandIn::start(Fault::Empty), &["-p", "1"]);
    assert_eq!((code, &report["requests"]["buy"]["requests"]), (0, &0.into()));
}

#[test]
fn the_spare_front_end_takes_over() {
    let store = StandIn::start(Fault::None);
    let front_ends = format!("{},{}", nobody(), store.url);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let mut command = client(&["run", "--clients", "2", "--iterations", "5", "--patience", "0"]);
    command.env("TOYSTORE_FRONT_END", front_ends).env("TOYSTORE_REPORT", &path);
    let output = command.output().unwrap();
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let report: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(report["errors_by_kind"]["no connection"], 1);
    assert_eq!(report["gave_up"], 0);
}

#[test]
fn ctrl_c_leads_to_the_check() {
    let store = StandIn::start(Fault::None);
    let args = ["run", "--iterations", "10000000", "--front-end", &store.url];
    let child = client(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while store.books.lock().unwrap().orders.len() < 50 {
        assert!(Instant::now() < deadline, "nobody shops");
        std::thread::sleep(Duration::from_millis(10));
    }
    let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signalled.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let bought = store.books.lock().unwrap().orders.len();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let verdict = format!("All {bought} acknowledged orders match.");
    assert!(stdout(&output).contains(&verdict), "{}", stdout(&output));
}

#[test]
fn nobody_there_is_3_at_once() {
    let started = Instant::now();
    let output = client(&["run", "--front-end", &nobody()]).output().unwrap();
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_run_prints_its_report_as_json() {
    let store = StandIn::start(Fault::Loses);
    let (code, report, text) = shop(&store, &["-p", "0.6", "--json"]);
    let printed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, printed), (1, report));
}
