//! The toy store's customer on the command line; everything it does is in the library.

use std::process::ExitCode;

use structopt::StructOpt;
use toystore_client::{Exit, Options, execute};

#[tokio::main]
async fn main() -> ExitCode {
    let exit = match Options::from_args_safe() {
        Ok(options) => execute(options).await,
        // Left to itself the parser would end with 1, which here means a wrong order.
        Err(error) if error.use_stderr() => {
            eprintln!("{error}");
            Exit::Usage
        }
        Err(help) => {
            toystore_client::say(&help.message);
            Exit::Fine
        }
    };
    ExitCode::from(exit as u8)
}
