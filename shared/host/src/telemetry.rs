//! Logging: to stderr, as text or as JSON lines, filtered by `TOYSTORE_LOG`.

use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

/// The environment variable with the filter, such as `info,toystore_order=debug`.
pub const FILTER_VARIABLE: &str = "TOYSTORE_LOG";

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The text is no log format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a log format is text or json")]
pub struct NoLogFormat;

impl FromStr for LogFormat {
    type Err = NoLogFormat;
    fn from_str(text: &str) -> Result<Self, NoLogFormat> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(NoLogFormat),
        }
    }
}

/// Starts logging. A second call in one process changes nothing.
pub fn init(format: LogFormat, service: &str) {
    let (filter, refused) = match std::env::var(FILTER_VARIABLE) {
        Ok(wanted) => match EnvFilter::try_new(&wanted) {
            Ok(filter) => (filter, None),
            Err(error) => (EnvFilter::new("info"), Some(error)),
        },
        Err(_) => (EnvFilter::new("info"), None),
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // The only error is that logging was started before, by another test of the same process.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    if let Some(error) = refused {
        tracing::warn!(%error, "{FILTER_VARIABLE} is not a filter; using info");
    }
    tracing::info!(service, version = env!("CARGO_PKG_VERSION"), "starting");
}
