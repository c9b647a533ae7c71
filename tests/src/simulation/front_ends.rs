//! The front ends, as far as the replicas see them: attempts to place an order, each with as many
//! copies as its deadline allows; look-ups; lists.
//!
//! What an answer to one copy means is `judge` of the front end's `orders.rs`, in short.

use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_replication::messages::{
    ListReply, NoAnswer, OrderRefusal, OrderReply, PlaceOrder, ReadReply,
};
use toystore_replication::{Attempt, ReplicaId, Request};

use super::world::{Asker, Item, World};

/// How many front ends there are.
pub const FRONT_ENDS: usize = 2;
/// What is sold.
pub const PRODUCTS: [&str; 2] = ["Tux", "Whale"];
/// A copy is not sent with less time than this.
const LEAST_PATIENCE: u64 = 30;
/// Longest attempt.
const PATIENCE: u64 = 1_000;

/// One attempt of a front end to place an order.
#[derive(Clone, Debug)]
pub struct Attempting {
    id: Attempt,
    purchase: Purchase,
    front_end: usize,
    /// The outcome of a copy is unknown.
    open: bool,
    /// Copies sent; only the answer to the last is waited for.
    copies: u64,
    deadline: u64,
    done: bool,
}

/// One copy of an attempt: which attempt, and the number of the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    attempt: usize,
    number: u64,
}

/// A look-up or a list, with what was known when it was sent.
#[derive(Clone, Copy, Debug)]
pub enum Look {
    /// Of this order, which is known to exist.
    One {
        /// Its number.
        number: OrderNumber,
        /// Whether it is.
        exists: bool,
    },
    /// Of orders above this one; those up to `exist` are known to exist.
    Page {
        /// The order before the page.
        after: OrderNumber,
        /// Its length at most.
        limit: usize,
        /// The last order that is known to exist.
        exist: OrderNumber,
    },
}

impl World {
    /// Now and then somebody wants something.
    pub fn front_ends_work(&mut self) {
        if self.random.chance(30) {
            self.order_something();
        }
        if self.random.chance(30) {
            self.look_something_up();
        }
    }

    pub(super) fn order_something(&mut self) {
        let again = !self.attempts.is_empty() && self.random.chance(400);
        let purchase = if again {
            let index = self.random.below(self.attempts.len() as u64) as usize;
            let known = self.attempts[index].purchase.clone();
            let other = self.random.chance(50);
            let quantity = if other { self.quantity() } else { known.quantity };
            Purchase { quantity, ..known }
        } else {
            let product = PRODUCTS[self.random.below(2) as usize];
            let quantity = self.quantity();
            Purchase {
                key: OrderKey::new(&format!("k{}", self.attempts.len())).unwrap(),
                product: ProductName::new(product).unwrap(),
                quantity,
            }
        };
        self.told.attempted(&purchase);
        self.attempts.push(Attempting {
            id: Attempt(self.random.number()),
            purchase,
            front_end: self.random.below(FRONT_ENDS as u64) as usize,
            open: false,
            copies: 0,
            deadline: self.now + 50 + self.random.below(PATIENCE),
            done: false,
        });
        self.send_copy(self.attempts.len() - 1);
    }

    fn quantity(&mut self) -> Quantity {
        Quantity::new(1 + self.random.below(3)).unwrap()
    }

    /// The next copy of an attempt, or its end.
    pub fn send_copy(&mut self, index: usize) {
        let now = self.now;
        let attempt = &mut self.attempts[index];
        if attempt.done {
            return;
        }
        let patience = attempt.deadline.saturating_sub(now);
        if patience < LEAST_PATIENCE {
            attempt.done = true;
            if !attempt.open {
                self.told.refused(&attempt.purchase);
            }
            return;
        }
        let front_end = attempt.front_end;
        let Some(view) = self.known[front_end].clone() else {
            return self.put(30, Item::Again(index));
        };
        attempt.copies += 1;
        let place = PlaceOrder {
            epoch: view.epoch,
            attempt: attempt.id,
            repeat: attempt.open,
            purchase: attempt.purchase.clone(),
            patience_ms: (patience - LEAST_PATIENCE / 2) as u32,
        };
        let copy = Copy { attempt: index, number: attempt.copies };
        let late = self.random.chance(60);
        let delay = if late { 50 + self.random.below(400) } else { self.random.below(20) };
        if self.passes(name(front_end), view.leader.id.0) {
            self.put(delay, Item::Order(view.leader.id, copy, place));
        }
        // News about the leader, or the deadline, end the wait.
        let wait = 40 + self.random.below(patience);
        self.put(wait, Item::CopyMissed(copy));
    }

    /// Nobody listens there: surely not done.
    pub fn copy_refused(&mut self, copy: Copy) {
        self.judge(copy, Err(NoAnswer::Refused));
    }

    /// No answer came in time.
    pub fn copy_missed(&mut self, copy: Copy) {
        self.judge(copy, Err(NoAnswer::Late));
    }

    /// A replica answers a copy.
    pub fn copy_replied(&mut self, from: ReplicaId, copy: Copy, reply: OrderReply) {
        if let OrderReply::Placed(number) = reply {
            let purchase = self.attempts[copy.attempt].purchase.clone();
            self.acknowledged(from, &purchase, number);
        }
        let to = name(self.attempts[copy.attempt].front_end);
        if self.passes(from.0, to) {
            let delay = 1 + self.random.below(12);
            self.put(delay, Item::CopyAnswered(copy, reply));
        }
    }

    /// What the answer to one copy means for its attempt.
    pub fn judge(&mut self, copy: Copy, answer: Result<OrderReply, NoAnswer>) {
        let attempt = &mut self.attempts[copy.attempt];
        if attempt.done || attempt.copies != copy.number {
            return;
        }
        match answer {
            Ok(OrderReply::Placed(_)) => attempt.done = true,
            Ok(OrderReply::Unknown) | Err(NoAnswer::Late | NoAnswer::Broken) => attempt.open = true,
            Err(NoAnswer::Refused | NoAnswer::TurnedAway) => {}
            Ok(OrderReply::Refused(refusal)) => match refusal {
                OrderRefusal::NotLeader(view) => {
                    let known = &mut self.known[attempt.front_end];
                    if view.as_ref().is_some_and(|view| {
                        known.as_ref().is_none_or(|known| view.is_later_than(known))
                    }) {
                        *known = view;
                    }
                }
                OrderRefusal::Busy | OrderRefusal::TooFewInSync | OrderRefusal::Expired
                    if attempt.open => {}
                _ => {
                    attempt.done = true;
                    self.seen.refused += 1;
                    self.told.refused(&attempt.purchase);
                }
            },
        }
        if !self.attempts[copy.attempt].done {
            let pause = 1 + self.random.below(40);
            self.put(pause, Item::Again(copy.attempt));
        }
    }

    fn look_something_up(&mut self) {
        let exist = self.told.last();
        let look = if self.random.chance(700) {
            let number = self.near(exist);
            Look::One { number, exists: self.told.knows(number) }
        } else {
            let after = self.near(exist);
            Look::Page { after, limit: 1 + self.random.below(10) as usize, exist }
        };
        let front_end = self.random.below(FRONT_ENDS as u64) as usize;
        let Some(view) = self.known[front_end].as_ref() else { return };
        let (leader, ids) = (view.leader.id, self.ids.clone());
        let any = ids[self.random.below(ids.len() as u64) as usize];
        let to = if self.random.chance(500) { leader } else { any };
        let delay = self.random.below(100);
        if self.passes(name(front_end), to.0) {
            self.put(delay, Item::Look(to, look));
        }
    }

    /// Mostly one of the last orders, or one that is not there yet.
    fn near(&mut self, last: OrderNumber) -> OrderNumber {
        let back = if self.random.chance(800) { 4 } else { last.0 + 3 };
        OrderNumber((last.0 + 2).saturating_sub(self.random.below(back)))
    }

    /// A look-up arrives.
    pub fn look(&mut self, to: ReplicaId, look: Look) {
        let request = match look {
            Look::One { number, .. } => Request::Read(number),
            Look::Page { after, limit, .. } => Request::List(after, limit),
        };
        let patience = 50 + self.random.below(400);
        self.request(to, Asker::Looks(look), request, Some(patience));
    }

    /// What is found stays for ever; what is proven not to exist was not known when asked for.
    pub fn found(&mut self, look: Look, reply: ReadReply) {
        let Look::One { number, exists } = look else { panic!("{look:?}: {reply:?}") };
        match reply {
            ReadReply::Found(order) => {
                assert_eq!(order.number, number);
                self.told.found(&order);
                self.seen.found += 1;
            }
            ReadReply::NotFound => {
                assert!(!exists, "I7: order {number} exists, and was said not to");
                self.seen.not_found += 1;
            }
            ReadReply::NotLeader(_) | ReadReply::Unavailable => {}
        }
    }

    /// A page has no gaps, and ends where the orders end.
    pub fn listed(&mut self, look: Look, reply: ListReply) {
        let Look::Page { after, limit, exist } = look else { panic!("{look:?}: {reply:?}") };
        let ListReply::Page(orders) = reply else { return };
        self.seen.listed += 1;
        for (order, number) in orders.iter().zip(after.0 + 1..) {
            assert_eq!(order.number.0, number, "I2: a gap in a page");
            self.told.found(order);
        }
        let last = after.0 + orders.len() as u64;
        assert!(orders.len() <= limit);
        assert!(orders.len() == limit || last >= exist.0, "I7: the page ends before {exist}");
    }
}

/// Where a front end's messages come from.
#[must_use]
pub fn name(front_end: usize) -> u8 {
    9 - front_end as u8
}
