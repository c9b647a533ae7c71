//! The toy store's inspector on the command line; everything it does is in the library.

use std::process::ExitCode;

use structopt::StructOpt;
use toystore_inspect::{Exit, Options, run};

fn main() -> ExitCode {
    let exit = match Options::from_args_safe() {
        Ok(options) => run(options),
        // Left to itself the parser would end with 1, which here means damage.
        Err(error) if error.use_stderr() => {
            eprintln!("{error}");
            Exit::Unreadable
        }
        Err(help) => {
            toystore_inspect::say(&help.message);
            Exit::Fine
        }
    };
    ExitCode::from(exit as u8)
}
