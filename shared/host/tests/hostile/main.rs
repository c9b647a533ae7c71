//! What a process of the store reads from others and from its operator, when it lies.
//!
//! `PROPTEST_CASES=20000 cargo test -p toystore-host --test hostile` tries more; a case that failed
//! once stays in `proptest-regressions/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod messages;
mod texts;

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
