//! Evaluates the store; see `scripts/eval.sh`.

use std::process::ExitCode;

use toystore_eval::{Options, run};
use toystore_host::exit;

fn main() -> ExitCode {
    let options: Options = match exit::command_line() {
        Ok(options) => options,
        Err(code) => return code,
    };
    run(&options).unwrap_or_else(|error| exit::fail("eval", format!("{error:#}")))
}
