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
    if let Some(misuse) = options.misuse() {
        return exit::misused("toystore-order", misuse);
    }
    telemetry::init(options.log.log_format, "order");
    fail_point::arm(options.fail_point);
    exit::run_main("toystore-order", Threads::One, async {
        let (listen, callers) = (options.listen_address()?, options.tls.internal_callers());
        let (port, shutdown) =
            set_up::open(&listen, "--listen", &options.tls.files, callers).await?;
        run(options, port, shutdown).await
    })
}
