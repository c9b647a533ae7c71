//! Dangerous moments at which a process can be told to die, for exercises and tests.
//!
//! `--fail-point NAME[:N]` makes a process kill itself when it comes to that moment for the Nth
//! time: nothing is saved, told or closed any more, as in a crash. The table below is all there
//! is. Without the option a moment costs a look at one variable.

use std::fmt;
use std::io::Write;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Signal, getpid, kill_process};

/// Which kind of process comes to a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// An order replica.
    Order,
    /// The catalog.
    Catalog,
    /// A front end.
    FrontEnd,
}

impl Process {
    /// The program's name.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Order => "toystore-order",
            Self::Catalog => "toystore-catalog",
            Self::FrontEnd => "toystore-front-end",
        }
    }
}

macro_rules! fail_points {
    ($($point:ident, $name:literal, $process:ident, $meaning:literal;)*) => {
        /// A moment at which a process can be told to die.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FailPoint {
            $(#[doc = $meaning] $point,)*
        }

        impl FailPoint {
            /// Every moment.
            pub const ALL: &[Self] = &[$(Self::$point),*];

            /// What it is called on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$point => $name,)* }
            }

            /// Which process comes to it.
            #[must_use]
            pub fn process(self) -> Process {
                match self { $(Self::$point => Process::$process,)* }
            }

            /// What was done then, and what was not.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$point => $meaning,)* }
            }
        }
    };
}

fail_points! {
    Reserved, "reserved", Order,
        "leader: the catalog granted reservations; their orders are not written";
    SavedNotSent, "saved-not-sent", Order,
        "leader: orders are synced on its own disk; no follower was sent them";
    SentNotSaved, "sent-not-saved", Order,
        "leader: a follower acknowledged orders; its own disk does not hold them";
    Committed, "committed", Order,
        "leader: every in-sync replica holds an order; its customer was not answered";
    EntrySaved, "entry-saved", Order,
        "follower: orders are synced; the leader was not told";
    PageSaved, "page-saved", Order,
        "coming back: a page of missed orders is synced; more are missing";
    PageServed, "page-served", Order,
        "leader: a page was read for a replica that comes back, with more to follow; not sent";
    Promised, "promised", Order,
        "new leader: its promise is synced; it does not know yet that the followers agree";
    Listed, "listed", Order,
        "new leader: outstanding reservations were listed; none is settled or cancelled";
    Cancelled, "cancelled", Order,
        "new leader: reservations of orders in no log were cancelled; it does not serve yet";
    MembersChanged, "members-changed", Order,
        "leader: the catalog changed the in-sync set as asked; the leader has not seen the answer";
    LeaderSaved, "leader-saved", Catalog,
        "a view with a new leader is synced; nobody was told";
    MembersSaved, "members-saved", Catalog,
        "a view with another in-sync set is synced; the leader was not told";
    SavedNotTold, "saved-not-told", Catalog,
        "a change of stock is synced; no front end was told to forget the product";
    ToldNotSaved, "told-not-saved", Catalog,
        "every front end forgot the product; the change of stock is not saved";
    LeaderAccepted, "leader-accepted", FrontEnd,
        "the catalog accepted its proposal of a leader; no replica was told";
}

/// Why a process cannot be told to die so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFailPoint {
    /// No such moment in this process.
    #[error("{0} has no such moment; it has {1}")]
    Unknown(&'static str, String),
    /// The count is no number from 1.
    #[error("after the colon comes a number from 1: at which time of that moment")]
    Count,
}

/// A moment, and which time of it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    point: FailPoint,
    time: u64,
}

impl Fate {
    /// Reads `NAME` or `NAME:N`, where the name must be a moment of this process.
    ///
    /// # Errors
    /// [`NoFailPoint`].
    pub fn parse(process: Process, text: &str) -> Result<Self, NoFailPoint> {
        let (name, time) = match text.split_once(':') {
            Some((name, time)) => (name, u64::from_str(time).map_err(|_| NoFailPoint::Count)?),
            None => (text, 1),
        };
        let point = of(process).find(|point| point.name() == name).ok_or_else(|| {
            let names: Vec<_> = of(process).map(FailPoint::name).collect();
            NoFailPoint::Unknown(process.program(), names.join(", "))
        })?;
        if time == 0 { Err(NoFailPoint::Count) } else { Ok(Self { point, time }) }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.point.name(), self.time)
    }
}

fn of(process: Process) -> impl Iterator<Item = FailPoint> {
    FailPoint::ALL.iter().copied().filter(move |point| point.process() == process)
}

/// The text of `--help` for a process's option.
#[must_use]
pub fn help(process: Process) -> String {
    let lines: Vec<_> =
        of(process).map(|point| format!("{} — {}", point.name(), point.meaning())).collect();
    format!(
        "For exercises and tests: kill this process at a dangerous moment, at its Nth time \
         (the first if left out)\n\n{}\n",
        lines.join("\n")
    )
}

static FATE: OnceLock<Fate> = OnceLock::new();
static TIMES: AtomicU64 = AtomicU64::new(0);

/// Decides, once and for good, how this process is to die, if at all.
pub fn arm(fate: Option<Fate>) {
    let Some(fate) = fate else { return };
    let meaning = fate.point.meaning();
    tracing::warn!(%fate, meaning, "FAIL POINT: this process will kill itself at that moment");
    // Whoever decided before decided for good.
    let _ = FATE.set(fate);
}

/// At which moment this process is to die.
#[must_use]
pub fn armed() -> Option<FailPoint> {
    FATE.get().map(|fate| fate.point)
}

/// A moment begins; whether it is the one from which the process shall not live on. Until
/// [`end`] it does what must be done for the moment to be complete.
#[must_use]
pub fn begin(point: FailPoint) -> bool {
    FATE.get().is_some_and(|fate| {
        fate.point == point && TIMES.fetch_add(1, Ordering::Relaxed) + 1 >= fate.time
    })
}

/// The moment is complete: if it began as the fatal one, the process dies.
pub fn end(point: FailPoint) {
    let begun = |fate: &&Fate| fate.point == point && TIMES.load(Ordering::Relaxed) >= fate.time;
    if let Some(fate) = FATE.get().filter(begun) {
        die(*fate);
    }
}

/// A moment that needs nothing to be complete.
pub fn reached(point: FailPoint) {
    if begin(point) {
        end(point);
    }
}

fn die(fate: Fate) -> ! {
    // Nobody else writes to the log any more: the last line says what happened.
    let mut log = std::io::stderr().lock();
    let program = fate.point.process().program();
    let _ = writeln!(log, "{program}: fail point {} reached, it kills itself", fate.point.name());
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_named_with_a_count() {
        let fate = Fate::parse(Process::Order, "reserved:20").unwrap();
        assert_eq!((fate.point, fate.time), (FailPoint::Reserved, 20));
        assert_eq!(Fate::parse(Process::Order, "reserved").unwrap().time, 1);
        for bad in ["reserved:0", "reserved:", "reserved:-1", "reserved:x", "reserved:1:2"] {
            assert_eq!(Fate::parse(Process::Order, bad), Err(NoFailPoint::Count), "{bad}");
        }
    }

    #[test]
    fn names_are_unique_and_belong_to_one_process() {
        for point in FailPoint::ALL {
            let named = FailPoint::ALL.iter().filter(|other| other.name() == point.name());
            assert_eq!(named.count(), 1, "{}", point.name());
            for process in [Process::Order, Process::Catalog, Process::FrontEnd] {
                let known = Fate::parse(process, point.name()).is_ok();
                assert_eq!(known, process == point.process(), "{}", point.name());
                assert_eq!(help(process).contains(point.meaning()), known, "{}", point.name());
            }
        }
    }

    #[test]
    fn an_unknown_moment_is_refused_with_those_there_are() {
        let error = Fate::parse(Process::FrontEnd, "reserved").unwrap_err().to_string();
        assert!(error.contains("toystore-front-end") && error.contains("leader-accepted"));
    }

    #[test]
    fn nothing_begins_in_a_process_that_is_not_armed() {
        assert_eq!(armed(), None);
        for point in FailPoint::ALL {
            assert!(!begin(*point));
            reached(*point);
        }
    }
}
