//! The catalog. See `toystore-catalog --help`.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use toystore_catalog::options::Command;
use toystore_catalog::{Options, operator, recover, run};
use toystore_host::exit::{self, Threads};
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
        return exit::misused("toystore-catalog", misuse);
    }
    telemetry::init(options.log.log_format, "catalog");
    exit::run_main("toystore-catalog", Threads::HalfOfCores, async {
        match options.command {
            Command::Serve(serve) => {
                fail_point::arm(serve.fail_point);
                let (files, callers) = (&serve.tls.files, serve.tls.internal_callers());
                let (port, shutdown) =
                    set_up::open(&serve.listen, "--listen", files, callers).await?;
                run(serve, port, shutdown).await
            }
            Command::ForceLeader(force) => operator::force_leader(force).await,
            Command::Recover(recovery) => recover::recover(recovery).await,
        }
    })
}
