//! A stand-in for an order replica: all of them share one book, so replication is perfect; what
//! they answer, and whether, is up to the test.

use std::collections::VecDeque;
use std::future::{Future, pending};

use toystore_domain::{Order, OrderNumber, Purchase, Refusal};
use toystore_host::calls::route;
use toystore_host::reject::recover;
use toystore_host::{Call, CallError, Caller};
use toystore_replication::choice::{Health, RoleName};
use toystore_replication::messages::{
    Forward, Forwarded, ListOrders, ListReply, OrderRefusal, OrderReply, PlaceOrder, ReadOrder,
    ReadReply, Status, ViewNotice,
};
use toystore_replication::{
    Epoch, Incarnation, Member, Position, ReplicaId, StoreId, View,
};
use warp::Filter;

use crate::store::{PATIENCE, Running, Shared, cluster_token};

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

pub struct Replica {
    pub id: ReplicaId,
    pub state: Shared<State>,
    pub server: Running,
}

/// What a stand-in's handlers share.
#[derive(Clone)]
struct Desk {
    state: Shared<State>,
    book: Shared<Book>,
    /// The other replicas' desks go by address, as the front end knows them.
    peers: Shared<Vec<(ReplicaId, Desk)>>,
}

// All stand-ins of one test see each other through the book they share.
static DESKS: std::sync::Mutex<Vec<(usize, ReplicaId, Desk)>> = std::sync::Mutex::new(Vec::new());

impl Replica {
    pub async fn start(id: ReplicaId, book: Shared<Book>) -> Self {
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
        let _ = (&book, PATIENCE);
        todo!()
    }
}
