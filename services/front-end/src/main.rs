//! The toy store's front end; everything it does is in the library.

use std::process::ExitCode;

use structopt::StructOpt;
use toystore_front_end::{Options, StartError, run};
use toystore_host::exit::run_main;
use toystore_host::{Shutdown, fail_point, listen, telemetry};

fn main() -> ExitCode {
    let options = Options::from_args();
    telemetry::init(options.log_format, "toystore-front-end");
    fail_point::arm(options.fail_point);
    run_main("toystore-front-end", async {
        let config = options.config()?;
        let listener = listen::bind(&options.listen, "the front end").await?;
        let shutdown = Shutdown::on_signals().map_err(StartError::Signals)?;
        run(config, listener, shutdown).await
    })
}
