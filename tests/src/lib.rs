//! What the tests of the whole store stand on.
//!
//! | file | holds |
//! |---|---|
//! | [`store`] | the whole store as real processes, to be killed, stopped and restarted |
//! | [`load`] | the client as a load, and what it found |
//! | [`simulation`] | the replication core and the catalog's rules on one thread, with faults by seed |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod load;
pub mod simulation;
pub mod store;
