//! A front end that may open hardly any files.

use std::process::Command;
use std::sync::PoisonError;

use toystore_tests::store::{Plan, Store, front_end, wait_for};

use crate::customer::Customer;
use crate::{MACHINE, memory, run};

/// What the front end may open: enough for itself and a few customers.
const ALLOWED: usize = 64;

/// The same command in a shell that takes most descriptors away for ever.
fn with_few_descriptors(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {ALLOWED} && exec \"$@\""), "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    shell
}

#[test]
fn a_front_end_without_file_descriptors_goes_on_serving() {
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    let mut store = Store::prepare(Plan::default());
    let name = front_end(1);
    for other in store.names().into_iter().filter(|other| *other != name) {
        store.run(&other);
    }
    let few = with_few_descriptors(&store.command(&name));
    store.adopt(&name, few);
    store.wait_until_ready();
    let address = store.address(&name);
    run(async {
        let mut good = Customer::connect(&address).await.unwrap();
        assert_eq!(good.buy("before", "Tux").await.unwrap().status, 200);
        let mut crowd = Vec::new();
        for _ in 0..2 * ALLOWED {
            crowd.push(Customer::connect(&address).await.expect("the system takes it"));
        }
        wait_for("no descriptors left", || {
            store.log(&name).contains("cannot accept connections").then_some(())
        });
        for turn in 0..20 {
            let look = good.get("/products/Tux").await.expect("an answer");
            assert_eq!(look.status, 200, "{look:?}");
            let bought = good.buy(&format!("meanwhile-{turn}"), "Tux").await.expect("an answer");
            assert!(bought.status == 200 || bought.says_when(), "{bought:?}");
        }
        drop(crowd);
        let mut after = Customer::connect(&address).await.unwrap();
        assert_eq!(after.buy("afterwards", "Tux").await.unwrap().status, 200);
    });
    memory::check(&mut store);
    store.check_at_rest();
}
