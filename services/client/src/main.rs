//! The toy store's customer on the command line; everything it does is in the library.

use std::process::ExitCode;

use toystore_client::{Exit, Options, execute};
use toystore_config::Stop;

#[tokio::main]
async fn main() -> ExitCode {
    let exit = match toystore_config::read(|_: &Options| Vec::new()) {
        Ok(options) => execute(options).await,
        // Left to itself the parser would end with 1, which here means a wrong order.
        Err(Stop::Misused(text)) => {
            eprintln!("{text}");
            Exit::Usage
        }
        Err(Stop::Said(text)) => {
            toystore_client::say(&text);
            Exit::Fine
        }
    };
    ExitCode::from(exit as u8)
}
