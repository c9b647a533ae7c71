//! What a process takes from its surroundings beside disk and network: the clock that leases are
//! measured by, randomness, and tasks of its own.
//!
//! In a service these are the system's. A simulator runs many processes on one thread; it polls
//! each [`within`] surroundings of its own, so that the very code of the services runs there with
//! simulated time and with randomness out of a seed.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinSet;

/// The surroundings of a simulated process.
pub trait Surroundings {
    /// Its clock, in milliseconds.
    fn millis(&self) -> u64;
    /// The next random number.
    fn random(&self) -> u64;
}

/// The system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

thread_local! {
    static CURRENT: RefCell<Option<Rc<dyn Surroundings>>> = const { RefCell::new(None) };
}

fn current() -> Option<Rc<dyn Surroundings>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Runs `act` in the given surroundings instead of the system's.
pub fn within<T>(surroundings: &Rc<dyn Surroundings>, act: impl FnOnce() -> T) -> T {
    struct Restore(Option<Rc<dyn Surroundings>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.replace(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(Some(surroundings.clone())));
    act()
}

/// Milliseconds since the machine booted, suspended time included.
///
/// `CLOCK_BOOTTIME` never jumps, as wall time does, and goes on while the machine sleeps, unlike
/// `CLOCK_MONOTONIC`: a lease must not survive a nap.
#[must_use]
pub fn boot_millis() -> u64 {
    current().map_or_else(system_millis, |surroundings| surroundings.millis())
}

fn system_millis() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds * 1000 + nanos / 1_000_000
}

/// Waits until the clock says so much.
pub async fn sleep_until_millis(until: u64) {
    loop {
        let left = until.saturating_sub(boot_millis());
        if left == 0 {
            return;
        }
        // Timers run by another clock than leases do, so the clock is asked again.
        tokio::time::sleep(Duration::from_millis(left)).await;
    }
}

/// A random number.
///
/// # Errors
/// [`NoRandomness`].
pub fn random() -> Result<u64, NoRandomness> {
    match current() {
        Some(surroundings) => Ok(surroundings.random()),
        None => getrandom::u64().map_err(|_| NoRandomness),
    }
}

/// A number in 0..1; without a source of randomness 1.
#[must_use]
pub fn chance() -> f64 {
    random().map_or(1.0, |number| (number >> 32) as f64 / f64::from(u32::MAX))
}

/// Adds a task to a set; the task ends with the set, and with the process.
pub fn spawn<T: Send + 'static>(
    tasks: &mut JoinSet<T>,
    task: impl Future<Output = T> + Send + 'static,
) {
    // A simulated process's tasks are polled with it, and by nobody else.
    if current().is_some() {
        tasks.spawn_local(task)
    } else {
        tasks.spawn(task)
    };
}
