//! Logging: to stderr, as text or as JSON lines, filtered by `TOYSTORE_LOG`.
//!
//! A line that is written while a request is worked on bears the ids of its trace. They are looked
//! up when a line is written, so a request without a line pays nothing for them.

use std::fmt;
use std::io::IsTerminal;
use std::str::FromStr;

use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{DefaultFields, Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::trace;

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

/// The fields of a line of text, and the ids of the trace after them.
#[derive(Debug, Default)]
struct TracedFields(DefaultFields);

impl<'writer> FormatFields<'writer> for TracedFields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        self.0.format_fields(writer.by_ref(), fields)?;
        match trace::current() {
            Some(trace) => {
                write!(writer, " trace_id={} span_id={}", trace.id(), trace.span_id())
            }
            None => Ok(()),
        }
    }
}

/// A line of JSON, with the ids of the trace as its last members.
#[derive(Debug)]
struct TracedJson(Format<Json>);

impl<S, N> FormatEvent<S, N> for TracedJson
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(trace) = trace::current() else {
            return self.0.format_event(ctx, writer, event);
        };
        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        match line.trim_end().strip_suffix('}') {
            Some(members) => {
                let (id, span) = (trace.id(), trace.span_id());
                writeln!(writer, r#"{members},"trace_id":"{id}","span_id":"{span}"}}"#)
            }
            None => writer.write_str(&line),
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
        LogFormat::Text => log.fmt_fields(TracedFields::default()).try_init(),
        LogFormat::Json => log.json().event_format(TracedJson(Format::default().json())).try_init(),
    };
    if let Some(error) = refused {
        tracing::warn!(%error, "{FILTER_VARIABLE} is not a filter; using info");
    }
    tracing::info!(service, version = env!("CARGO_PKG_VERSION"), "starting");
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use http::HeaderMap;
    use serde_json::Value;

    use super::*;
    use crate::trace::{TRACEPARENT, Trace};

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    /// What is logged inside and outside of a request.
    fn two_lines(log: impl Subscriber + Send + Sync + 'static) {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, format!("00-{TRACE}-{SPAN}-01").parse().unwrap());
        let trace = Trace::sent(&headers).unwrap();
        let work = trace.scope(async { tracing::warn!(stock = 7, "inside") });
        tracing::subscriber::with_default(log, || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(work);
            tracing::warn!("outside");
        });
    }

    #[test]
    fn a_line_of_text_bears_the_ids_of_its_trace() {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        two_lines(log.fmt_fields(TracedFields::default()).finish());
        let text = lines.text();
        let (inside, outside) = text.trim_end().split_once('\n').unwrap();
        let ending = format!("inside stock=7 trace_id={TRACE} span_id={SPAN}");
        assert!(inside.ends_with(&ending), "{inside}");
        assert!(outside.ends_with("outside"), "{outside}");
    }

    #[test]
    fn a_line_of_json_bears_the_ids_of_its_trace() {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt().with_writer(move || writer.clone()).json();
        two_lines(log.event_format(TracedJson(Format::default().json())).finish());
        let text = lines.text();
        let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let [inside, outside] = text.lines().map(read).collect::<Vec<_>>().try_into().unwrap();
        assert_eq!((&inside["trace_id"], &inside["span_id"]), (&TRACE.into(), &SPAN.into()));
        assert_eq!(inside["fields"]["stock"], 7);
        assert_eq!(outside["trace_id"], Value::Null);
    }
}
