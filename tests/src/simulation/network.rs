//! The network between simulated processes: what is sent arrives late, twice, or not at all; it
//! may be cut one way.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use toystore_host::wire::Wire;
use toystore_host::{Address, CallError};

use super::control::Control;
use super::process::Life;
use super::world::Name;

/// Calls that arrive twice now and then, which is harsher than TCP: those of the protocol itself. A
/// customer's order is not among them: only its attempt is repeated, and says so.
const DOUBLED: [&str; 11] = [
    "transact",
    "list-reservations",
    "change-members",
    "read-view",
    "append",
    "fetch",
    "join",
    "view-notice",
    "propose",
    "renew-lease",
    "invalidate",
];

/// A frame on its way, and where its answer goes.
pub struct Parcel {
    /// Who sent it.
    pub from: Name,
    /// To whom.
    pub to: Address,
    /// The name of the call.
    pub name: &'static str,
    /// The call.
    pub frame: Vec<u8>,
    /// Where the answer goes; closed when the sender no longer waits.
    pub reply: oneshot::Sender<Result<Vec<u8>, CallError>>,
}

/// A process's way to the others.
pub struct SimulatedWire {
    /// Whose it is.
    pub from: Name,
    /// A dead process sends nothing.
    pub life: Arc<Life>,
    /// Who carries the frames.
    pub office: UnboundedSender<Parcel>,
    /// Decides whether the process dies at this very act.
    pub control: Control,
    /// In so many of a million cases.
    pub deadly: u64,
}

impl fmt::Debug for SimulatedWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedWire").field("from", &self.from).finish_non_exhaustive()
    }
}

impl SimulatedWire {
    async fn send(
        &self,
        to: &Address,
        name: &'static str,
        frame: Vec<u8>,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        if self.control.fault(self.deadly) {
            self.control.count(|seen| seen.crashes_at_an_act += 1);
            self.life.die();
        }
        self.life.still_lives().await;
        let (reply, answer) = oneshot::channel();
        let parcel = Parcel { from: self.from, to: to.clone(), name, frame, reply };
        let _ = self.office.send(parcel);
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(CallError::Unknown),
        }
    }
}

impl Wire for SimulatedWire {
    fn exchange<'a>(
        &'a self,
        to: &'a Address,
        name: &'static str,
        frame: Vec<u8>,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Vec<u8>, CallError>> {
        Box::pin(self.send(to, name, frame, timeout))
    }
}

/// How the network treats what it carries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// So many of a million messages are lost.
    pub lost: u64,
    /// So many of a million are doubled.
    pub doubled: u64,
    /// So many of a million are slow.
    pub slow: u64,
    /// Of so many of a million connections the caller hears that they are broken, while the call
    /// is still on its way.
    pub broken: u64,
}

/// The lines between processes.
pub struct Lines {
    control: Control,
    weather: Weather,
    cuts: BTreeSet<(Name, Name)>,
}

impl Lines {
    /// Lines without cuts.
    #[must_use]
    pub fn new(control: &Control, weather: Weather) -> Self {
        Self { control: control.clone(), weather, cuts: BTreeSet::new() }
    }

    /// Cuts a line, one way.
    pub fn cut(&mut self, from: Name, to: Name) {
        if from != to && self.cuts.insert((from, to)) {
            self.control.count(|seen| seen.cuts += 1);
        }
    }

    /// Mends a cut.
    pub fn mend_one(&mut self) {
        let index = self.control.below(self.cuts.len() as u64) as usize;
        if let Some(cut) = self.cuts.iter().nth(index).copied() {
            self.cuts.remove(&cut);
        }
    }

    /// Mends all cuts.
    pub fn mend(&mut self) {
        self.cuts.clear();
    }

    /// Whether a message that goes now arrives.
    #[must_use]
    pub fn passes(&self, from: Name, to: Name) -> bool {
        let lost = self.control.fault(self.weather.lost);
        self.control.count(|seen| seen.lost += u64::from(lost));
        !lost && !self.cuts.contains(&(from, to))
    }

    /// How long a message that goes now is on its way.
    #[must_use]
    pub fn latency(&self) -> Duration {
        let millis = if self.control.fault(self.weather.slow) {
            let longest = [30, 300, 1_500][self.control.below(3) as usize];
            self.control.below(longest)
        } else {
            self.control.below(3)
        };
        Duration::from_millis(millis)
    }

    /// Whether the connection of a call breaks.
    #[must_use]
    pub fn breaks(&self) -> bool {
        self.control.fault(self.weather.broken)
    }

    /// Whether a call of this name arrives twice.
    #[must_use]
    pub fn doubles(&self, name: &str) -> bool {
        DOUBLED.contains(&name) && self.control.fault(self.weather.doubled)
    }
}
