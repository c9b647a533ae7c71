//! What the replication core costs: three replicas in memory, whose disks and catalog answer at
//! once, from orders that come in to orders that are acknowledged.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_host::limits::{
    APPEND_PAGE, MAX_REQUESTS_UNDER_WAY, ORDER_BATCH, SILENCE_TICKS, STUCK_TICKS,
};
use toystore_replication::effects::{Call, Reply};
use toystore_replication::messages::{
    Answer, CatalogCall, OrderReply, PeerCall, PlaceOrder, Reservations, Reserved, Transacted,
};
use toystore_replication::{
    Attempt, CallId, ClusterId, Entry, Epoch, Event, Fatal, Incarnation, Member, Position, Replica,
    ReplicaId, Request, Revision, Saved, Settings, StoreId, Stored, Ticket, View, Write,
};

const REPLICAS: usize = 3;
/// Orders after which a new world begins, so that memory stays bounded.
const LIFE: u64 = 20_000;

/// A disk that keeps everything at once.
#[derive(Clone, Default)]
struct Disk(Rc<RefCell<Kept>>);

#[derive(Default)]
struct Kept {
    entries: Vec<Entry>,
    keys: HashMap<OrderKey, OrderNumber>,
}

impl Disk {
    fn save(&self, write: Write) {
        let mut kept = self.0.borrow_mut();
        for entry in write.entries {
            kept.keys.insert(entry.purchase.key.clone(), entry.number);
            kept.entries.push(entry);
        }
    }
}

impl Stored for Disk {
    fn entry(&self, number: OrderNumber) -> Result<Option<Entry>, Fatal> {
        let index = number.0.checked_sub(1).map(|index| index as usize);
        Ok(index.and_then(|index| self.0.borrow().entries.get(index).cloned()))
    }

    fn number_of(&self, key: &OrderKey) -> Result<Option<OrderNumber>, Fatal> {
        Ok(self.0.borrow().keys.get(key).copied())
    }
}

/// Three replicas; the last one leads.
struct World {
    replicas: Vec<Replica<Disk>>,
    disks: Vec<Disk>,
    events: VecDeque<(usize, Event)>,
    /// Who waits for the answer to a request of one replica to another.
    asked: HashMap<Ticket, (usize, CallId)>,
    last_ticket: u64,
    placed: u64,
}

fn member(index: usize) -> Member {
    let id = index as u8 + 1;
    Member { id: ReplicaId(id), store: StoreId(u128::from(id)), incarnation: Incarnation(1) }
}

impl World {
    fn new() -> Self {
        let disks: Vec<Disk> = (0..REPLICAS).map(|_| Disk::default()).collect();
        let replica = |(index, disk): (usize, &Disk)| {
            let saved = Saved {
                me: member(index),
                cluster: Some(ClusterId(1)),
                promise: Epoch(0),
                mark: Epoch(0),
                commit: OrderNumber::ZERO,
                last: Position::ORIGIN,
            };
            let settings = Settings {
                min_in_sync: 1,
                batch: ORDER_BATCH,
                page: APPEND_PAGE,
                queue: MAX_REQUESTS_UNDER_WAY,
                silence_ticks: SILENCE_TICKS,
                stuck_ticks: STUCK_TICKS,
            };
            Replica::new(settings, saved, disk.clone())
        };
        let replicas = disks.iter().enumerate().map(replica).collect();
        let (events, asked) = (VecDeque::new(), HashMap::new());
        let mut world = Self { replicas, disks, events, asked, last_ticket: 0, placed: 0 };
        let view = View {
            cluster: ClusterId(1),
            epoch: Epoch(1),
            revision: Revision(1),
            leader: member(REPLICAS - 1),
            in_sync: (0..REPLICAS).map(member).collect(),
        };
        world.events.extend((0..REPLICAS).map(|index| (index, Event::View(view.clone()))));
        world.settle();
        world
    }

    fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    /// Places orders that come together, and goes on until nothing is under way.
    fn place(&mut self, orders: Vec<PlaceOrder>) {
        let wanted = self.placed + orders.len() as u64;
        let orders = orders.into_iter().map(|order| (self.ticket(), order)).collect();
        self.events.push_back((REPLICAS - 1, Event::Orders(orders)));
        self.settle();
        assert_eq!(self.placed, wanted);
    }

    fn settle(&mut self) {
        while let Some((index, event)) = self.events.pop_front() {
            let effects = self.replicas[index].step(event).unwrap();
            for (id, write) in effects.writes {
                self.disks[index].save(write);
                self.events.push_back((index, Event::Saved(id)));
            }
            for (id, call) in effects.calls {
                self.call(index, id, call);
            }
            for (ticket, reply) in effects.replies {
                self.reply(ticket, reply);
            }
        }
    }

    fn call(&mut self, from: usize, id: CallId, call: Call) {
        let answer = match call {
            Call::Peer(to, PeerCall::Append(append)) => {
                let ticket = self.ticket();
                self.asked.insert(ticket, (from, id));
                let to = usize::from(to.0) - 1;
                let request = Event::Request(ticket, Request::Append(append));
                return self.events.push_back((to, request));
            }
            Call::Catalog(CatalogCall::Transact(transact)) => {
                let granted = vec![Reserved::Granted; transact.reserve.len()];
                Answer::Transacted(Transacted::Done(granted))
            }
            Call::Catalog(CatalogCall::ListReservations(_)) => {
                Answer::Reservations(Reservations::Page { rows: Vec::new(), more: false })
            }
            other => panic!("nobody is late here: {other:?}"),
        };
        self.events.push_back((from, Event::Answered(id, answer)));
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        match reply {
            Reply::Appended(appended) => {
                let (to, id) = self.asked.remove(&ticket).unwrap();
                self.events.push_back((to, Event::Answered(id, Answer::Appended(appended))));
            }
            Reply::Order(OrderReply::Placed(_)) => self.placed += 1,
            other => panic!("{other:?}"),
        }
    }
}

fn order(number: u64) -> PlaceOrder {
    PlaceOrder {
        epoch: Epoch(1),
        attempt: Attempt(number),
        repeat: false,
        purchase: Purchase {
            key: OrderKey::new(&format!("{:016x}-17-{number}", u64::MAX)).unwrap(),
            product: ProductName::new("Elephant").unwrap(),
            quantity: Quantity::new(1).unwrap(),
        },
        patience_ms: 4500,
    }
}

/// Times so many batches, without the making of worlds and orders.
fn batches(count: u64, size: u64) -> Duration {
    let (mut spent, mut left) = (Duration::ZERO, count);
    while left > 0 {
        let now = left.min(LIFE / size);
        let mut world = World::new();
        let orders = |batch| (batch * size..(batch + 1) * size).map(order).collect();
        let batches: Vec<Vec<PlaceOrder>> = (0..now).map(orders).collect();
        let begun = Instant::now();
        batches.into_iter().for_each(|orders| world.place(orders));
        spent += begun.elapsed();
        left -= now;
    }
    spent
}

fn core(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core: orders on three replicas, at a time");
    for size in [1, 16, 64] {
        group.throughput(Throughput::Elements(size));
        group.bench_with_input(BenchmarkId::from_parameter(size), &size, |bencher, &size| {
            bencher.iter_custom(|count| batches(count, size));
        });
    }
    group.finish();
}

criterion_group!(benches, core);
criterion_main!(benches);
