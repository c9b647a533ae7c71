//! What the tests of the whole store stand on.
//!
//! | file | holds |
//! |---|---|
//! | [`simulation`] | the replication core and the catalog's rules on one thread, with faults by seed |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod simulation;
