//! The catalog's rules under any commands, in any order: the books balance after each, whoever
//! sent it, and no command ends the process.
//!
//! `PROPTEST_CASES=20000 cargo test -p toystore-authority --test hostile` tries more; a case that
//! failed once stays in `proptest-regressions/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use toystore_authority::memory::MemoryDatabase;
use toystore_authority::messages::{ExportCatalog, ExportRestocks};
use toystore_authority::{Command, Database, Outcome, Transaction, execute};
use toystore_coherence::messages::PutProduct;
use toystore_domain::{Cents, OrderKey, OrderNumber, ProductName, Purchase, Quantity, Version};
use toystore_replication::messages::{ListReservations, Record, Reserved, Transact, Transacted};
use toystore_replication::view::{MemberChange, Proposal};
use toystore_replication::{
    ClusterId, Epoch, Incarnation, Member, ReplicaId, Revision, Sequence, StoreId, View,
};

fn cases(usual: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::Direct("proptest-regressions/hostile.txt");
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::default()
    }
}

fn member() -> BoxedStrategy<Member> {
    let incarnation = prop_oneof![9 => Just(1_u64), 1 => 0_u64..3, 1 => Just(u64::MAX)];
    (1_u8..4, incarnation)
        .prop_map(|(id, incarnation)| Member {
            id: ReplicaId(id),
            store: StoreId(u128::from(id)),
            incarnation: Incarnation(incarnation),
        })
        .boxed()
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 0_u64..8, 1 => u64::MAX - 1..=u64::MAX]
}

fn key() -> impl Strategy<Value = OrderKey> {
    "[a-f]".prop_map(|key| OrderKey::new(&key).unwrap())
}

fn name() -> impl Strategy<Value = ProductName> {
    "Tux|Uno|Clue".prop_map(|name| ProductName::new(&name).unwrap())
}

fn purchase() -> impl Strategy<Value = Purchase> {
    let quantity = prop_oneof![9 => 1_u64..6, 1 => Just(1_000_000_u64)];
    (key(), name(), quantity).prop_map(|(key, product, quantity)| Purchase {
        key,
        product,
        quantity: Quantity::new(quantity).unwrap(),
    })
}

fn transact() -> BoxedStrategy<Command> {
    let record = (key(), number()).prop_map(|(key, n)| Record { key, number: OrderNumber(n) });
    let ends = (vec(record, 0..3), vec(key(), 0..3), vec(key(), 0..3));
    (number(), member(), number(), vec(purchase(), 0..4), ends)
        .prop_map(|(epoch, leader, sequence, reserve, (record, settle, cancel))| {
            let (epoch, sequence) = (Epoch(epoch), Sequence(sequence));
            Command::Transact(Transact { epoch, leader, sequence, reserve, record, settle, cancel })
        })
        .boxed()
}

fn command() -> BoxedStrategy<Command> {
    let members = || vec(member(), 0..4);
    let amount = prop_oneof![4 => 0_u64..9, 1 => Just(1_000_000_000), 1 => Just(u64::MAX)];
    let put = (name(), prop::option::of(0_u64..999), prop::option::of(amount));
    prop_oneof![
        8 => transact(),
        2 => put.prop_map(|(name, price, stock)| {
            Command::Put(PutProduct { name, price: price.and_then(Cents::new), stock })
        }),
        1 => (0_usize..4).prop_map(Command::Restock),
        2 => (number(), member(), members()).prop_map(|(revision, leader, in_sync)| {
            Command::Propose(Proposal { revision: Revision(revision), leader, in_sync, unfit: vec![] })
        }),
        1 => (number(), number(), member(), members()).prop_map(
            |(epoch, revision, leader, in_sync)| {
                let (epoch, revision) = (Epoch(epoch), Revision(revision));
                Command::ChangeMembers(MemberChange { epoch, revision, leader, in_sync })
            }
        ),
        1 => member().prop_map(Command::Force),
        1 => (number(), member(), prop::option::of(key())).prop_map(|(epoch, leader, after)| {
            Command::ListReservations(ListReservations { epoch: Epoch(epoch), leader, after })
        }),
        1 => (prop::option::of(name()), prop::option::of(key())).prop_map(
            |(after_product, after_key)| {
                Command::Export(ExportCatalog { after_product, after_key })
            }
        ),
        1 => prop::option::of((name(), number())).prop_map(|after| {
            let after = after.map(|(name, version)| (name, Version(version)));
            Command::ExportRestocks(ExportRestocks { after })
        }),
    ]
    .boxed()
}

/// What is done, and whether it is made to fit the view that there is.
fn acts() -> impl Strategy<Value = Vec<(Command, bool)>> {
    vec((command(), prop::bool::weighted(0.8)), 1..60)
}

/// As a leader of the present epoch would send it, with the next sequence number.
fn fit(database: &MemoryDatabase, command: Command) -> Command {
    let rows = database.rows();
    match (command, rows.view.clone()) {
        (Command::Transact(transact), Some(view)) => {
            let same = rows.fence.epoch == view.epoch;
            let last = if same { rows.fence.sequence } else { Sequence(0) };
            let (epoch, leader, sequence) = (view.epoch, view.leader, last.next());
            Command::Transact(Transact { epoch, leader, sequence, ..transact })
        }
        (Command::Propose(proposal), view) => {
            let revision = view.map_or(Revision(0), |view| view.revision);
            let mut in_sync = proposal.in_sync.clone();
            in_sync.push(proposal.leader);
            in_sync.sort_unstable();
            in_sync.dedup_by_key(|member| member.id);
            let leader = in_sync[0];
            Command::Propose(Proposal { revision, leader, in_sync, unfit: vec![] })
        }
        (command, _) => command,
    }
}

fn check_books(database: &MemoryDatabase) -> Result<(), TestCaseError> {
    let rows = database.rows();
    let mut held: BTreeMap<ProductName, u64> = BTreeMap::new();
    for row in rows.reservations.values() {
        *held.entry(row.purchase.product.clone()).or_default() += row.purchase.quantity.get();
    }
    for (name, books) in &rows.products {
        prop_assert!(books.balanced(), "{books:?}");
        prop_assert_eq!(books.reserved, held.remove(name).unwrap_or_default(), "{:?}", books);
        prop_assert_eq!(rows.sold_out.contains(name), books.stock == 0, "{:?}", books);
    }
    prop_assert!(held.is_empty(), "{held:?} is reserved and does not exist");
    Ok(())
}

/// Runs them all; returns how many reservations were granted.
fn run(acts: Vec<(Command, bool)>) -> Result<usize, TestCaseError> {
    let database = MemoryDatabase::new(ClusterId(1));
    let mut granted = 0;
    let names = ["Clue", "Tux"].map(|name| ProductName::new(name).unwrap());
    let first = names.map(|name| {
        (Command::Put(PutProduct { name, price: Cents::new(1), stock: Some(9) }), true)
    });
    let acts = first.into_iter().chain(acts);
    for (command, fits) in acts {
        let command = if fits { fit(&database, command) } else { command };
        let before = database.rows();
        let mut tx = database.begin();
        let outcome = execute(&mut tx, &command, &mut BTreeSet::new());
        prop_assert!(outcome.is_ok(), "{command:?} ends the process: {outcome:?}");
        tx.commit().unwrap();
        check_books(&database)?;
        match outcome {
            Ok(Outcome::Transacted(Transacted::Done(answers))) => {
                let Command::Transact(request) = &command else { unreachable!() };
                let leads =
                    |view: &View| (view.epoch, view.leader) == (request.epoch, request.leader);
                prop_assert!(before.view.as_ref().is_some_and(leads), "not the leader's");
                granted += answers.iter().filter(|a| **a == Reserved::Granted).count();
            }
            Ok(Outcome::Transacted(Transacted::Fenced(_))) => {
                let after = database.rows();
                let same =
                    before.products == after.products && before.reservations == after.reservations;
                prop_assert!(same, "a fenced transaction changed something");
            }
            _ => {}
        }
    }
    Ok(granted)
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn the_books_balance_after_any_command(acts in acts()) {
        run(acts)?;
    }
}

/// A stock that the books cannot be moved away from would end the catalog at the next change.
#[test]
fn a_new_product_with_the_highest_number_there_is_can_be_changed() {
    let put = |price, stock| {
        let name = ProductName::new("Tux").unwrap();
        (Command::Put(PutProduct { name, price, stock: Some(stock) }), true)
    };
    run(vec![put(Cents::new(1), u64::MAX), put(None, 0)]).unwrap();
}

/// The random commands do sell something.
#[test]
fn random_commands_get_far_enough() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let granted: usize =
        (0..100).map(|_| run(acts().new_tree(&mut runner).unwrap().current()).unwrap()).sum();
    assert!(granted > 300, "{granted} reservations");
}
