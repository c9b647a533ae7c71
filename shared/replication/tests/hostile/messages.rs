//! Every message with any content. Numbers are mostly small, so that messages meet; some are the
//! highest there are. Logs are mostly chained, so that they are looked into.

use proptest::collection::vec;
use proptest::prelude::*;
use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_replication::messages::{
    Answer, Append, Appended, Changed, Fetch, Fetched, Join, Joined, NoAnswer, PlaceOrder,
    Reservation, Reservations, Reserved, Transacted,
};
use toystore_replication::{
    Attempt, CallId, Chain, ClusterId, Entry, Epoch, Event, Incarnation, Member, Position,
    ReplicaId, Request, Revision, StoreId, Ticket, View,
};

use crate::world::{Act, member};

pub fn order(epoch: u64, key: &str) -> PlaceOrder {
    PlaceOrder {
        epoch: Epoch(epoch),
        attempt: Attempt(epoch),
        repeat: true,
        purchase: purchase(key, 1),
        patience_ms: 0,
    }
}

fn purchase(key: &str, quantity: u64) -> Purchase {
    Purchase {
        key: OrderKey::new(key).unwrap(),
        product: ProductName::new("Tux").unwrap(),
        quantity: Quantity::new(quantity).unwrap(),
    }
}

fn any_purchase() -> impl Strategy<Value = Purchase> {
    ("[a-e]", 1_u64..3).prop_map(|(key, quantity)| purchase(&key, quantity))
}

fn number() -> impl Strategy<Value = OrderNumber> {
    prop_oneof![9 => 0_u64..8, 1 => u64::MAX - 1..=u64::MAX].prop_map(OrderNumber)
}

fn epoch() -> impl Strategy<Value = Epoch> {
    prop_oneof![99 => 0_u64..7, 1 => u64::MAX - 1..=u64::MAX].prop_map(Epoch)
}

fn any_member() -> BoxedStrategy<Member> {
    let odd = (0_u8..5, 0_u128..5, prop_oneof![0_u64..3, Just(u64::MAX)]);
    let odd = odd.prop_map(|(id, store, incarnation)| Member {
        id: ReplicaId(id),
        store: StoreId(store),
        incarnation: Incarnation(incarnation),
    });
    prop_oneof![9 => (1_u8..4).prop_map(member), 1 => odd].boxed()
}

/// Mostly one in which this replica leads.
fn any_view(leader: u8) -> BoxedStrategy<View> {
    let leader = prop_oneof![2 => Just(member(leader)), 1 => any_member()];
    let cluster = prop_oneof![19 => Just(1_u128), 1 => 0_u128..3];
    (cluster, epoch(), 0_u64..9, leader, vec(any_member(), 0..4))
        .prop_map(|(cluster, epoch, revision, leader, in_sync)| View {
            cluster: ClusterId(cluster),
            epoch,
            revision: Revision(revision),
            leader,
            in_sync,
        })
        .boxed()
}

/// One of a few logs that part from each other somewhere.
fn line() -> impl Strategy<Value = Vec<Entry>> {
    let epochs: [&[u64]; 5] =
        [&[1, 1, 1, 1, 1, 1], &[1, 1, 1, 2, 2, 2], &[1, 1, 3, 3, 3], &[2, 2, 2, 4, 4], &[1, 5, 5]];
    (prop::sample::select(epochs.to_vec()), any::<bool>()).prop_map(|(epochs, other)| {
        let mut last = Position::ORIGIN;
        let entries = epochs.iter().enumerate().map(|(index, epoch)| {
            let key = format!("{epoch}-{}-{index}", u8::from(other && index > 1));
            let entry = Entry::after(&last, Epoch(*epoch), purchase(&key, 1));
            last = entry.position();
            entry
        });
        entries.collect()
    })
}

fn stand(log: &[Entry], at: usize) -> Position {
    log[..at.min(log.len())].last().map_or(Position::ORIGIN, Entry::position)
}

fn position() -> BoxedStrategy<Position> {
    let odd = (number(), epoch(), any::<u8>());
    let odd = odd.prop_map(|(number, epoch, chain)| Position {
        number,
        epoch,
        chain: Chain([chain; 16]),
    });
    prop_oneof![4 => (line(), 0_usize..7).prop_map(|(log, at)| stand(&log, at)), 1 => odd].boxed()
}

fn append() -> BoxedStrategy<Append> {
    let to = prop_oneof![19 => Just(1_u128), 1 => 0_u128..3].prop_map(StoreId);
    let cuts = (line(), 0_usize..7, 0_usize..4, 0_usize..7);
    let plain = (any_view(2), to.clone(), cuts, number()).prop_map(|(view, to, cuts, commit)| {
        let (log, from, count, start) = cuts;
        let (from, upto) = (from.min(log.len()), (from + count).min(log.len()));
        let (start, previous) = (stand(&log, start), stand(&log, from));
        Append { view, to, start, previous, entries: log[from..upto].to_vec(), commit }
    });
    let entry = (line(), any::<prop::sample::Index>(), number(), epoch(), any::<bool>());
    let entry = entry.prop_map(|(log, at, number, epoch, odd)| {
        let entry = log[at.index(log.len())].clone();
        if odd { Entry { number, epoch, ..entry } } else { entry }
    });
    let odd = (any_view(2), to, position(), position(), vec(entry, 0..4), number()).prop_map(
        |(view, to, start, previous, entries, commit)| Append {
            view,
            to,
            start,
            previous,
            entries,
            commit,
        },
    );
    prop_oneof![3 => plain, 1 => odd].boxed()
}

fn request() -> BoxedStrategy<Request> {
    let place = (epoch(), 0_u64..9, any::<bool>(), any_purchase()).prop_map(
        |(epoch, attempt, repeat, purchase)| {
            let attempt = Attempt(attempt);
            Request::Order(PlaceOrder { epoch, attempt, repeat, purchase, patience_ms: 0 })
        },
    );
    prop_oneof![
        4 => place,
        1 => number().prop_map(Request::Read),
        1 => (number(), 0_usize..9).prop_map(|(after, limit)| Request::List(after, limit)),
        6 => append().prop_map(Request::Append),
        1 => (any_member(), position())
            .prop_map(|(member, after)| Request::Fetch(Fetch { member, after })),
        1 => (any_member(), number())
            .prop_map(|(member, last)| Request::Join(Join { member, last })),
        1 => Just(Request::Status),
        1 => Just(Request::Probe),
    ]
    .boxed()
}

fn appended() -> BoxedStrategy<Appended> {
    prop_oneof![
        (any_member(), position()).prop_map(|(member, upto)| Appended::Held { member, upto }),
        (any_member(), number(), number()).prop_map(|(member, agreed, last)| Appended::Missing {
            member,
            agreed,
            last
        }),
        epoch().prop_map(|promise| Appended::Stale { promise }),
        any_member().prop_map(|member| Appended::Stranger { member }),
    ]
    .boxed()
}

fn reservations() -> BoxedStrategy<Reservations> {
    let row = (any_purchase(), epoch(), prop::option::of(number()))
        .prop_map(|(purchase, epoch, recorded)| Reservation { purchase, epoch, recorded });
    prop_oneof![
        3 => (vec(row, 0..5), any::<bool>())
            .prop_map(|(rows, more)| Reservations::Page { rows, more }),
        1 => prop::option::of(any_view(1)).prop_map(Reservations::Fenced),
    ]
    .boxed()
}

fn answer() -> BoxedStrategy<Answer> {
    let reserved = prop::sample::select(vec![
        Reserved::Granted,
        Reserved::OutOfStock,
        Reserved::ProductNotFound,
        Reserved::KeyReused,
    ]);
    let silence = prop::sample::select(vec![
        NoAnswer::Refused,
        NoAnswer::TurnedAway,
        NoAnswer::Broken,
        NoAnswer::Late,
    ]);
    let fetched = prop_oneof![
        3 => (append(), any::<bool>())
            .prop_map(|(append, more)| Fetched::Page { append: Box::new(append), more }),
        1 => Just(Fetched::StepBack),
        1 => Just(Fetched::NotLeader),
    ];
    prop_oneof![
        appended().prop_map(Answer::Appended),
        fetched.prop_map(Answer::Fetched),
        prop::sample::select(vec![Joined::Welcome, Joined::NotNow]).prop_map(Answer::Joined),
        vec(reserved, 0..5).prop_map(|answers| Answer::Transacted(Transacted::Done(answers))),
        prop::option::of(any_view(1)).prop_map(|view| Answer::Transacted(Transacted::Fenced(view))),
        reservations().prop_map(Answer::Reservations),
        any_view(1).prop_map(|view| Answer::Changed(Changed::Accepted(view))),
        prop::option::of(any_view(1)).prop_map(|view| Answer::Changed(Changed::Refused(view))),
        prop::option::of(any_view(1)).prop_map(Answer::View),
        silence.prop_map(Answer::None),
    ]
    .boxed()
}

/// How much a leader says is committed: mostly nothing yet, so that there is something to cut.
fn known() -> impl Strategy<Value = OrderNumber> {
    prop_oneof![4 => Just(OrderNumber::ZERO), 1 => number()]
}

/// What happens, in a world where mostly this replica leads.
pub fn acts(leader: u8) -> impl Strategy<Value = Vec<Act>> {
    let if_follower = if leader == 1 { 1 } else { 8 };
    let act = prop_oneof![
        3 => Just(Act::Event(Event::Tick)),
        1 => any_view(leader).prop_map(|view| Act::Event(Event::View(view))),
        1 => (0_u64..20).prop_map(|ticket| Act::Event(Event::Expired(Ticket(ticket)))),
        1 => (0_u64..40, answer())
            .prop_map(|(call, answer)| Act::Event(Event::Answered(CallId(call), answer))),
        6 => request().prop_map(Act::Request),
        6 => any_purchase().prop_map(Act::Order),
        2 => vec(2_u8..4, 0..3).prop_map(Act::Elect),
        if_follower => (0_u64..3, 0_u64..4, prop::bool::weighted(0.5), known()).prop_map(
            |(back, count, newer, commit)| Act::Extend { back, count, newer, commit },
        ),
        8 => (1_usize..5).prop_map(Act::Save),
        8 => (0_usize..9).prop_map(Act::Honest),
        5 => (0_usize..9, answer()).prop_map(|(call, answer)| Act::Lie(call, answer)),
        1 => Just(Act::Restart),
    ];
    vec(act, 1..60)
}
