//! Measures the store beside others, in one run on one machine; see `scripts/bench.sh`.
//!
//! | module | holds |
//! |---|---|
//! | [`options`] | the command line |
//! | [`scenarios`] | the questions, each in a file of its name: how it is measured and shown |
//! | [`measure`] | what scenarios share: a store under load, processor time, a median |
//! | [`etcd`] | what the store is measured against |
//! | [`bare`] | the bare web route that look-ups are measured against |
//! | [`run`](mod@run) | running scenarios and keeping what they found |
//! | [`report`] | tables and plots out of what was kept |

mod bare;
mod etcd;
mod measure;
mod options;
mod report;
mod run;
mod scenarios;

use std::process::ExitCode;
use std::time::Duration;

use toystore_figures::{interrupt, machine, plot};
use toystore_host::exit;

use crate::options::Options;

/// How long anything that must happen may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let options: Options = match exit::command_line() {
        Ok(options) => options,
        Err(code) => return code,
    };
    let done = match options {
        Options::Run(options) => run::run(&options),
        Options::Report(options) => report::report(&options),
        Options::List => list(),
        Options::Bare(options) => bare::serve(&options),
    };
    done.unwrap_or_else(|error| exit::fail("bench", format!("{error:#}")))
}

fn list() -> anyhow::Result<ExitCode> {
    for scenario in scenarios::ALL {
        exit::say(&format!("{:<13} {}", scenario.name, scenario.question));
    }
    Ok(ExitCode::SUCCESS)
}
