//! What the tests of the whole store stand on.
//!
//! | file | holds |
//! |---|---|
//! | [`store`] | the whole store as real processes, to be killed, stopped and restarted |
//! | [`network`] | a network to be cut |
//! | [`load`] | the client as a load, and what it found |
//! | [`history`] | what clients saw, and what was left in the end |
//! | [`checks`] | what must hold of every history |
//! | [`recording`] | clients that write down what they see |
//! | [`damage`] | damage to a stopped process's folder, by a seed |
//! | [`disk_image`] | a disk that can lose its power |
//! | [`small_disk`] | a disk to be filled |
//! | [`signals`] | Ctrl-C and SIGTERM, for programs that start others |
//! | [`simulation`] | the whole store on one thread, with simulated time, network and disks, by seed |
//! | [`model`] | the core and the catalog's rules in every order of events, within bounds |
//! | [`soak`] | rounds of faults on a running store |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod checks;
pub mod damage;
pub mod disk_image;
pub mod history;
pub mod load;
pub mod model;
pub mod network;
pub mod recording;
pub mod signals;
pub mod simulation;
pub mod small_disk;
pub mod soak;
pub mod store;
