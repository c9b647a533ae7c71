//! README.md and docs: their links lead somewhere, what they name exists, and what they show of a
//! terminal is what one sees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod console;
mod links;
mod names;
mod pages;
mod sources;
