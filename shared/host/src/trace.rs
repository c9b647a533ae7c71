//! The trace that a request belongs to, after W3C Trace Context: taken over from whoever asks, or
//! begun here; known to everything that is done for the request, and passed on with its calls.
//!
//! The id of the trace is the id of the request too. Only the ids travel: nothing is exported, so
//! there is nobody to hand a `tracestate` on to.
//!
//! A call that is made for one request belongs to its trace. One that many requests share (orders
//! on their way to the leader, a leader's transactions and appends) is a trace of its own, and its
//! line in the log, if there is one, names the traces that it was made for: see [`shared`].

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::num::{NonZeroU64, NonZeroU128};
use std::time::Instant;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request};

use crate::calls::CallError;
use crate::limits::SLOW_REQUEST;
use crate::remarks;
use crate::reply::Response;

/// The header by which a trace is passed on.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The header by which a customer is told the id of the request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Of the requests for which a call was made, so many are named in its line.
const NAMED: usize = 8;

/// Bytes of the header's version 00, of which later versions begin with as many.
const BYTES: usize = 55;

tokio::task_local! {
    static CURRENT: Trace;
}

/// One step of one trace. Cheap to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    id: NonZeroU128,
    span: NonZeroU64,
    flags: u8,
}

impl Trace {
    /// A trace that begins here.
    #[must_use]
    pub fn begin() -> Self {
        let id = u128::from(unique()) << 64 | u128::from(unique());
        Self { id: NonZeroU128::new(id).unwrap_or(NonZeroU128::MIN), span: span(), flags: 0 }
    }

    /// The trace of what is done for several requests at once: that of the one, or a new one.
    #[must_use]
    pub fn of_all(these: impl IntoIterator<Item = Self>) -> Self {
        let mut these = these.into_iter();
        match these.next() {
            Some(first) if these.all(|trace| trace.id == first.id) => first.child(),
            _ => Self::begin(),
        }
    }

    /// The next step of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: span(), ..self }
    }

    /// The sender's step, if there is exactly one valid `traceparent`.
    #[must_use]
    pub fn sent(headers: &HeaderMap) -> Option<Self> {
        let mut given = headers.get_all(TRACEPARENT).iter();
        match (given.next(), given.next()) {
            (Some(one), None) => Self::parse(one.as_bytes()),
            _ => None,
        }
    }

    /// Reads `VERSION-TRACE-PARENT-FLAGS`. Of a version above 00 the same fields are read, and
    /// what may follow them is not.
    fn parse(text: &[u8]) -> Option<Self> {
        let (known, rest) = text.split_at_checked(BYTES)?;
        let version = hex(&known[..2])?;
        let continued = rest.is_empty() || (version > 0 && rest[0] == b'-');
        let parted = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
        if version == 0xff || !continued || !parted {
            return None;
        }
        let id = NonZeroU128::new(hex(&known[3..35])?)?;
        let span = NonZeroU64::new(u64::try_from(hex(&known[36..52])?).ok()?)?;
        // Of the flags only "sampled" is known, and only known ones are passed on.
        let flags = u8::try_from(hex(&known[53..])?).ok()? & 1;
        Some(Self { id, span, flags })
    }

    /// As a header; none only if the text were no header.
    #[must_use]
    pub fn header(self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("00-{:032x}-{:016x}-{:02x}", self.id, self.span, self.flags))
            .ok()
    }

    /// The id of the trace, and of the request.
    #[must_use]
    pub fn id(self) -> TraceId {
        TraceId(self.id)
    }

    /// The id of this step.
    #[must_use]
    pub fn span_id(self) -> SpanId {
        SpanId(self.span)
    }

    /// Does something as this step: what it logs bears the ids, and its calls pass them on.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }
}

/// The id of a trace, written as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceId(NonZeroU128);

/// The id of a step of a trace, written as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SpanId(NonZeroU64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The step that is being done, if it is known.
#[must_use]
pub fn current() -> Option<Trace> {
    CURRENT.try_with(|trace| *trace).ok()
}

/// Does something in another task as this step.
pub fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let carried = current();
    async move {
        match carried {
            Some(trace) => trace.scope(work).await,
            None => work.await,
        }
    }
}

/// Makes a call that was wanted by all of `these`. It belongs to the trace of the one, or is a
/// trace of its own. If it fails or takes long, a line says for whom it was made.
///
/// # Errors
/// Those of the call.
pub async fn shared<T>(
    these: Vec<Trace>,
    name: &'static str,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    let begun = Instant::now();
    Trace::of_all(these.iter().copied())
        .scope(async {
            let answer = call.await;
            if (answer.is_err() || begun.elapsed() >= SLOW_REQUEST)
                && !these.is_empty()
                && let Some(left_out) = remarks::admit()
            {
                let (millis, error) = (begun.elapsed().as_millis() as u64, answer.as_ref().err());
                let mut made_for: Vec<_> = these.iter().map(|trace| trace.id()).collect();
                made_for.dedup();
                made_for.truncate(NAMED);
                tracing::warn!(call = name, millis, ?error, ?made_for, left_out, "a shared call");
            }
            answer
        })
        .await
}

/// What is done about the trace of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tracing {
    pub(crate) trace: Trace,
    /// The answer bears the id of the request, whatever it is.
    told: bool,
    /// The answer goes to a process of the store, which knows the id.
    internal: bool,
}

impl Tracing {
    /// The trace of a request: the sender's, or a new one.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let sent = Trace::sent(request.headers());
        let told = sent.is_some() || !matches!(*request.method(), Method::GET | Method::HEAD);
        let internal = request.uri().path().starts_with("/internal/");
        Self { trace: sent.map_or_else(Trace::begin, Trace::child), told, internal }
    }

    /// Tells the id of the request: to who sent a trace, of every change, and of every error. A
    /// look-up that goes well is answered from memory, and not made to carry 50 bytes more.
    pub(crate) fn sign(self, response: &mut Response) {
        let status = response.status();
        let told = self.told || status.is_client_error() || status.is_server_error();
        if told
            && !self.internal
            && let Ok(id) = HeaderValue::try_from(self.trace.id().to_string())
        {
            response.headers_mut().insert(REQUEST_ID, id);
        }
    }
}

/// Lower-case hex digits as a number; capitals are none, says the standard.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

fn span() -> NonZeroU64 {
    NonZeroU64::new(unique()).unwrap_or(NonZeroU64::MIN)
}

thread_local! {
    static STATE: Cell<u64> = Cell::new(seed());
}

/// A number that hardly anybody else has: SplitMix64, begun at random in each thread. An id has
/// to be unique, not secret, and asking the system for each would cost more than a cached look-up's
/// share of the rest.
fn unique() -> u64 {
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Without randomness of the system's: which process this is, and when it began.
fn seed() -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        now.as_nanos() as u64 ^ u64::from(std::process::id()) << 32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_up_that_goes_well_allocates_nothing_for_its_trace() {
        let request = Request::get("/products/Tux").header("accept", "*/*").body(()).unwrap();
        let mut response = Response::default();
        let allocated = allocation_counter::measure(|| {
            let tracing = Tracing::of(&request);
            let id = futures_util::FutureExt::now_or_never(
                tracing.trace.scope(async { current().map(Trace::id) }),
            );
            assert_eq!(id, Some(Some(tracing.trace.id())));
            tracing.sign(&mut response);
        });
        assert_eq!((allocated.count_total, response.headers().len()), (0, 0));
    }

    #[test]
    fn answers_to_the_stores_own_processes_do_not_bear_the_id() {
        for (path, told) in [("/orders", true), ("/internal/transact", false)] {
            let request = Request::post(path).body(()).unwrap();
            let mut response = Response::default();
            Tracing::of(&request).sign(&mut response);
            assert_eq!(response.headers().contains_key(REQUEST_ID), told, "{path}");
        }
    }
}
