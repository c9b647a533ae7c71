//! The scripts of `scripts/aws`, against a stand-in for the EC2 API: `ssh` and `scp` reach folders that
//! play the hosts, and every other connection ends on this machine.
//!
//! Where the stand-in cannot be installed they print `SKIPPED` and pass; `--nocapture` shows it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod hosts;
mod limits;
mod machines;
mod sandbox;
