//! What happens in one seed, line by line, on the simulated clock: the services' own log, and what
//! befalls them.

use std::fmt;

use tokio::time::Instant;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// Milliseconds since the seed began.
struct SimulatedTime;

thread_local! {
    static BEGUN: std::cell::Cell<Option<Instant>> = const { std::cell::Cell::new(None) };
}

/// A seed begins now.
pub fn begin() {
    BEGUN.set(Some(Instant::now()));
}

impl FormatTime for SimulatedTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let begun = BEGUN.get().unwrap_or_else(Instant::now);
        write!(writer, "{:>6} ms", begun.elapsed().as_millis())
    }
}

/// Writes the trace of all that this process simulates to standard output.
pub fn to_standard_output() {
    tracing_subscriber::fmt()
        .with_timer(SimulatedTime)
        .with_target(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        // Whoever closed the pipe has read enough.
        .log_internal_errors(false)
        .init();
}
