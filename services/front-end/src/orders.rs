//! Placing orders: one attempt, as many copies of it as its deadline allows, all under one key.
//!
//! The rule that everything here serves: a refusal says that nothing was and will be done for
//! this attempt. So once the outcome of a copy is unknown, the attempt is *open*: later copies
//! are flagged as repeats, of which the leader remembers what it refused, and only an answer to
//! the order itself ends the attempt; if none comes in time, its outcome is unknown.

use std::time::Duration;

use tokio::time::Instant;
use toystore_domain::{OrderNumber, Purchase, Refusal};
use toystore_host::ambient::{NoRandomness, random};
use toystore_replication::messages::{OrderRefusal, OrderReply, PlaceOrder};
use toystore_replication::{Attempt, View};

use crate::relay::{Missed, Pauses, Relay, Route, left, millis, route};

/// The leader gives up so much earlier than the front end, so that it can still say so.
pub(crate) const ANSWER_MARGIN: Duration = Duration::from_millis(250);
/// With less time than this a copy is not sent: its outcome would hardly be known in time.
const LEAST_PATIENCE: Duration = Duration::from_millis(50);

/// What the answer to one copy means for the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Placed(OrderNumber),
    Refused(Refusal),
    /// Send another copy.
    Again {
        /// Whether the outcome of a copy is unknown.
        open: bool,
        /// The view that came along.
        view: Option<View>,
    },
}

/// Judges the answer to a copy; `open` says whether it was sent as a repeat.
fn judge(answer: Result<OrderReply, Missed>, open: bool) -> Verdict {
    let again = |open| Verdict::Again { open, view: None };
    let refusal = match answer {
        Ok(OrderReply::Placed(number)) => return Verdict::Placed(number),
        Ok(OrderReply::Refused(refusal)) => refusal,
        Ok(OrderReply::Unknown) | Err(Missed::Unknown) => return again(true),
        Err(Missed::NotDone | Missed::Overloaded) => return again(open),
    };
    match refusal {
        OrderRefusal::OutOfStock => Verdict::Refused(Refusal::OutOfStock),
        OrderRefusal::ProductNotFound => Verdict::Refused(Refusal::ProductNotFound),
        OrderRefusal::KeyReused => Verdict::Refused(Refusal::KeyReused),
        OrderRefusal::NotLeader(view) => Verdict::Again { open, view },
        // These are about this copy alone: an earlier one may still be carried through.
        OrderRefusal::Busy | OrderRefusal::TooFewInSync | OrderRefusal::Expired if open => {
            again(open)
        }
        OrderRefusal::Busy => Verdict::Refused(Refusal::Busy),
        OrderRefusal::TooFewInSync => Verdict::Refused(Refusal::Unavailable(
            "fewer replicas are in sync than the operator demands".to_owned(),
        )),
        OrderRefusal::Expired => Verdict::Refused(Refusal::Unavailable(
            "the order did not get its turn in time".to_owned(),
        )),
    }
}

/// Places an order before `deadline`.
///
/// # Errors
/// Why it was not placed; [`Refusal::OutcomeUnknown`] when that cannot be told.
pub async fn place(
    relay: &Relay,
    purchase: Purchase,
    deadline: Instant,
) -> Result<OrderNumber, Refusal> {
    let attempt = Attempt(random().map_err(no_randomness)?);
    relay.budget().earn();
    let mut open = false;
    let mut pauses = Pauses::until(deadline);
    for tries in 0.. {
        let known = relay.leadership().known();
        let patience = left(deadline).saturating_sub(ANSWER_MARGIN);
        if patience < LEAST_PATIENCE {
            break;
        }
        match route(&known, tries) {
            None => relay.leadership().doubt(),
            Some(route) => {
                let copy = copy(route, attempt, open, &purchase, patience);
                let answer = relay.ask(route, copy, left(deadline)).await;
                if answer == Err(Missed::Overloaded) && !open && !relay.budget().spend() {
                    return Err(Refusal::Busy);
                }
                match judge(answer, open) {
                    Verdict::Placed(number) => return Ok(number),
                    Verdict::Refused(refusal) => return Err(refusal),
                    Verdict::Again { open: now_open, view } => {
                        open = now_open;
                        relay.leadership().hear(view);
                        relay.leadership().doubt();
                    }
                }
            }
        }
        if !pauses.pause(relay, &known).await {
            break;
        }
    }
    Err(if open { Refusal::OutcomeUnknown } else { unavailable(relay) })
}

fn copy(
    route: Route,
    attempt: Attempt,
    open: bool,
    purchase: &Purchase,
    patience: Duration,
) -> PlaceOrder {
    let purchase = purchase.clone();
    PlaceOrder {
        epoch: route.epoch,
        attempt,
        repeat: open,
        purchase,
        patience_ms: millis(patience),
    }
}

/// No leader answered in time; says why, as far as that is known.
#[must_use]
pub fn unavailable(relay: &Relay) -> Refusal {
    let trouble = relay.leadership().known().trouble;
    Refusal::Unavailable(trouble.unwrap_or_else(|| "no leader answers".to_owned()))
}

/// Nothing can be done without random numbers.
#[must_use]
pub fn no_randomness(error: NoRandomness) -> Refusal {
    Refusal::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(refusal: OrderRefusal) -> Result<OrderReply, Missed> {
        Ok(OrderReply::Refused(refusal))
    }

    #[test]
    fn an_answer_to_the_order_itself_ends_the_attempt() {
        for open in [false, true] {
            let placed = judge(Ok(OrderReply::Placed(OrderNumber(7))), open);
            assert_eq!(placed, Verdict::Placed(OrderNumber(7)));
            for (refusal, expected) in [
                (OrderRefusal::OutOfStock, Refusal::OutOfStock),
                (OrderRefusal::ProductNotFound, Refusal::ProductNotFound),
                (OrderRefusal::KeyReused, Refusal::KeyReused),
            ] {
                assert_eq!(judge(refused(refusal), open), Verdict::Refused(expected));
            }
        }
    }

    #[test]
    fn what_is_about_one_copy_alone_does_not_end_an_open_attempt() {
        for answer in [
            refused(OrderRefusal::Busy),
            refused(OrderRefusal::TooFewInSync),
            refused(OrderRefusal::Expired),
        ] {
            let Verdict::Refused(refusal) = judge(answer.clone(), false) else { panic!() };
            assert_eq!(refusal.status(), 503, "{answer:?}");
            assert_eq!(judge(answer, true), Verdict::Again { open: true, view: None });
        }
    }

    #[test]
    fn only_an_unknown_outcome_opens_an_attempt() {
        for (answer, opens) in [
            (Ok(OrderReply::Unknown), true),
            (Err(Missed::Unknown), true),
            (Err(Missed::NotDone), false),
            (Err(Missed::Overloaded), false),
            (refused(OrderRefusal::NotLeader(None)), false),
        ] {
            let again = |open| Verdict::Again { open, view: None };
            assert_eq!(judge(answer.clone(), false), again(opens), "{answer:?}");
            assert_eq!(judge(answer, true), again(true));
        }
    }
}
