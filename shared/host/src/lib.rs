//! What each process needs around its rules.
//!
//! | file | holds |
//! |---|---|
//! | [`limits`] | every timeout, cap and queue length, and how they depend on each other |
//! | [`listen`] | opening a port |
//! | [`tls`] | what is spoken there, and where it may be spoken without TLS |
//! | [`mod@serve`] | the accept loop, and how each connection is guarded |
//! | [`body`] | reading request bodies: counted, timed, strictly JSON |
//! | [`reply`] | values and refusals as HTTP |
//! | [`reject`] | warp's rejections as refusals; 405 with `Allow` |
//! | [`address`] | where processes listen, which replicas there are |
//! | [`calls`] | typed calls between processes |
//! | [`wire`] | how their frames travel |
//! | [`desk`] | how they are answered |
//! | [`internal`] | which message goes to which internal endpoint |
//! | [`retry`] | the one retry policy |
//! | [`tokens`] | the shared secrets |
//! | [`ops`] | liveness, readiness, metrics |
//! | [`readiness`] | what a process needs, and what of it is missing |
//! | [`scrape`] | metrics that are read when somebody asks |
//! | `process` | the metrics of the process itself |
//! | `load` | connections and requests, counted |
//! | [`trace`] | the trace that a request belongs to |
//! | [`telemetry`] | logging |
//! | `remarks` | which answers have a line in the log |
//! | [`ambient`] | the clock, randomness and tasks of a process, real or simulated |
//! | [`shutdown`] | the wish to stop |
//! | [`options`] | the options that several processes share |
//! | [`set_up`] | what a service needs before it can serve |
//! | [`disk`] | looking after the disk of a database |
//! | [`exit`] | how a process ends |
//! | [`fail_point`] | the moments at which it can be told to die, for exercises and tests |

pub mod address;
pub mod ambient;
pub mod body;
pub mod calls;
pub mod desk;
pub mod disk;
pub mod exit;
pub mod fail_point;
pub mod internal;
pub mod limits;
pub mod listen;
mod load;
pub mod ops;
pub mod options;
mod process;
pub mod readiness;
pub mod reject;
mod remarks;
pub mod reply;
pub mod retry;
pub mod scrape;
pub mod serve;
pub mod set_up;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
pub mod tokens;
pub mod trace;
pub mod wire;

pub use address::{Address, ClusterConfig};
pub use calls::{Call, CallError, Caller};
pub use desk::Desk;
pub use listen::Port;
pub use serve::{ServeOptions, serve};
pub use shutdown::{Shutdown, Trigger};
pub use tokens::{AdminToken, ClusterToken};
