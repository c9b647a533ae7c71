//! Who sends when, and from when the time of a request counts.
//!
//! *Closed loop*: each connection sends its next request when the last one is answered; this finds
//! out how much a store can take. *Open loop*: requests are due at fixed instants, whether or not
//! the ones before are answered; a request's time counts from when it was due, not from when a
//! connection was free for it, so that a store that stalls does not hide it (coordinated omission;
//! Tene, "How not to measure latency").

use std::future::Future;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::task::LocalSet;

use crate::load::figures::{Figures, Outcome};

/// How much load, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Requests under way at the same time, each on a connection of its own.
    pub connections: usize,
    /// Threads that the connections are spread over.
    pub threads: usize,
    /// Before anything is counted.
    pub warm_up: Duration,
    /// While it is counted.
    pub measured: Duration,
    /// Requests per second of all connections together; none for a closed loop.
    pub rate: Option<f64>,
}

/// Somebody who sends one request after the other.
pub trait Customer {
    /// Sends one request; says of what kind it was, and what came of it.
    fn request(&mut self) -> impl Future<Output = (&'static str, Outcome)>;
}

/// Runs customers, made by their numbers, as planned.
///
/// # Errors
/// The system gives no thread.
pub fn run<C, F>(plan: &Plan, customer: F) -> io::Result<Figures>
where
    C: Customer + 'static,
    F: Fn(usize) -> C + Sync,
{
    let start = Instant::now() + plan.warm_up;
    let work = |thread: usize| -> io::Result<Figures> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tasks = LocalSet::new();
        // Customers may need it for being made.
        let _entered = runtime.enter();
        let mine = (thread..plan.connections).step_by(plan.threads);
        let shopping: Vec<_> = mine
            .map(|number| tasks.spawn_local(shop(*plan, start, number, customer(number))))
            .collect();
        Ok(tasks.block_on(&runtime, async move {
            let mut figures = Figures::new(plan.measured);
            for shopping in shopping {
                // A customer does not panic; one that did would only be missing.
                figures.add(&shopping.await.unwrap_or_else(|_| Figures::new(plan.measured)));
            }
            figures
        }))
    };
    let cpu = cpu_seconds();
    let mut figures = Figures::new(plan.measured);
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> =
            (0..plan.threads).map(|number| scope.spawn(move || work(number))).collect();
        for thread in threads {
            let done = thread.join().unwrap_or_else(|_| Err(io::Error::other("it broke off")))?;
            figures.add(&done);
        }
        Ok::<_, io::Error>(())
    })?;
    figures.cpu_seconds = cpu_seconds() - cpu;
    figures.wall_seconds = (plan.warm_up + plan.measured).as_secs_f64();
    Ok(figures)
}

async fn shop<C: Customer>(plan: Plan, start: Instant, number: usize, mut customer: C) -> Figures {
    let mut figures = Figures::new(plan.measured);
    let end = start + plan.measured;
    let mut due = Due::new(&plan, start, number);
    loop {
        let from = due.next().await;
        if from >= end {
            return figures;
        }
        let (kind, outcome) = customer.request().await;
        let now = Instant::now();
        // Counted is what is answered within the time, so that the rate is true.
        if now >= start && now < end {
            figures.count(kind, outcome, now - start, now - from);
        }
    }
}

/// When a connection's requests are due.
struct Due {
    /// None for a closed loop.
    pause: Option<Duration>,
    next: Instant,
}

impl Due {
    fn new(plan: &Plan, start: Instant, number: usize) -> Self {
        let each = |rate: f64| Duration::from_secs_f64(plan.connections as f64 / rate);
        let pause = plan.rate.map(each);
        let offset = pause.unwrap_or_default().mul_f64(number as f64 / plan.connections as f64);
        Self { pause, next: start - plan.warm_up + offset }
    }

    async fn next(&mut self) -> Instant {
        let Some(pause) = self.pause else { return Instant::now() };
        let due = self.next;
        self.next += pause;
        tokio::time::sleep_until(due.into()).await;
        due
    }
}

/// Seconds that all threads of this process have spent on a processor.
#[must_use]
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers at once, but for one long stall.
    struct Staller {
        sent: u32,
    }

    impl Customer for Staller {
        async fn request(&mut self) -> (&'static str, Outcome) {
            self.sent += 1;
            if self.sent == 20 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            ("stall", Outcome::Done)
        }
    }

    fn plan(rate: Option<f64>) -> Plan {
        let measured = Duration::from_millis(300);
        Plan { connections: 1, threads: 1, warm_up: Duration::ZERO, measured, rate }
    }

    #[test]
    fn an_open_loop_counts_what_waited_behind_a_stall() {
        let figures = run(&plan(Some(1000.0)), |_| Staller { sent: 0 }).unwrap();
        let report = figures.report();
        let stall = &report.kinds["stall"];
        assert!(stall.done > 100, "it caught up: {}", stall.done);
        // A closed loop would show one slow request; here those that were due meanwhile waited too.
        assert!(stall.p99_ms > 50.0, "{}", stall.p99_ms);
    }

    #[test]
    fn a_closed_loop_sends_as_fast_as_it_is_answered() {
        let figures = run(&plan(None), |_| Staller { sent: 0 }).unwrap();
        let report = figures.report();
        assert!(report.kinds["stall"].done > 20, "it goes on after the stall");
        assert!(report.longest_gap_ms >= 99.0, "{}", report.longest_gap_ms);
    }
}
