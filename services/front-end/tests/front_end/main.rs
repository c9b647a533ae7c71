//! A front end between customers and stand-ins for the catalog and the replicas.

// Helpers of tests may fail by panicking, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod cache;
mod catalog;
mod customer;
mod hostile;
mod leading;
mod openapi;
mod ordering;
mod replica;
mod store;
mod web;
