//! Whose turn it is on a connection: the client's to ask, or the server's to answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};

use crate::reply::Response;

/// Shared by a connection's guard, which waits for requests, and its answers.
#[derive(Debug, Default)]
pub(super) struct Turn {
    answering: AtomicBool,
    waiting: AtomicWaker,
}

impl Turn {
    /// A request was let through; its answer is awaited.
    pub(super) fn ask(&self) {
        self.answering.store(true, Ordering::Release);
    }

    /// The answer is complete. The guard is woken: the parser was told that nothing is to be
    /// read, and does not promise to look again by itself.
    fn answered(&self) {
        self.answering.store(false, Ordering::Release);
        self.waiting.wake();
    }

    /// Whether an answer is under way; if so, `waker` hears of its end.
    pub(super) fn is_answering(&self, waker: &Waker) -> bool {
        // Registered first: an answer that ends in between wakes.
        self.waiting.register(waker);
        self.answering.load(Ordering::Acquire)
    }
}

/// The body of an answer. When the connection is through with it, the turn goes to the client.
pub(super) struct Answer {
    body: UnsyncBoxBody<Bytes, warp::Error>,
    turn: Arc<Turn>,
}

impl Answer {
    /// The response with its body watched.
    pub(super) fn watch(response: Response, turn: Arc<Turn>) -> http::Response<Self> {
        response.map(|body| Self { body: body.boxed_unsync(), turn })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.turn.answered();
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = warp::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, warp::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
