//! The toy store's front end; everything it does is in the library.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use toystore_front_end::{Options, run};
use toystore_host::exit::{self, Threads};
use toystore_host::tls::Callers;
use toystore_host::{fail_point, set_up, telemetry};

/// Cheap where one thread takes memory and another gives it back, as orders do.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let options: Options = match exit::configured(Options::problems) {
        Ok(options) => options,
        Err(code) => return code,
    };
    if let Some(misuse) = options.misuse() {
        return exit::misused("toystore-front-end", misuse);
    }
    telemetry::init(options.log.log_format, "front-end");
    fail_point::arm(options.fail_point);
    exit::run_main("toystore-front-end", Threads::HalfOfCores, async {
        let config = options.config()?;
        // Customers have no certificates.
        let (files, callers) = (&options.tls.files, Callers::Anyone);
        let (port, shutdown) =
            set_up::open(&options.listen, "the front end", files, callers).await?;
        run(config, port, shutdown).await
    })
}
