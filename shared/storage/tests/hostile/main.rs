//! Databases that lie: random rows in every tree, random bytes in every file. Damage is an error,
//! never a panic, and what opens without one is what was saved.
//!
//! `PROPTEST_CASES=2000 cargo test -p toystore-storage --test hostile` tries more; a case that
//! failed once stays in `proptest-regressions/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod catalog;
mod files;
mod harm;
mod orders;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn cases(usual: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::Direct("proptest-regressions/hostile.txt");
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::default()
    }
}
