//! The toy store's inspector on the command line; everything it does is in the library.

use std::process::ExitCode;

use toystore_host::exit;
use toystore_inspect::{Options, run};

fn main() -> ExitCode {
    match exit::configured(Options::problems) {
        Ok(options) => ExitCode::from(run(options) as u8),
        Err(code) => code,
    }
}
