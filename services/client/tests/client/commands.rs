//! Single requests, and the command line itself.

use serde_json::Value;

use crate::stand_in::{Fault, StandIn};
use crate::{client, code, nobody, stderr, stdout};

#[test]
fn single_requests_answer_in_words() {
    let store = StandIn::start(Fault::None);
    for (args, words) in [
        (&["get", "Connect Four"][..], "Connect Four costs 25.99, 100 left."),
        (&["buy", "Tux", "2", "--key", "k"], "Order 1: 2 of Tux. Key k"),
        (&["buy", "Tux", "2", "--key", "k"], "Order 1: 2 of Tux. Key k"),
        (&["order", "1"], "Order 1: 2 of Tux."),
        (&["status"], "Epoch 3, leader 2"),
        (&["status"], "order-2  127.0.0.1:10011      yes  leader      yes         118"),
    ] {
        let output = client(args).args(["--front-end", &store.url]).output().unwrap();
        assert_eq!(code(&output), 0, "{args:?} {}", stderr(&output));
        assert!(stdout(&output).contains(words), "{args:?} {}", stdout(&output));
    }
}

#[test]
fn json_is_the_reply_itself() {
    let store = StandIn::start(Fault::None);
    let output = client(&["get", "Tux", "--json", "--front-end", &store.url]).output().unwrap();
    let reply: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), &reply["data"]["price"]), (0, &25.99.into()));

    let output = client(&["order", "9", "--json", "--front-end", &store.url]).output().unwrap();
    let reply: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), &reply["error"]["code"]), (1, &404.into()));
    assert!(stderr(&output).contains("order not found"));
}

#[test]
fn a_refusal_is_1_with_the_stores_words() {
    let empty = StandIn::start(Fault::Empty);
    for (args, words) in [
        (&["get", "Yoyo"][..], "product not found (404)"),
        (&["order", "7"], "order not found (404)"),
        (&["buy", "Tux", "1"], "out of stock (409)"),
    ] {
        let output = client(args).args(["--front-end", &empty.url]).output().unwrap();
        assert_eq!(code(&output), 1);
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn an_unknown_outcome_names_the_key() {
    let store = StandIn::start(Fault::Unknown);
    let output = client(&["buy", "Tux", "1", "--front-end", &store.url]).output().unwrap();
    assert_eq!(code(&output), 1);
    let key = store.books.lock().unwrap().keys_seen[0].clone();
    assert!(stderr(&output).contains(&format!("--key {key}")), "{}", stderr(&output));
}

#[test]
fn nobody_there_is_3() {
    for args in [&["get", "Tux"][..], &["buy", "Tux", "1"], &["order", "1"], &["status"]] {
        let output = client(args).args(["--front-end", &nobody()]).output().unwrap();
        assert_eq!(code(&output), 3, "{args:?} {}", stderr(&output));
    }
    let store = StandIn::start(Fault::None);
    let both = ["get", "Tux", "--front-end", &nobody(), "--front-end", &store.url];
    assert_eq!(code(&client(&both).output().unwrap()), 0);
}

#[test]
fn bad_usage_is_2() {
    for args in [
        &[][..],
        &["shop"],
        &["get"],
        &["get", ""],
        &["buy", "Tux", "0"],
        &["buy", "Tux", "1", "--key", "a b"],
        &["order", "05"],
        &["run", "--clients", "0"],
        &["run", "-p", "1.5"],
        &["run", "--patience", "-1"],
        &["run", "--front-end", "ftp://a"],
        &["run", "--report", "/no/such/folder/report.json"],
    ] {
        let output = client(args).output().unwrap();
        assert_eq!(code(&output), 2, "{args:?} {}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
    let output = client(&["run"]).env("TOYSTORE_CLIENTS", "many").output().unwrap();
    assert_eq!(code(&output), 2);
}

#[test]
fn a_flag_outdoes_the_environment() {
    let store = StandIn::start(Fault::None);
    let mut command = client(&["get", "Tux", "--front-end", &store.url]);
    let output = command.env("TOYSTORE_FRONT_END", nobody()).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));

    // Two clients: the second one would start with the second front end, were there one.
    let mut command = client(&["run", "--clients", "2", "--iterations", "3"]);
    command.args(["--front-end", &store.url]).env("TOYSTORE_ITERATIONS", "7");
    let output = command.env("TOYSTORE_FRONT_END", nobody()).output().unwrap();
    assert!(stdout(&output).contains("2 clients, 3 looks each"), "{}", stdout(&output));
    assert!(stdout(&output).contains("Errors seen: 0."), "{}", stdout(&output));
}

#[test]
fn help_teaches_on_standard_output() {
    for args in [&["--help"][..], &["run", "--help"], &["buy", "--help"]] {
        let output = client(args).output().unwrap();
        assert_eq!(code(&output), 0);
        assert!(stdout(&output).contains("EXAMPLE"), "{}", stdout(&output));
    }
}

#[test]
fn trouble_says_what_where_and_what_to_do() {
    let nowhere = nobody();
    let output = client(&["buy", "Tux", "2", "--front-end", &nowhere]).output().unwrap();
    let words = stderr(&output);
    for part in ["cannot buy 2 of Tux: no connection", &nowhere, "scripts/start.sh"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let store = StandIn::start(Fault::NoLeader);
    let output = client(&["buy", "Tux", "1", "--front-end", &store.url]).output().unwrap();
    assert!(stderr(&output).contains("Nothing was done."), "{}", stderr(&output));
}

#[test]
fn a_purchase_as_json_tells_its_key_beside_the_reply() {
    let store = StandIn::start(Fault::None);
    let output =
        client(&["buy", "Tux", "1", "--json", "--front-end", &store.url]).output().unwrap();
    let reply: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), &reply["data"]["order_number"]), (0, &1.into()));
    let key = store.books.lock().unwrap().keys_seen[0].clone();
    assert_eq!(stderr(&output), format!("Key {key}\n"));
}

#[test]
fn a_status_that_is_checked_ends_with_1_where_no_orders_are_taken() {
    for (fault, expected) in [(Fault::None, 0), (Fault::NoLeader, 1)] {
        let store = StandIn::start(fault);
        for more in [&["--check"][..], &["--check", "--json"]] {
            let output =
                client(&["status", "--front-end", &store.url]).args(more).output().unwrap();
            assert_eq!(code(&output), expected, "{}", stderr(&output));
            assert_eq!(
                stderr(&output).contains("No orders are taken: nobody leads"),
                expected == 1
            );
        }
        let output = client(&["status", "--front-end", &store.url]).output().unwrap();
        assert_eq!(code(&output), 0);
    }
}
