//! A stand-in for an order replica: all of them share one book, so replication is perfect; what
//! they answer, and whether, is up to the test.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, pending};

use futures_util::future::join_all;
use toystore_domain::{Order, OrderNumber, Purchase};
use toystore_host::Call;
use toystore_host::desk::route;
use toystore_host::reject::recover;
use toystore_host::reply::Response;
use toystore_replication::choice::{Health, RoleName};
use toystore_replication::messages::{
    Forward, Forwarded, ListOrders, ListReply, OrderRefusal, OrderReply, PlaceOrder, PlaceOrders,
    ReadOrder, ReadReply, Status, ViewNotice,
};
use toystore_replication::{Epoch, Incarnation, Member, Position, ReplicaId, StoreId, View};
use warp::Filter;
use warp::filters::BoxedFilter;

use crate::store::{Running, Shared, cluster_token};

/// The orders of the store.
#[derive(Default)]
pub struct Book {
    pub purchases: Vec<Purchase>,
}

impl Book {
    fn place(&mut self, purchase: &Purchase) -> OrderReply {
        let known = self.purchases.iter().position(|known| known.key == purchase.key);
        let refuse = OrderReply::Refused;
        match (known, purchase.product.as_str()) {
            (Some(at), _) if !self.purchases[at].same_body(purchase) => {
                refuse(OrderRefusal::KeyReused)
            }
            (Some(at), _) => OrderReply::Placed(OrderNumber(at as u64 + 1)),
            (None, "Nothing") => refuse(OrderRefusal::ProductNotFound),
            (None, _) if purchase.quantity.get() > 100 => refuse(OrderRefusal::OutOfStock),
            (None, _) => {
                self.purchases.push(purchase.clone());
                OrderReply::Placed(OrderNumber(self.purchases.len() as u64))
            }
        }
    }

    fn orders(&self) -> impl Iterator<Item = Order> + '_ {
        self.purchases.iter().zip(1..).map(|(purchase, number)| Order {
            number: OrderNumber(number),
            product: purchase.product.clone(),
            quantity: purchase.quantity,
        })
    }
}

/// What becomes of a copy of an order.
#[derive(Clone, Debug)]
pub enum Act {
    /// Whatever comes, this is the answer.
    Answer(OrderReply),
    /// It is placed, and nobody is told.
    PlaceAndHang,
    /// It is lost, and nobody is told.
    Hang,
}

pub struct State {
    pub member: Member,
    pub view: Option<View>,
    pub leads: bool,
    /// For the next copies; then they are placed.
    pub acts: VecDeque<Act>,
    /// For all copies without an act of their own.
    pub always: Option<Act>,
    /// Every copy that came, by itself or through a follower.
    pub copies: Vec<PlaceOrder>,
    /// As after SIGSTOP: connections stand, nothing is answered.
    pub stopped: bool,
    /// Nothing from front ends arrives, but followers get through.
    pub cut_off: bool,
    pub forwarded: usize,
}

impl State {
    fn health(&self) -> Health {
        let follower = if self.view.is_some() { RoleName::Follower } else { RoleName::CatchingUp };
        Health {
            member: self.member,
            cluster: None,
            promise: Epoch(0),
            mark: Epoch(0),
            last: Position::ORIGIN,
            commit: OrderNumber::ZERO,
            role: if self.leads { RoleName::Leader } else { follower },
            stuck: false,
            view: self.view.clone(),
        }
    }

    fn notice(&mut self, view: View) -> Health {
        if self.view.as_ref().is_none_or(|known| view.is_later_than(known)) {
            self.leads = view.leader == self.member;
            self.view = Some(view);
        }
        self.health()
    }

    fn leads_in(&self, epoch: Epoch) -> bool {
        self.leads && self.view.as_ref().is_some_and(|view| view.epoch == epoch)
    }
}

/// The orders, and every replica's state: a follower passes on to the leader's.
#[derive(Default)]
pub struct World {
    pub book: Book,
    states: BTreeMap<ReplicaId, Shared<State>>,
}

pub struct Replica {
    pub id: ReplicaId,
    pub state: Shared<State>,
    pub server: Running,
}

impl Replica {
    pub async fn start(id: ReplicaId, world: &Shared<World>) -> Self {
        let store = StoreId(u128::from(id.0));
        let state = Shared::new(State {
            member: Member { id, store, incarnation: Incarnation(1) },
            view: None,
            leads: false,
            acts: VecDeque::new(),
            always: None,
            copies: Vec::new(),
            stopped: false,
            cut_off: false,
            forwarded: 0,
        });
        world.lock().states.insert(id, state.clone());
        let desk = Desk { state: state.clone(), world: world.clone() };
        let server = Running::start(desk.routes()).await;
        Self { id, state, server }
    }
}

/// What a stand-in's handlers share.
#[derive(Clone)]
struct Desk {
    state: Shared<State>,
    world: Shared<World>,
}

impl Desk {
    fn routes(
        self,
    ) -> impl Filter<Extract = (Response,), Error = std::convert::Infallible> + Clone {
        self.endpoint(|desk, _: Status| async move { desk.state.lock().health() })
            .or(self.endpoint(|desk, call: ViewNotice| async move {
                desk.state.lock().notice(call.view)
            }))
            .unify()
            .or(self.endpoint(|desk, call: PlaceOrders| async move {
                join_all(call.orders.into_iter().map(|copy| desk.place(copy))).await
            }))
            .unify()
            .or(self.endpoint(|desk, call: ReadOrder| async move { desk.read(call) }))
            .unify()
            .or(self.endpoint(|desk, call: ListOrders| async move { desk.list(call) }))
            .unify()
            .or(self.endpoint(|desk, call: Forward| async move { desk.forward(call).await }))
            .unify()
            .recover(recover)
            .unify()
    }

    fn endpoint<C, Fut>(
        &self,
        act: impl Fn(Self, C) -> Fut + Copy + Send + Sync + 'static,
    ) -> BoxedFilter<(Response,)>
    where
        C: Call,
        Fut: Future<Output = C::Reply> + Send,
    {
        let desk = self.clone();
        route(cluster_token(), move |call| {
            let desk = desk.clone();
            async move {
                let silent = {
                    let state = desk.state.lock();
                    state.stopped || state.cut_off
                };
                if silent {
                    pending::<()>().await;
                }
                Ok(act(desk, call).await)
            }
        })
    }

    async fn place(&self, copy: PlaceOrder) -> OrderReply {
        let act = {
            let mut state = self.state.lock();
            state.copies.push(copy.clone());
            let act = state.acts.pop_front().or_else(|| state.always.clone());
            if act.is_none() && !state.leads_in(copy.epoch) {
                return OrderReply::Refused(OrderRefusal::NotLeader(state.view.clone()));
            }
            act
        };
        match act {
            Some(Act::Answer(reply)) => reply,
            Some(Act::Hang) => pending().await,
            Some(Act::PlaceAndHang) => {
                self.world.lock().book.place(&copy.purchase);
                pending().await
            }
            None => self.world.lock().book.place(&copy.purchase),
        }
    }

    fn read(&self, call: ReadOrder) -> ReadReply {
        let state = self.state.lock();
        let found = self.world.lock().book.orders().find(|order| order.number == call.number);
        match found {
            // A follower knows what is committed, and nothing of what is not there.
            Some(order) if state.view.is_some() => ReadReply::Found(order),
            None if state.leads => ReadReply::NotFound,
            _ => ReadReply::NotLeader(state.view.clone()),
        }
    }

    fn list(&self, call: ListOrders) -> ListReply {
        let state = self.state.lock();
        if !state.leads {
            return ListReply::NotLeader(state.view.clone());
        }
        let world = self.world.lock();
        let above = world.book.orders().filter(|order| order.number > call.after);
        ListReply::Page(above.take(call.limit as usize).collect())
    }

    async fn forward(&self, call: Forward) -> Forwarded {
        let leader = {
            let mut state = self.state.lock();
            state.forwarded += 1;
            state.view.as_ref().map(|view| view.leader.id)
        };
        let Some(leader) = leader else { return Forwarded::NotSent };
        let state = self.world.lock().states[&leader].clone();
        let desk = Self { state, world: self.world.clone() };
        match call {
            Forward::Order(copy) => Forwarded::Order(desk.place(copy).await),
            Forward::Read(call) => Forwarded::Read(desk.read(call)),
            Forward::List(call) => Forwarded::List(desk.list(call)),
        }
    }
}
