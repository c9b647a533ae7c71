//! One order replica: the replication core, fed by HTTP, acting on sled.
//!
//! | file | holds |
//! |---|---|
//! | [`options`] | the command line |
//! | [`node`] | the one loop that owns the core: next event, one step, its effects |
//! | [`desk`] | what it answers to other processes |
//! | [`edge`] | effects as acts: writes, calls, replies, log lines |
//! | [`pace`] | how fast it catches up |
//! | [`fail_points`] | the moments at which the process can be told to die |
//! | [`metrics`] | what is counted and shown beside the usual |
//! | [`routes`] | which request goes where, over HTTP |
//! | [`run()`] | opening the database, serving, ending |

pub mod desk;
pub mod edge;
pub mod fail_points;
pub mod metrics;
pub mod node;
pub mod options;
pub mod pace;
pub mod routes;
pub mod run;

pub use options::Options;
pub use run::{OrderError, run};
