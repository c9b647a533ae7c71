//! The storefront and the console in a headless Chromium, before a store of real processes.
//!
//! A machine without Chromium or its driver prints `SKIPPED` and passes; `--nocapture` shows it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod browser;
mod console;
mod pictures;
mod shop;
