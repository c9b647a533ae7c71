//! The network is cut between real processes, each in a network namespace of its own. What is
//! sent into a cut gets lost, and nobody is told. Clients write down what they see meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use toystore_tests::network::Network;
use toystore_tests::recording::{Recorder, Shopping};
use toystore_tests::store::{Plan, Store, front_end, order, wait_for};

/// So many orders before a cut, during it, and after it.
const ENOUGH: u64 = 20;
const CATALOG: &str = "catalog";

/// A store on a network, with clients at two front ends.
struct Scene {
    network: Arc<Network>,
    store: Store,
    recorder: Recorder,
}

impl Scene {
    /// None where no network can be made.
    fn open(seed: u64) -> Option<Self> {
        let plan = Plan { front_ends: 2, ..Plan::default() };
        let network = match Network::enter(plan.names()) {
            Ok(network) => Arc::new(network),
            Err(why) => {
                println!("SKIPPED: {why}");
                return None;
            }
        };
        let store = Store::start(Plan { network: Some(Arc::clone(&network)), ..plan });
        // Most clients go to the front end that no test cuts off from everybody.
        let recorder = Recorder::start(&store, &Shopping::at(&[1, 1, 2], seed), 0);
        recorder.wait_for_orders(ENOUGH);
        Some(Self { network, store, recorder })
    }

    fn leader(&self) -> String {
        order(self.store.leader())
    }

    fn followers(&self) -> Vec<String> {
        (1..=3).map(order).filter(|name| *name != self.leader()).collect()
    }

    fn wait_until_left_out(&self, name: &str) {
        let id: u64 = name.trim_start_matches("order-").parse().unwrap();
        wait_for("a replica to be left out", || {
            let cluster = self.store.cluster(1)?;
            let in_sync = cluster["in_sync"].as_array()?;
            (!in_sync.iter().any(|member| *member == id)).then_some(())
        });
    }

    /// Waits until the second front end gets no answer from a process.
    fn wait_until_cut_off(&self, name: &str) {
        wait_for("the second front end to be cut off", || {
            let cluster = self.store.cluster(2)?;
            let address = self.store.address(name);
            let replicas = cluster["replicas"].as_array()?.iter();
            let seen =
                replicas.chain([&cluster["catalog"]]).find(|seen| seen["address"] == address);
            (seen?["healthy"] == false).then_some(())
        });
    }

    fn orders_flow(&self) {
        self.recorder.wait_for_orders(ENOUGH);
    }

    /// Ends the cuts; all must be in sync again, and every answer fit into one history.
    fn close(mut self) {
        self.network.heal();
        self.orders_flow();
        let history = self.recorder.finish(&mut self.store);
        let counts = history.check().unwrap_or_else(|violation| panic!("{violation}"));
        println!("{counts:?}; longest gap {:?}", history.longest_gap());
        assert!(counts.orders.found > 5 && counts.orders.not_yet > 1, "{counts:?}");
        assert!(counts.products.versions > 10, "{counts:?}");
    }
}

#[test]
fn a_leader_cut_off_from_everybody_is_replaced() {
    let Some(scene) = Scene::open(1) else { return };
    let leader = scene.leader();
    scene.network.unplug(&leader);
    scene.orders_flow();
    assert_ne!(scene.leader(), leader);
    scene.close();
}

#[test]
fn a_leader_cut_off_from_its_followers_goes_on_without_them() {
    let Some(scene) = Scene::open(2) else { return };
    let leader = scene.leader();
    for follower in scene.followers() {
        scene.network.separate(&leader, &follower);
    }
    scene.orders_flow();
    assert_eq!(scene.leader(), leader, "the catalog hears it: it stays");
    for follower in scene.followers() {
        scene.wait_until_left_out(&follower);
    }
    scene.close();
}

#[test]
fn a_leader_cut_off_from_the_catalog_is_replaced() {
    let Some(scene) = Scene::open(3) else { return };
    let leader = scene.leader();
    scene.network.separate(&leader, CATALOG);
    scene.orders_flow();
    assert_ne!(scene.leader(), leader);
    scene.close();
}

#[test]
fn a_follower_that_hears_but_is_not_heard_is_left_out() {
    let Some(scene) = Scene::open(4) else { return };
    let (leader, follower) = (scene.leader(), scene.followers().remove(0));
    scene.network.silence(&follower, &leader);
    scene.wait_until_left_out(&follower);
    scene.orders_flow();
    scene.close();
}

#[test]
fn a_follower_that_is_heard_but_does_not_hear_is_left_out() {
    let Some(scene) = Scene::open(5) else { return };
    let (leader, follower) = (scene.leader(), scene.followers().remove(0));
    scene.network.silence(&leader, &follower);
    scene.wait_until_left_out(&follower);
    scene.orders_flow();
    scene.close();
}

#[test]
fn a_front_end_cut_off_from_the_leader_alone_goes_through_a_follower() {
    let Some(scene) = Scene::open(6) else { return };
    let leader = scene.leader();
    scene.network.separate(&front_end(2), &leader);
    scene.wait_until_cut_off(&leader);
    scene.recorder.wait_for_orders_at(2, ENOUGH);
    assert_eq!(scene.leader(), leader, "the catalog hears it: it stays");
    scene.close();
}

#[test]
fn a_front_end_that_caches_and_is_cut_off_from_the_catalog_shows_nothing_old() {
    let Some(scene) = Scene::open(7) else { return };
    for _ in 0..3 {
        scene.network.separate(&front_end(2), CATALOG);
        scene.wait_until_cut_off(CATALOG);
        scene.orders_flow();
        scene.network.heal();
        scene.orders_flow();
        // One way only: it asks the catalog, and hears nothing.
        scene.network.silence(CATALOG, &front_end(2));
        scene.wait_until_cut_off(CATALOG);
        scene.orders_flow();
        scene.network.heal();
        scene.orders_flow();
    }
    scene.close();
}

#[test]
fn killed_and_cut_off_processes_together() {
    let Some(mut scene) = Scene::open(8) else { return };
    let killed = scene.followers().remove(0);
    scene.store.kill(&killed);
    scene.orders_flow();
    let leader = scene.leader();
    scene.network.unplug(&leader);
    scene.orders_flow();
    scene.store.run(&killed);
    scene.close();
}
