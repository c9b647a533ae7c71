//! The core, one event at a time: cases that random faults hardly reach.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_replication::effects::{Call, Reply};
use toystore_replication::messages::{
    Answer, Append, Appended, CatalogCall, PeerCall, ReadReply, Reservation, Reservations,
    Reserved, Transacted,
};
use toystore_replication::{
    CallId, ClusterId, Effects, Entry, Epoch, Event, Fatal, Incarnation, Member, Notice, Position,
    Replica, ReplicaId, Request, Revision, Saved, Settings, StoreId, Stored, Ticket, View, WriteId,
};

/// What was on the disk at the start; these tests read nothing that was written later.
#[derive(PartialEq)]
struct Disk(Vec<Entry>);

impl Stored for Disk {
    fn entry(&self, number: OrderNumber) -> Result<Option<Entry>, Fatal> {
        Ok(self.0.iter().find(|entry| entry.number == number).cloned())
    }

    fn number_of(&self, key: &OrderKey) -> Result<Option<OrderNumber>, Fatal> {
        Ok(self.0.iter().find(|entry| entry.purchase.key == *key).map(|entry| entry.number))
    }
}

fn member(id: u8) -> Member {
    Member { id: ReplicaId(id), store: StoreId(u128::from(id)), incarnation: Incarnation(1) }
}

fn view(epoch: u64, leader: u8, in_sync: &[u8]) -> View {
    View {
        cluster: ClusterId(1),
        epoch: Epoch(epoch),
        revision: Revision(epoch),
        leader: member(leader),
        in_sync: in_sync.iter().map(|id| member(*id)).collect(),
    }
}

fn purchase(key: &str) -> Purchase {
    Purchase {
        key: OrderKey::new(key).unwrap(),
        product: ProductName::new("Tux").unwrap(),
        quantity: Quantity::new(1).unwrap(),
    }
}

fn log(epochs: &[u64]) -> Vec<Entry> {
    let mut last = Position::ORIGIN;
    let entry = |(index, epoch): (usize, &u64)| {
        let entry = Entry::after(&last, Epoch(*epoch), purchase(&format!("k{epoch}-{index}")));
        last = entry.position();
        entry
    };
    epochs.iter().enumerate().map(entry).collect()
}

fn replica(id: u8, stored: Vec<Entry>, commit: u64) -> Replica<Disk> {
    let settings = Settings {
        min_in_sync: 1,
        batch: 10,
        page: 10,
        queue: 10,
        silence_ticks: 10,
        stuck_ticks: 10,
    };
    let last = stored.last().map_or(Position::ORIGIN, Entry::position);
    let saved = Saved {
        me: member(id),
        cluster: Some(ClusterId(1)),
        promise: last.epoch,
        mark: last.epoch,
        commit: OrderNumber(commit),
        last,
    };
    Replica::new(settings, saved, Disk(stored))
}

fn catalog_call(effects: &Effects) -> (CallId, CatalogCall) {
    let mut calls = effects.calls.iter().filter_map(|(id, call)| match call {
        Call::Catalog(call) => Some((*id, call.clone())),
        Call::Peer(..) => None,
    });
    calls.next().expect("a call to the catalog")
}

/// Replica 1 leads alone in the epoch after its log's; these reservations are outstanding.
fn lone_leader(stored: Vec<Entry>, rows: Vec<Reservation>) -> (Replica<Disk>, Effects) {
    let epoch = stored.last().map_or(1, |entry| entry.epoch.0 + 1);
    let mut replica = replica(1, stored, 0);
    let effects = replica.step(Event::View(view(epoch, 1, &[1]))).unwrap();
    let (promise, _) = effects.writes.last().expect("the promise is saved");
    let effects = replica.step(Event::Saved(*promise)).unwrap();
    let (call, list) = catalog_call(&effects);
    assert!(matches!(list, CatalogCall::ListReservations(_)), "{list:?}");
    let page = Answer::Reservations(Reservations::Page { rows, more: false });
    let effects = replica.step(Event::Answered(call, page)).unwrap();
    (replica, effects)
}

fn append(epoch: u64, start: &[Entry], previous: &[Entry], entries: Vec<Entry>) -> Append {
    let end = |log: &[Entry]| log.last().map_or(Position::ORIGIN, Entry::position);
    Append {
        view: view(epoch, 2, &[1, 2]),
        to: member(1).store,
        start: end(start),
        previous: end(previous),
        entries,
        commit: OrderNumber::ZERO,
    }
}

fn reply(effects: &Effects) -> Option<&Reply> {
    effects.replies.first().map(|(_, reply)| reply)
}

#[test]
fn an_append_after_an_entry_of_another_epoch_is_not_taken() {
    let (own, leaders) = (log(&[1, 1, 1]), log(&[1, 1, 2, 2]));
    let mut replica = replica(1, own, 0);
    let news = append(3, &leaders, &leaders[..3], leaders[3..].to_vec());
    let effects = replica.step(Event::Request(Ticket(1), Request::Append(news))).unwrap();
    assert_eq!(reply(&effects), None, "not before the promise is saved");
    let (write, content) = effects.writes.last().unwrap();
    assert!(content.entries.is_empty() && content.promise == Epoch(3));
    let effects = replica.step(Event::Saved(*write)).unwrap();
    let missing = Reply::Appended(Appended::Missing {
        member: member(1),
        agreed: OrderNumber(0),
        last: OrderNumber(3),
    });
    assert_eq!(reply(&effects), Some(&missing));
}

#[test]
fn a_tail_of_an_earlier_epoch_is_cut_above_the_leaders_start_only() {
    let (own, leaders) = (log(&[1, 1, 1, 1]), log(&[1, 1]));
    let mut replica = replica(1, own, 0);
    let heartbeat = append(2, &leaders, &leaders[..1], vec![]);
    let effects = replica.step(Event::Request(Ticket(1), Request::Append(heartbeat))).unwrap();
    assert_eq!(effects.writes.last().unwrap().1.truncate_above, Some(OrderNumber(2)));
    assert_eq!(replica.health().last, leaders[1].position());
    // An entry of the leader's own epoch survives a late copy of that heartbeat.
    let third = Entry::after(&leaders[1].position(), Epoch(2), purchase("new"));
    let news = append(2, &leaders, &leaders, vec![third.clone()]);
    replica.step(Event::Request(Ticket(2), Request::Append(news))).unwrap();
    let late = append(2, &leaders, &leaders[..1], vec![]);
    replica.step(Event::Request(Ticket(3), Request::Append(late))).unwrap();
    assert_eq!(replica.health().last, third.position());
}

#[test]
fn a_committed_entry_is_never_cut() {
    let mut replica = replica(1, log(&[1, 1, 1]), 3);
    let leaders = log(&[1, 1]);
    let news = append(2, &leaders, &leaders, vec![]);
    let fatal = replica.step(Event::Request(Ticket(1), Request::Append(news)));
    assert_eq!(fatal.err(), Some(Fatal::Diverged(OrderNumber(3))));
}

#[test]
fn an_acknowledgement_waits_for_the_disk() {
    let mut replica = replica(1, vec![], 0);
    let leaders = log(&[1]);
    let news = append(1, &[], &[], leaders.clone());
    let effects = replica.step(Event::Request(Ticket(1), Request::Append(news))).unwrap();
    assert_eq!(reply(&effects), None);
    let effects = replica.step(Event::Saved(effects.writes.last().unwrap().0)).unwrap();
    let held = Appended::Held { member: member(1), upto: leaders[0].position() };
    assert_eq!(reply(&effects), Some(&Reply::Appended(held)));
}

#[test]
fn nobody_hears_of_an_epoch_before_its_leader_has_saved_the_promise() {
    let mut replica = replica(1, vec![], 0);
    let effects = replica.step(Event::View(view(2, 1, &[1, 2]))).unwrap();
    assert_eq!(effects.calls, [], "a crash may lose the promise, but not a message on its way");
    let (promise, _) = effects.writes.last().expect("the promise is saved");
    assert_eq!(replica.step(Event::Tick).unwrap().calls, []);
    let effects = replica.step(Event::Saved(*promise)).unwrap();
    let [(_, Call::Peer(ReplicaId(2), PeerCall::Append(append)))] = &effects.calls[..] else {
        panic!("{:?}", effects.calls);
    };
    assert_eq!(append.view.epoch, Epoch(2));
}

#[test]
fn not_found_needs_a_proof_asked_for_after_the_request() {
    let (mut replica, _) = lone_leader(vec![], vec![]);
    let read = |n| Request::Read(OrderNumber(n));
    let effects = replica.step(Event::Request(Ticket(1), read(7))).unwrap();
    assert_eq!(reply(&effects), None, "nothing is proven yet");
    let (first, call) = catalog_call(&effects);
    assert_eq!(call, CatalogCall::ReadView);
    // A second reader came after the first proof was asked for: it needs another one.
    replica.step(Event::Request(Ticket(2), read(8))).unwrap();
    let proof = Answer::View(Some(view(1, 1, &[1])));
    let effects = replica.step(Event::Answered(first, proof)).unwrap();
    assert_eq!(effects.replies, [(Ticket(1), Reply::Read(ReadReply::NotFound))]);
    let (second, _) = catalog_call(&effects);
    let later = view(2, 2, &[2]);
    let effects = replica.step(Event::Answered(second, Answer::View(Some(later.clone())))).unwrap();
    let not_leader = Reply::Read(ReadReply::NotLeader(Some(later)));
    assert_eq!(effects.replies, [(Ticket(2), not_leader)]);
}

#[test]
fn a_leader_in_doubt_asks_who_leads_although_readers_wait_for_it_to_serve() {
    let mut replica = replica(1, vec![], 0);
    replica.step(Event::View(view(1, 1, &[1, 2]))).unwrap();
    let effects = replica.step(Event::Saved(WriteId(1))).unwrap();
    let (append, _) = effects.calls[0].clone();
    replica.step(Event::Request(Ticket(1), Request::Read(OrderNumber(1)))).unwrap();
    let stale = Appended::Stale { promise: Epoch(2) };
    replica.step(Event::Answered(append, Answer::Appended(stale))).unwrap();
    let effects = replica.step(Event::Tick).unwrap();
    let (call, asked) = catalog_call(&effects);
    assert_eq!(asked, CatalogCall::ReadView);
    let later = view(2, 2, &[2]);
    let effects = replica.step(Event::Answered(call, Answer::View(Some(later.clone())))).unwrap();
    let not_leader = Reply::Read(ReadReply::NotLeader(Some(later)));
    assert_eq!(effects.replies, [(Ticket(1), not_leader)]);
}

#[test]
fn a_replica_whose_disk_hangs_says_that_it_is_stuck_whatever_else_goes_on() {
    let mut replica = replica(1, vec![], 0);
    replica.step(Event::View(view(1, 1, &[1, 2]))).unwrap();
    assert!(!replica.health().stuck);
    for tick in 0..12 {
        replica.step(Event::Request(Ticket(tick), Request::Probe)).unwrap();
        replica.step(Event::Tick).unwrap();
    }
    assert!(replica.health().stuck);
    replica.step(Event::View(view(2, 2, &[1, 2]))).unwrap();
    assert!(replica.health().stuck, "it does not forget that by stepping down");
    replica.step(Event::Saved(WriteId(1))).unwrap();
    replica.step(Event::Tick).unwrap();
    assert!(!replica.health().stuck, "the next write has just become the oldest");
}

#[test]
fn a_leader_that_nobody_talks_to_asks_whether_it_still_leads() {
    let (mut replica, _) = lone_leader(vec![], vec![]);
    let mut asked = None;
    for _ in 0..20 {
        let effects = replica.step(Event::Tick).unwrap();
        asked = asked.or_else(|| (!effects.calls.is_empty()).then(|| catalog_call(&effects)));
    }
    let (call, question) = asked.expect("a question");
    assert_eq!(question, CatalogCall::ReadView);
    let later = Answer::View(Some(view(2, 2, &[2])));
    let effects = replica.step(Event::Answered(call, later)).unwrap();
    assert!(effects.notices.contains(&Notice::SteppedDown(Epoch(1))), "{:?}", effects.notices);
}

#[test]
fn a_recorded_order_that_the_log_lacks_is_placed_again_under_its_number() {
    let row =
        |key: &str, recorded| Reservation { purchase: purchase(key), epoch: Epoch(1), recorded };
    let rows = vec![
        row("b", Some(OrderNumber(4))),
        row("c", Some(OrderNumber(3))),
        row("never-numbered", None),
    ];
    let (mut replica, effects) = lone_leader(log(&[1, 1]), rows);
    let (call, CatalogCall::Transact(transact)) = catalog_call(&effects) else { panic!() };
    assert_eq!(transact.cancel, [purchase("never-numbered").key]);
    let done = Answer::Transacted(Transacted::Done(Vec::<Reserved>::new()));
    let effects = replica.step(Event::Answered(call, done)).unwrap();
    let (_, write): &(WriteId, _) = effects.writes.last().unwrap();
    let placed: Vec<_> =
        write.entries.iter().map(|e| (e.number.0, e.purchase.key.as_str())).collect();
    assert_eq!(placed, [(3, "c"), (4, "b")]);
}

#[test]
fn replicas_that_differ_in_how_many_calls_they_made_are_renumbered_to_be_equal() {
    let asked = |times: usize| {
        let mut replica = replica(1, vec![], 0);
        for time in 0..times {
            let mut effects = replica.step(Event::Tick).unwrap();
            while effects.calls.is_empty() {
                effects = replica.step(Event::Tick).unwrap();
            }
            if time + 1 < times {
                let (call, _) = catalog_call(&effects);
                replica.step(Event::Answered(call, Answer::View(None))).unwrap();
            }
        }
        replica
    };
    let (mut once, mut twice) = (asked(1), asked(2));
    assert!(once != twice);
    once.renumber();
    assert_eq!(twice.renumber(), [(CallId(2), CallId(5))].into());
    assert!(once == twice);
}
