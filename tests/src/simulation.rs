//! A whole store on one thread: the services' own loops, handlers, cache and choice of a leader;
//! only time, network, disks and machines are simulated. One seed decides everything.
//!
//! A run has a time of faults and a time of healing. States are checked as they change, by
//! [`watch`]; what customers saw is checked in the end, by [`checks`](crate::checks), as that of
//! customers of real processes is.
//!
//! | file | holds |
//! |---|---|
//! | [`plan`] | what kind of store a seed makes, and what befalls it |
//! | [`world`] | the processes, and what carries frames between them |
//! | [`services`] | the services, put together |
//! | [`process`] | tasks that live, pause and die together |
//! | [`network`], [`disk`], [`catalog_disk`] | what is simulated |
//! | [`faults`] | what goes wrong |
//! | [`customers`] | who buys |
//! | [`watch`], [`rest`] | what must hold at any time, and in the end |
//! | [`campaign`], [`seeds`], [`trace`] | many seeds, seeds to remember, one seed in detail |
//! | [`control`], [`random`], [`seen`] | what they all share |

pub mod campaign;
pub mod catalog_disk;
pub mod control;
pub mod customers;
pub mod disk;
pub mod faults;
pub mod network;
pub mod plan;
pub mod process;
pub mod random;
pub mod rest;
pub mod seeds;
pub mod seen;
pub mod services;
pub mod trace;
pub mod watch;
pub mod world;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Once;

use futures_util::future::join_all;
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};

use crate::checks;
use control::Control;
use customers::Customer;
use plan::Plan;
pub use seen::Seen;
use world::World;

thread_local! {
    /// A panic in a task is kept by the task: whoever runs a seed wants to know.
    static PANICKED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs one seed; what happened.
///
/// # Errors
/// What did not hold.
pub fn run(seed: u64) -> Result<Seen, String> {
    note_panics();
    PANICKED.take();
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let control = Control::new(seed);
    let local = LocalSet::new();
    let outcome = local.block_on(&runtime, scenario(control.clone()));
    // Tasks end before the runtime that they belong to.
    drop(local);
    let failure = PANICKED.take().map(|panic| format!("a panic: {panic}"));
    match failure.or(control.failure()).or(outcome.err()) {
        Some(failure) => Err(failure),
        None => Ok(control.seen()),
    }
}

async fn scenario(control: Control) -> Result<(), String> {
    trace::begin();
    let plan = Plan::of(&control);
    tracing::info!(?plan, "a store");
    let (world, parcels) = World::new(control.clone(), plan.clone());
    spawn_local(world.clone().carry_all(parcels));
    world.names().into_iter().for_each(|name| world.start(name));
    let customers =
        (0..plan.customers).map(|number| spawn_local(Customer::new(world.clone(), number).shop()));
    let customers: Vec<_> = customers.collect();
    world.clone().trouble().await;
    world.heal();
    join_all(customers).await;
    world.heal_the_last();
    world.come_to_rest().await;
    let outcome = if control.failure().is_some() { Ok(()) } else { check(&world) };
    world.close();
    outcome
}

/// What customers saw, and what was left.
fn check(world: &Rc<World>) -> Result<(), String> {
    let rest = world.rest();
    checks::all(&world.calls.borrow(), &rest).map(|_| ()).map_err(|violation| violation.to_string())
}

fn note_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICKED.set(Some(info.to_string()));
            usual(info);
        }));
    });
}
