//! More than the store can do: floods of requests, slow clients, idle connections, no file
//! descriptors left. It refuses what is too much, and serves the rest.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod customer;
mod descriptors;
mod flood;
mod idle;
mod memory;
mod slow;

use std::sync::RwLock;

/// A flood takes the machine for itself: it writes, what can share the machine reads.
static MACHINE: RwLock<()> = RwLock::new(());

/// Runs customers on threads of their own.
fn run<T>(customers: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(customers)
}
