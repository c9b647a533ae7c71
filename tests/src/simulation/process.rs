//! A simulated process: tasks that live, pause and die together, with a clock of their own.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::{AbortHandle, LocalSet};
use tokio::time::{Instant, timeout};
use toystore_host::ambient::{Surroundings, within};

use super::control::Control;

/// Whether a process lives, runs, or has died; shared with everything it acts with.
#[derive(Debug, Default)]
pub struct Life {
    dead: AtomicBool,
    paused: AtomicBool,
    pauses: AtomicU64,
    waker: Mutex<Option<Waker>>,
}

impl Life {
    /// SIGKILL: none of its tasks takes another step.
    pub fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Whether it has died.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// SIGSTOP, or SIGCONT.
    pub fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
        self.pauses.fetch_add(1, Ordering::Relaxed);
        self.wake();
    }

    /// How often it was paused or resumed, and whether it is paused now.
    #[must_use]
    pub fn pauses(&self) -> (u64, bool) {
        (self.pauses.load(Ordering::Relaxed), self.paused.load(Ordering::Relaxed))
    }

    /// Never returns if the process has died meanwhile: its acts end here.
    pub async fn still_lives(&self) {
        if self.is_dead() {
            pending::<()>().await;
        }
    }

    fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.into_iter().for_each(Waker::wake);
    }
}

/// Waits for what a process does; says so when it takes longer than `limit`, pauses apart.
pub async fn in_time<T>(
    life: &Life,
    limit: Duration,
    act: impl Future<Output = T>,
    late: impl Fn(),
) -> T {
    let mut act = std::pin::pin!(act);
    loop {
        let before = life.pauses();
        if let Ok(done) = timeout(limit, &mut act).await {
            return done;
        }
        if before == life.pauses() && !before.1 {
            late();
        }
    }
}

/// The clock and the randomness of one machine.
pub struct Machine {
    control: Control,
    started: Instant,
    offset: u64,
    /// How much faster its clock runs, in parts per million.
    drift: i64,
}

impl Machine {
    /// A machine whose clock runs at most `drift` parts per million too fast or too slow.
    #[must_use]
    pub fn new(control: &Control, drift: u64) -> Rc<Self> {
        let offset = 1_000_000 + control.below(1_000_000);
        let drift = control.below(2 * drift + 1) as i64 - drift as i64;
        Rc::new(Self { control: control.clone(), started: Instant::now(), offset, drift })
    }
}

impl Surroundings for Machine {
    fn millis(&self) -> u64 {
        let passed = self.started.elapsed().as_millis() as i64;
        self.offset + (passed + passed * self.drift / 1_000_000) as u64
    }

    fn random(&self) -> u64 {
        self.control.number()
    }
}

/// A running process.
#[derive(Clone)]
pub struct Process {
    /// Whether it lives.
    pub life: Arc<Life>,
    /// They end with the future that runs the process; they may hold on to it themselves.
    tasks: Weak<LocalSet>,
}

impl Process {
    /// A process on a machine; the future runs it, and ends when it has died.
    pub fn start(
        name: &'static str,
        machine: &Rc<Machine>,
    ) -> (Self, impl Future<Output = ()> + use<>) {
        let (life, tasks) = (Arc::<Life>::default(), Rc::new(LocalSet::new()));
        let process = Self { life: life.clone(), tasks: Rc::downgrade(&tasks) };
        let surroundings: Rc<dyn Surroundings> = machine.clone();
        let mut body: Pin<Box<dyn Future<Output = ()>>> =
            Box::pin(async move { tasks.run_until(pending()).await });
        let span = tracing::info_span!("process", name);
        let running = poll_fn(move |context: &mut Context<'_>| {
            if !life.is_dead() {
                let waker = context.waker().clone();
                *life.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
                if life.paused.load(Ordering::Relaxed) {
                    return Poll::Pending;
                }
                let _entered = span.enter();
                let _ = within(&surroundings, || body.as_mut().poll(context));
            }
            if life.is_dead() { Poll::Ready(()) } else { Poll::Pending }
        });
        (process, running)
    }

    /// Adds a task, if the process has not ended.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) -> Option<AbortHandle> {
        self.tasks.upgrade().map(|tasks| tasks.spawn_local(task).abort_handle())
    }
}
