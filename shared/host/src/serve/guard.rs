//! The guard at a connection's door, between the socket and the HTTP parser.
//!
//! It hands a request's head on only when it is whole and within the limits. So every slow,
//! long, or two-faced head is answered in the store's own words, a half-sent head never keeps a
//! process from stopping, and a pipelined request waits until the one before it is answered. The
//! guard also times the client: how long it may be idle, send a head, and leave an answer unread.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use toystore_domain::Refusal;

use super::ServeOptions;
use super::head::{Framing, Head, begun, judge};
use super::turn::Turn;
use crate::reply::refuse_raw;

/// Bytes read from a socket at once while a head is awaited.
const PIECE: usize = 4096;

/// A time limit that runs only while something is waited for.
///
/// Its timer goes on when nothing is waited for any more, and is looked at when it rings: setting
/// and clearing one for each request would cost more than reading the request.
#[derive(Default)]
struct Patience {
    timer: Option<Pin<Box<Sleep>>>,
    since: Option<Instant>,
}

impl Patience {
    /// Whether it has run out, counted from the first call since it was last off.
    fn is_out(&mut self, limit: Duration, cx: &mut Context<'_>) -> bool {
        let until = *self.since.get_or_insert_with(Instant::now) + limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= until {
                return true;
            }
            timer.as_mut().reset(until);
        }
        false
    }

    fn off(&mut self) {
        self.since = None;
    }
}

/// A socket whose reader sees nothing but admissible requests.
pub(super) struct Guard<T> {
    stream: T,
    options: ServeOptions,
    turn: Arc<Turn>,
    /// Bytes from the socket that the parser does not have yet.
    held: Vec<u8>,
    /// How many of `held` the parser may have.
    passed: usize,
    /// How many of `held` were judged and are no whole head.
    known: usize,
    /// What is still to come of the body under way; no bytes when a head is awaited.
    body: Framing,
    idle: Patience,
    head: Patience,
    writing: Patience,
    /// Nothing more is read: the client has closed, was silent for too long, or is refused.
    ended: bool,
    /// Why the client is refused.
    verdict: Option<Refusal>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Guard<T> {
    pub(super) fn new(stream: T, options: ServeOptions, turn: Arc<Turn>) -> Self {
        Self {
            stream,
            options,
            turn,
            held: Vec::new(),
            passed: 0,
            known: 0,
            body: Framing::Length(0),
            idle: Patience::default(),
            head: Patience::default(),
            writing: Patience::default(),
            ended: false,
            verdict: None,
        }
    }

    /// Reads nothing more; `close` says why.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.end(Some(refusal));
    }

    /// Ends the connection so that a client that still sends gets to read why.
    ///
    /// Closing a socket with unread bytes resets it, which can destroy the answer on its way.
    pub(super) async fn close(mut self) {
        if let Some(refusal) = &self.verdict
            && self.stream.write_all(&refuse_raw(refusal)).await.is_err()
        {
            return;
        }
        let unread = self.verdict.is_some() || self.body != Framing::Length(0);
        if self.stream.shutdown().await.is_ok() && unread {
            self.held.resize(PIECE, 0);
            while self.stream.read(&mut self.held).await.is_ok_and(|bytes| bytes > 0) {}
        }
    }

    /// One step towards a whole head in `held`, or to the end.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.turn.is_answering(cx.waker()) {
            self.idle.off();
            if self.held.len() >= self.options.head.head_bytes {
                return Poll::Pending;
            }
            return self.poll_fill(cx);
        }
        if self.held.len() > self.known {
            match judge(&self.held, self.known, &self.options.head) {
                Ok(Head::Partial) => self.known = self.held.len(),
                Ok(Head::Whole { bytes, body }) => {
                    self.admit(bytes, body);
                    return Poll::Ready(Ok(()));
                }
                Err(refusal) => {
                    self.end(Some(refusal));
                    return Poll::Ready(Ok(()));
                }
            }
        }
        match self.poll_fill(cx) {
            Poll::Pending => self.poll_patience(cx).map(Ok),
            filled => filled,
        }
    }

    fn admit(&mut self, bytes: usize, body: Framing) {
        self.passed = bytes;
        self.known = 0;
        self.body = body;
        self.idle.off();
        self.head.off();
        self.turn.ask();
    }

    fn end(&mut self, verdict: Option<Refusal>) {
        self.ended = true;
        self.verdict = verdict;
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut piece = [0; PIECE];
        let mut piece = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
        if piece.filled().is_empty() {
            self.end(None);
        }
        self.held.extend_from_slice(piece.filled());
        Poll::Ready(Ok(()))
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let sending = begun(&self.held);
        let out = if sending {
            self.head.is_out(self.options.header_timeout, cx)
        } else {
            self.idle.is_out(self.options.keep_alive_idle, cx)
        };
        if !out {
            return Poll::Pending;
        }
        self.end(sending.then_some(Refusal::RequestTimeout));
        Poll::Ready(())
    }

    /// Body bytes from the socket: never more than are left of the body.
    fn poll_body(
        &mut self,
        left: u64,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = usize::try_from(left).unwrap_or(usize::MAX);
        let before = buf.filled().len();
        if buf.remaining() <= room {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        } else {
            let mut piece = [0; PIECE];
            let mut piece = ReadBuf::new(&mut piece[..room.min(PIECE)]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
            buf.put_slice(piece.filled());
        }
        let came = (buf.filled().len() - before) as u64;
        self.body = Framing::Length(left.saturating_sub(came));
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.passed > 0 {
                let bytes = this.passed.min(buf.remaining());
                buf.put_slice(&this.held[..bytes]);
                this.held.drain(..bytes);
                this.passed -= bytes;
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            match this.body {
                Framing::Length(0) => ready!(this.poll_head(cx))?,
                Framing::Length(left) if this.held.is_empty() => {
                    return this.poll_body(left, cx, buf);
                }
                Framing::Length(left) => {
                    this.passed = usize::try_from(left).unwrap_or(usize::MAX).min(this.held.len());
                    this.body = Framing::Length(left - this.passed as u64);
                }
                Framing::Chunked if this.held.is_empty() => {
                    return Pin::new(&mut this.stream).poll_read(cx, buf);
                }
                Framing::Chunked => this.passed = this.held.len(),
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.timed(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bytes);
        this.timed(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// TLS keeps what the client does not take, so this can wait for it as writing can.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.timed(flushed, cx)
    }

    /// Leaves the end to [`Guard::close`], which may have something to say first.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl<T> Guard<T> {
    /// A client that does not take its answer holds the connection no longer than allowed.
    fn timed<R>(
        &mut self,
        written: Poll<io::Result<R>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.writing.off();
        } else if self.writing.is_out(self.options.write_timeout, cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        written
    }
}
