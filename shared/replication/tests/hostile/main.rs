//! The core among liars: well-typed events with any content, in any order.
//!
//! Internal peers are authenticated, so this is no attack that must be survived with full service:
//! a step may end with `Fatal`. But none panics, none cuts or changes what is committed, and
//! nothing is acknowledged before it is saved.
//!
//! `PROPTEST_CASES=20000 cargo test -p toystore-replication --test hostile` tries more; a case that
//! failed once stays in `proptest-regressions/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod messages;
mod world;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use toystore_domain::OrderNumber;
use toystore_replication::effects::Reply;
use toystore_replication::messages::{Answer, Append, Appended, Fetch, Fetched, Join, ListReply};
use toystore_replication::{Chain, Epoch, Event, Position, Request};

use messages::{acts, order};
use world::{Act, Reached, World, member, view};

fn cases(usual: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::Direct("proptest-regressions/hostile.txt");
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn a_follower_among_liars_keeps_what_is_committed(acts in acts(2)) {
        let mut world = World::new();
        acts.into_iter().try_for_each(|act| world.act(act))?;
    }

    #[test]
    fn a_leader_among_liars_keeps_what_is_committed(acts in acts(1)) {
        let mut world = leading();
        acts.into_iter().try_for_each(|act| world.act(act))?;
    }
}

/// The random acts reach what they are to endanger: enough is committed, cut, and given up.
#[test]
fn random_acts_get_far_enough() {
    let mut runner = TestRunner::deterministic();
    let mut sum = Reached::default();
    for turn in 0..400_u32 {
        let (leads, acts) = (turn % 2 == 0, acts(if turn % 2 == 0 { 1 } else { 2 }));
        let mut world = if leads { leading() } else { World::new() };
        for act in acts.new_tree(&mut runner).unwrap().current() {
            world.act(act).unwrap();
        }
        sum += world.reached;
    }
    assert!(sum.acts > 30_000 && sum.committed > 400 && sum.placed > 100, "{sum:?}");
    assert!(sum.cut > 40 && sum.held > 200 && sum.stepped_down > 50, "{sum:?}");
}

const LAST: OrderNumber = OrderNumber(u64::MAX);

fn far() -> Position {
    Position { number: LAST, epoch: Epoch(1), chain: Chain([7; 16]) }
}

/// Replica 1 leads itself and replica 2, and has placed an order.
fn leading() -> World {
    let mut world = World::new();
    world.act(Act::Event(Event::View(view(1, 1, &[1, 2])))).unwrap();
    world.settle();
    world.act(Act::Request(Request::Order(order(1, "a")))).unwrap();
    world.settle();
    assert_eq!(world.commit(), OrderNumber(1));
    world
}

/// What a request is answered with, when everyone else is honest.
fn ask(world: &mut World, request: Request) -> Vec<Reply> {
    world.act(Act::Request(request)).unwrap();
    world.settle()
}

#[test]
fn a_list_after_the_highest_number_there_is_is_empty() {
    let replies = ask(&mut leading(), Request::List(LAST, 10));
    assert_eq!(replies, [Reply::List(ListReply::Page(vec![]))]);
}

#[test]
fn a_fetch_after_the_highest_number_there_is_steps_back() {
    let fetch = Fetch { member: member(3), after: far() };
    let replies = ask(&mut leading(), Request::Fetch(fetch));
    assert_eq!(replies, [Reply::Fetched(Fetched::StepBack)]);
}

#[test]
fn a_join_from_the_highest_number_there_is_starts_at_the_end() {
    let mut world = leading();
    ask(&mut world, Request::Join(Join { member: member(3), last: LAST }));
    assert_eq!(world.commit(), OrderNumber(1));
}

#[test]
fn an_append_that_begins_at_the_highest_number_there_is_cuts_nothing() {
    let mut world = World::new();
    let append = Append {
        view: view(1, 2, &[1, 2]),
        to: member(1).store,
        start: far(),
        previous: Position::ORIGIN,
        entries: vec![],
        commit: LAST,
    };
    let replies = ask(&mut world, Request::Append(append));
    let held = Appended::Held { member: member(1), upto: Position::ORIGIN };
    assert_eq!(replies, [Reply::Appended(held)]);
}

#[test]
fn a_follower_that_claims_the_highest_number_there_is_is_believed_nothing() {
    let missing = Appended::Missing { member: member(2), agreed: LAST, last: LAST };
    let held = Appended::Held { member: member(2), upto: far() };
    for lie in [missing, held] {
        let mut world = leading();
        world.act(Act::Request(Request::Order(order(1, "b")))).unwrap();
        world.act(Act::Event(Event::Tick)).unwrap();
        for call in 0..4 {
            world.act(Act::Lie(call, Answer::Appended(lie.clone()))).unwrap();
        }
        world.act(Act::Event(Event::Tick)).unwrap();
        assert_eq!(world.commit(), OrderNumber(1));
    }
}
