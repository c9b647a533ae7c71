//! Typed calls between the store's processes: one frame there, one frame back.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::tls::Tls;
use crate::tokens::ClusterToken;
use crate::wire::{CallerError, HttpWire, Wire};
use crate::{Address, remarks};

/// The version of every internal message; processes of different versions refuse each other.
pub const WIRE_VERSION: u8 = 2;

/// A message that has an answer. Its endpoint is `POST /internal/NAME`.
pub trait Call: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The answer.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
    /// The last part of its path.
    const NAME: &'static str;
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing was sent: the connection was refused, so nobody listens there.
    #[error("not reachable: nobody listens there")]
    NobodyThere,
    /// Nothing was sent: no connection, or the message is too large for a frame.
    #[error("not reachable")]
    NotSent,
    /// It was sent, or may have been; whether it was done cannot be told.
    #[error("no answer")]
    Unknown,
    /// Nothing was done: one of the two does not believe the certificate of the other.
    #[error("not reachable: a certificate is not believed, or none was shown")]
    Distrusted,
    /// The other side wants another cluster token.
    #[error("the cluster token is not accepted")]
    Denied,
    /// The other side did not do it, and said so with this HTTP status.
    #[error("refused with status {0}")]
    Refused(u16),
    /// It answered, but not in a way this process understands.
    #[error("unreadable answer")]
    Garbled,
}

impl CallError {
    /// What an answer of this HTTP status, which is not 200, says of the call. A 503 is an answer of
    /// the other side's own; any other 5xx may hide work half done.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Denied,
            503 | 400..500 => Self::Refused(status),
            500..600 => Self::Unknown,
            _ => Self::Garbled,
        }
    }

    /// Its name in the metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::NobodyThere => "nobody_there",
            Self::NotSent => "not_sent",
            Self::Distrusted => "distrusted",
            Self::Unknown => "unknown",
            Self::Denied => "denied",
            Self::Refused(_) => "refused",
            Self::Garbled => "garbled",
        }
    }

    /// Whether the other side certainly has not done what was asked, and will not.
    #[must_use]
    pub fn certainly_not_done(&self) -> bool {
        match self {
            Self::NobodyThere | Self::NotSent | Self::Distrusted => true,
            Self::Denied | Self::Refused(_) => true,
            Self::Unknown | Self::Garbled => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Unanswered {
    call: &'static str,
    error: &'static str,
}

/// Makes calls. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Caller {
    wire: Arc<dyn Wire>,
    unanswered: Family<Unanswered, Counter>,
}

impl Caller {
    /// A caller over plain HTTP that shows the given token.
    ///
    /// # Errors
    /// The HTTP client does not start, or the token cannot be sent.
    pub fn new(token: ClusterToken) -> Result<Self, CallerError> {
        Self::speaking(token, None)
    }

    /// The same over TLS, if it is given.
    ///
    /// # Errors
    /// The HTTP client does not start, or the token cannot be sent.
    pub fn speaking(token: ClusterToken, tls: Option<&Tls>) -> Result<Self, CallerError> {
        Ok(Self::over(Arc::new(HttpWire::new(token, tls)?)))
    }

    /// A caller whose frames travel over `wire`.
    #[must_use]
    pub fn over(wire: Arc<dyn Wire>) -> Self {
        Self { wire, unanswered: Family::default() }
    }

    /// The calls without an answer, counted.
    pub(crate) fn unanswered(&self) -> Family<Unanswered, Counter> {
        self.unanswered.clone()
    }

    /// Asks `to`, and waits at most `timeout` for the whole answer.
    ///
    /// # Errors
    /// See [`CallError::certainly_not_done`] for what each says about the other side.
    pub async fn call<C: Call>(
        &self,
        to: &Address,
        call: &C,
        timeout: Duration,
    ) -> Result<C::Reply, CallError> {
        let answer = self.ask(to, call, timeout).await;
        if let Err(error) = &answer {
            let unanswered = Unanswered { call: C::NAME, error: error.label() };
            self.unanswered.get_or_create(&unanswered).inc();
            tracing::debug!(call = C::NAME, %to, %error, "no answer");
            if *error == CallError::Distrusted
                && let Some(left_out) = remarks::admit()
            {
                tracing::warn!(%to, left_out, "one of the two does not believe the other's certificate");
            }
        }
        answer
    }

    async fn ask<C: Call>(
        &self,
        to: &Address,
        call: &C,
        timeout: Duration,
    ) -> Result<C::Reply, CallError> {
        let frame = toystore_codec::encode(WIRE_VERSION, call).map_err(|error| {
            tracing::error!(%error, call = C::NAME, "a call does not fit into a frame");
            CallError::NotSent
        })?;
        let answer = self.wire.exchange(to, C::NAME, frame, timeout).await?;
        toystore_codec::decode(WIRE_VERSION, &answer).map_err(|_| CallError::Garbled)
    }
}
