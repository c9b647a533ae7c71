//! What cannot be served is refused in one line that says how to mend it, and with a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use toystore_tests::store::{Plan, Store, order, program};

/// Runs a process that must end by itself; what it said last.
fn refusal(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it started: {said}");
    let last = said.lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("toystore-"), "{said}");
    last
}

#[test]
fn a_port_in_use_is_named() {
    let store = Store::prepare(Plan::default());
    for name in store.names() {
        let _taken = TcpListener::bind(store.address(&name)).unwrap();
        let said = refusal(store.command(&name));
        assert!(said.contains(&store.address(&name)) && said.contains("in use"), "{said}");
    }
}

#[test]
fn a_missing_token_is_named() {
    let store = Store::prepare(Plan::default());
    fs::remove_file(store.token("cluster.token")).unwrap();
    for name in store.names() {
        let said = refusal(store.command(&name));
        assert!(said.contains("cluster.token"), "{said}");
    }
}

#[test]
fn a_bad_line_of_products_is_refused_with_its_number() {
    let store = Store::prepare(Plan::default());
    let products = store.token("catalog.csv");
    fs::write(&products, "name,price,stock\nTux,25.99,100\nUno,cheap,100\n").unwrap();
    let said = refusal(store.command("catalog"));
    assert!(said.contains("line 3"), "{said}");
    assert!(!store.data("catalog").exists(), "nothing was made of half a file");
}

#[test]
fn a_damaged_database_is_refused_and_replaced_only_on_request() {
    let mut store = Store::start(Plan::default());
    for n in 0..50 {
        assert_eq!(store.buy(1, &format!("k{n}"), "Tux").unwrap().0, 200);
    }
    let name = order(1);
    assert!(store.terminate(&name).success());
    let file = store.data(&name).join("sled/db");
    fs::remove_file(&file).unwrap();
    let said = refusal(store.command(&name));
    assert!(said.contains("damaged") && said.contains("--replace-damaged"), "{said}");
    assert!(!file.exists(), "it never starts on an empty database in place of a damaged one");
    let mut command = store.command(&name);
    command.arg("--replace-damaged");
    store.adopt(&name, command);
    store.check_at_rest();
    assert!(store.data(&name).with_file_name("order-1.damaged-1").exists());
}

#[test]
fn a_foreign_folder_is_refused() {
    let mut store = Store::start(Plan::default());
    for name in [order(1), order(2), "catalog".to_owned()] {
        assert!(store.terminate(&name).success());
    }
    fs::rename(store.data("order-2"), store.data("away")).unwrap();
    fs::rename(store.data("order-1"), store.data("order-2")).unwrap();
    let said = refusal(store.command("order-2"));
    assert!(said.contains("order-2") && said.contains("order-1"), "{said}");
    fs::rename(store.data("catalog"), store.data("order-1")).unwrap();
    let said = refusal(store.command("order-1"));
    assert!(said.contains("catalog"), "{said}");
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("letter.txt"), "dear").unwrap();
    let mut command = Command::new(program("toystore-catalog"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(other.path());
    command.arg("--cluster-token").arg(store.token("cluster.token"));
    assert!(refusal(command).contains("not a database"));
}

#[test]
fn a_second_process_on_one_database_is_refused() {
    let store = Store::start(Plan::default());
    let data = store.data("order-1").parent().unwrap().to_owned();
    let other = Store::prepare(Plan { data: Some(data), ..Plan::default() });
    let said = refusal(other.command("order-1"));
    assert!(said.contains("in use"), "{said}");
}

#[test]
fn an_empty_catalog_does_not_start_over_replicas_that_hold_orders() {
    let mut store = Store::start(Plan::default());
    assert_eq!(store.buy(1, "k", "Tux").unwrap().0, 200);
    // Nothing is under way that would make the leader look at the catalog.
    store.check_at_rest();
    store.kill("catalog");
    fs::rename(store.data("catalog"), store.data("lost")).unwrap();
    store.run("catalog");
    let message = toystore_tests::store::wait_for("the front end to say why", || {
        let (status, body) = store.get(1, "/readyz").ok()?;
        let message = body["error"]["message"].as_str()?.to_owned();
        (status == 503 && message.contains("recover")).then_some(message)
    });
    assert!(message.contains("catalog is new"), "{message}");
    assert_eq!(store.buy(1, "k2", "Tux").unwrap().0, 503);
    assert_eq!(
        store.get(1, "/products/Tux").unwrap().0,
        503,
        "its products are not to be believed"
    );
    // The way out that the message names.
    store.kill("catalog");
    fs::remove_dir_all(store.data("catalog")).unwrap();
    let served = store.command("catalog");
    let mut recover = Command::new(program("toystore-catalog"));
    recover.arg("recover").args(
        served
            .get_args()
            .skip(1)
            .scan(false, |skip, arg| {
                let drop = *skip || arg == "--listen";
                *skip = arg == "--listen";
                Some((!drop).then(|| arg.to_owned()))
            })
            .flatten(),
    );
    let output = recover.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    store.run("catalog");
    store.wait_until_ready();
    assert_eq!(store.buy(1, "k", "Tux").unwrap().1["data"]["order_number"], 1);
    assert_eq!(store.buy(1, "k3", "Tux").unwrap().1["data"]["order_number"], 2);
    store.check_at_rest();
}
