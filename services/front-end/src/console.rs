//! What the console is told while somebody looks at it: a stream of server-sent events.
//!
//! A change of who leads is noted whether or not somebody listens, since this front end learns of
//! it anyway. Everything else is asked for only while somebody does: then all of them share one
//! look at the cluster each second.
//!
//! | event | data |
//! |---|---|
//! | `hello` | first on each stream: the news of late, oldest first |
//! | `news` | one piece of [`news`] |
//! | `state` | how everything is now, see [`sample`] |

pub mod audience;
pub mod news;
pub mod pace;
pub mod sample;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::Notify;
use tokio::time::timeout;
use toystore_host::Shutdown;
use toystore_host::reply::Response;
use warp::Reply;
use warp::sse::Event;

use self::audience::{Audience, Frame};
use self::news::changes;
use self::pace::Pace;
use self::sample::Sampler;
use crate::leader::Known;
use crate::parts::Parts;

/// Between two looks at the cluster; a change of who leads brings one forward.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The console's side of a front end. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Console(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    pace: Pace,
    audience: Audience,
    /// Something is new about the leader.
    leaders: Notify,
}

impl Console {
    /// A console of these parts, with nobody in front of it.
    #[must_use]
    pub fn new(parts: &Parts) -> Self {
        let (pace, audience, leaders) = (Pace::default(), Audience::default(), Notify::new());
        Self(Arc::new(Inner { parts: parts.clone(), pace, audience, leaders }))
    }

    /// Where placed orders are noted.
    #[must_use]
    pub fn pace(&self) -> &Pace {
        &self.0.pace
    }

    /// A stream for one more listener; none when there are too many, or the process stops.
    #[must_use]
    pub fn stream(&self) -> Option<Response> {
        let mut frames = self.0.audience.join()?;
        let frames = stream::poll_fn(move |cx| frames.poll_recv(cx));
        let event = |Frame { name, data }: Frame| Event::default().event(name).data(&*data);
        let events = frames.map(move |frame| Ok::<_, Infallible>(event(frame)));
        Some(warp::sse::reply(events).into_response())
    }

    /// Works until `shutdown`; then every stream ends.
    pub async fn run(self, mut shutdown: Shutdown) {
        let work = async { tokio::join!(self.note_leaders(), self.look()) };
        tokio::select! {
            biased;
            () = shutdown.requested() => {}
            _ = work => {}
        }
        self.0.audience.dismiss();
    }

    /// Notes what this front end learns of the leader.
    async fn note_leaders(&self) {
        let leadership = self.0.parts.relay.leadership();
        let mut known = Known::default();
        loop {
            leadership.wait_for(|now| *now != known).await;
            let now = leadership.known();
            self.0.audience.note(changes(&known, &now));
            known = now;
            // Kept for later, it would only bring the first look of a new listener twice.
            self.0.leaders.notify_waiters();
        }
    }

    /// Looks at everything, while somebody listens.
    async fn look(&self) {
        loop {
            self.0.audience.somebody_listens().await;
            let mut sampler = Sampler::new(&self.0.parts, &self.0.pace);
            while self.0.audience.has_listeners() {
                let (sample, news) = sampler.look().await;
                self.0.audience.note(news);
                self.0.audience.tell_state(&sample);
                let _ = timeout(LOOK_EVERY, self.0.leaders.notified()).await;
            }
        }
    }
}
