//! Those who listen: how many may, what each is sent, and what becomes of one who does not read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;

use super::news::News;
use super::sample::time_of_day;

/// Streams of one front end; one more is told to come back later.
pub const MAX_STREAMS: usize = 32;
/// Frames that wait for one listener; who leaves more unread is dropped.
const UNREAD: usize = 32;
/// How long one stream lasts. A browser opens the next by itself; who holds a place without ever
/// reading gives it up, also while the system's buffers still take what is sent.
const LASTS: Duration = Duration::from_secs(300);
/// News that are remembered for those who come later.
const REMEMBERED: usize = 100;

/// One event of a stream.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its name.
    pub name: &'static str,
    /// JSON, written once for everyone.
    pub data: Arc<str>,
}

impl Frame {
    /// None, and a line in the log, when it cannot be written.
    fn new(name: &'static str, data: &impl Serialize) -> Option<Self> {
        match serde_json::to_string(data) {
            Ok(text) => Some(Self { name, data: text.into() }),
            Err(error) => {
                tracing::error!(%error, name, "an event cannot be written as JSON");
                None
            }
        }
    }
}

/// A piece of news with its time of day.
#[derive(Clone, Debug, Serialize)]
struct Dated {
    at: u64,
    #[serde(flatten)]
    news: News,
}

/// Everyone who listens, and what they were told.
#[derive(Debug, Default)]
pub struct Audience {
    state: Mutex<State>,
    joined: Notify,
}

#[derive(Debug)]
struct Listener {
    frames: Sender<Frame>,
    until: Instant,
}

#[derive(Debug, Default)]
struct State {
    listeners: Vec<Listener>,
    past: VecDeque<Dated>,
    over: bool,
}

impl State {
    /// Who is gone, or does not read, hears nothing more.
    fn tell(&mut self, frame: &Frame) {
        self.listeners.retain(|listener| match listener.frames.try_send(frame.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                tracing::debug!("a listener does not read");
                false
            }
            Err(TrySendError::Closed(_)) => false,
        });
    }

    fn let_go(&mut self) {
        let now = Instant::now();
        self.listeners.retain(|listener| !listener.frames.is_closed() && now < listener.until);
    }
}

impl Audience {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more listener, if there is a place; first it gets the news of late.
    #[must_use]
    pub fn join(&self) -> Option<Receiver<Frame>> {
        let mut state = self.lock();
        state.let_go();
        if state.over || state.listeners.len() >= MAX_STREAMS {
            return None;
        }
        let hello = Frame::new("hello", &state.past)?;
        let (frames, receiver) = channel(UNREAD);
        frames.try_send(hello).ok()?;
        state.listeners.push(Listener { frames, until: Instant::now() + LASTS });
        drop(state);
        self.joined.notify_one();
        Some(receiver)
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn has_listeners(&self) -> bool {
        let mut state = self.lock();
        state.let_go();
        !state.listeners.is_empty()
    }

    /// Waits until somebody does.
    pub async fn somebody_listens(&self) {
        while !self.has_listeners() {
            self.joined.notified().await;
        }
    }

    /// Something happened: it is remembered, and told.
    pub fn note(&self, news: Vec<News>) {
        if news.is_empty() {
            return;
        }
        let mut state = self.lock();
        for news in news {
            let dated = Dated { at: time_of_day(), news };
            if !state.listeners.is_empty()
                && let Some(frame) = Frame::new("news", &dated)
            {
                state.tell(&frame);
            }
            state.past.push_back(dated);
        }
        let forgotten = state.past.len().saturating_sub(REMEMBERED);
        state.past.drain(..forgotten);
    }

    /// How everything is.
    pub fn tell_state(&self, state: &impl Serialize) {
        if let Some(frame) = Frame::new("state", state) {
            self.lock().tell(&frame);
        }
    }

    /// Nobody listens any more.
    pub fn dismiss(&self) {
        let mut state = self.lock();
        state.over = true;
        state.listeners.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_places_and_who_leaves_makes_room() {
        let audience = Audience::default();
        assert!(!audience.has_listeners());
        let mut streams: Vec<_> = (0..MAX_STREAMS).map(|_| audience.join().unwrap()).collect();
        assert!(audience.join().is_none());
        drop(streams.pop());
        assert!(audience.join().is_some());
        drop(streams);
        assert!(!audience.has_listeners());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_holds_a_place_for_ever() {
        let audience = Audience::default();
        let held: Vec<_> = (0..MAX_STREAMS).map(|_| audience.join().unwrap()).collect();
        tokio::time::advance(LASTS - Duration::from_secs(1)).await;
        assert!(audience.join().is_none());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(audience.join().is_some());
        assert!(held.iter().all(Receiver::is_closed));
    }

    #[test]
    fn who_does_not_read_is_dropped_and_the_others_go_on() {
        let audience = Audience::default();
        let (mut reads, mut sleeps) = (audience.join().unwrap(), audience.join().unwrap());
        for _ in 0..UNREAD {
            audience.tell_state(&1);
            assert!(reads.try_recv().is_ok());
        }
        assert_eq!(audience.lock().listeners.len(), 1);
        for _ in 0..UNREAD {
            assert!(sleeps.try_recv().is_ok());
        }
        assert!(sleeps.is_closed() && !reads.is_closed());
    }

    #[test]
    fn late_comers_hear_what_happened_but_not_for_ever() {
        let audience = Audience::default();
        for replica in 0..=u8::MAX {
            audience.note(vec![News::Left { replica }]);
        }
        let hello = audience.join().unwrap().try_recv().unwrap();
        let past: Vec<serde_json::Value> = serde_json::from_str(&hello.data).unwrap();
        assert_eq!((hello.name, past.len()), ("hello", REMEMBERED));
        assert_eq!((&past[99]["kind"], &past[99]["replica"]), (&"left".into(), &255.into()));
    }

    #[test]
    fn after_the_end_there_is_no_place() {
        let audience = Audience::default();
        let stream = audience.join().unwrap();
        audience.dismiss();
        assert!(stream.is_closed() && audience.join().is_none());
    }
}
