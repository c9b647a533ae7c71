//! The toy store's front end; everything it does is in the library.

use std::process::ExitCode;

use toystore_front_end::{Options, StartError, run};
use toystore_host::{Shutdown, exit, fail_point, listen, telemetry};

fn main() -> ExitCode {
    let options: Options = match exit::command_line() {
        Ok(options) => options,
        Err(code) => return code,
    };
    telemetry::init(options.log_format, "front-end");
    fail_point::arm(options.fail_point);
    exit::run_main("toystore-front-end", async {
        let config = options.config()?;
        let listener = listen::bind(&options.listen, "the front end").await?;
        let shutdown = Shutdown::on_signals().map_err(StartError::Signals)?;
        run(config, listener, shutdown).await
    })
}
