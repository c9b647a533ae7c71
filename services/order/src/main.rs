//! One order replica. See `toystore-order --help`.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use toystore_host::exit::{self, Threads};
use toystore_host::{Shutdown, fail_point, listen, telemetry};
use toystore_order::{Options, OrderError, run};

/// Cheap where one thread takes memory and another gives it back, as orders do.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let options: Options = match exit::command_line() {
        Ok(options) => options,
        Err(code) => return code,
    };
    telemetry::init(options.log_format, "order");
    fail_point::arm(options.fail_point);
    exit::run_main("toystore-order", Threads::One, async {
        let listener = listen::bind(&options.listen_address()?, "--listen").await?;
        let shutdown = Shutdown::on_signals().map_err(OrderError::Signals)?;
        run(options, listener, shutdown).await
    })
}
