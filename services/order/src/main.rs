//! One order replica. See `toystore-order --help`.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use toystore_host::exit::{self, Threads};
use toystore_host::{fail_point, set_up, telemetry};
use toystore_order::{Options, run};

/// Cheap where one thread takes memory and another gives it back, as orders do.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let options: Options = match exit::configured(Options::problems) {
        Ok(options) => options,
        Err(code) => return code,
    };
    telemetry::init(options.log.log_format, "order");
    fail_point::arm(options.fail_point);
    exit::run_main("toystore-order", Threads::One, async {
        let (listener, shutdown) = set_up::open(&options.listen_address()?, "--listen").await?;
        run(options, listener, shutdown).await
    })
}
