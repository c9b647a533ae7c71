//! Every internal message, from bytes that nobody meant. No message contains itself, so none nests
//! deeper than its type.

use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde::Serialize;
use serde::de::DeserializeOwned;
use toystore_authority::messages::{
    CatalogPage, ExportCatalog, ExportRestocks, ForceLeader, Propose,
};
use toystore_codec::{HEADER_BYTES, MAX_PAYLOAD_BYTES, checksum, decode, encode};
use toystore_coherence::messages::{
    Invalidate, ListProducts, LookUp, PutProduct, ReadRestocks, RenewLease,
};
use toystore_domain::names::{MAX_KEY_BYTES, MAX_NAME_BYTES};
use toystore_domain::{
    Books, Cents, Order, OrderKey, OrderNumber, Product, ProductName, Purchase, Quantity,
};
use toystore_host::Call;
use toystore_host::calls::WIRE_VERSION;
use toystore_host::limits::{APPEND_PAGE, ORDER_BATCH, PAGE_LIMIT_MAX};
use toystore_replication::messages::{
    Append, ExportOrders, Fetch, Forward, Join, ListOrders, ListReply, ListReservations,
    OrdersPage, PlaceOrder, Probe, ReadOrder, ReadView, Reservation, Reservations, Status,
    Transact, ViewNotice,
};
use toystore_replication::view::MemberChange;
use toystore_replication::{
    Chain, ClusterId, Entry, Epoch, Incarnation, Member, Position, ReplicaId, StoreId, View,
};

use crate::cases;

/// A payload with the header that it deserves.
fn seal(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![WIRE_VERSION];
    frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(checksum(payload).to_be_bytes());
    frame.extend(payload);
    frame
}

/// Decodes in bounded memory. What is accepted is written in the shortest form, and means the
/// same again.
fn read<T: Serialize + DeserializeOwned>(frame: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = None;
    let used = allocation_counter::measure(|| {
        decoded = decode::<T>(WIRE_VERSION, frame).ok();
    });
    // An entry is at most so much larger in memory than on the wire, also while its list grows.
    let bound = 32 * frame.len() as u64 + MAX_PAYLOAD_BYTES as u64;
    let name = std::any::type_name::<T>();
    assert!(used.bytes_max <= bound, "{name}: {} bytes for {}", used.bytes_max, frame.len());
    let again = encode(WIRE_VERSION, &decoded?).unwrap();
    assert!(again == frame || again.len() < frame.len(), "{name}: two frames of one length");
    let read_again = decode::<T>(WIRE_VERSION, &again).unwrap();
    assert_eq!(encode(WIRE_VERSION, &read_again).unwrap(), again, "{name}");
    Some(again)
}

/// The shortest beginning of the bytes that is a value: a way to a valid frame of any type.
fn grow<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<Vec<u8>> {
    (0..=bytes.len()).find_map(|length| read::<T>(&seal(&bytes[..length])))
}

/// Bytes from which values grow: small numbers, letters, and some of everything.
fn soil(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => Just(0), 6 => 0_u8..4, 4 => b'a'..b'f', 1 => any::<u8>()];
    vec(byte, 0..most)
}

/// A change of some bytes: where, what, and how.
type Harm = (prop::sample::Index, u8, u8);

fn harm(bytes: &mut Vec<u8>, harms: &[Harm]) {
    for (at, value, how) in harms {
        let at = at.index(bytes.len() + 1);
        match how % 4 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, *value),
            _ if at == bytes.len() => bytes.push(*value),
            2 => bytes[at] ^= 1 << (value % 8),
            _ => bytes[at] = *value,
        }
    }
}

/// What a hostile sender makes of some bytes, for one type.
fn try_all<T: Serialize + DeserializeOwned>(
    (bytes, harms, pattern, claim): (&[u8], &[Harm], &[u8], u64),
) {
    let _ = read::<T>(bytes);
    let _ = read::<T>(&seal(bytes));
    if let Some(frame) = grow::<T>(bytes) {
        let mut bare = frame.clone();
        harm(&mut bare, harms);
        let _ = read::<T>(&bare);
        let mut payload = frame[HEADER_BYTES..].to_vec();
        harm(&mut payload, harms);
        let _ = read::<T>(&seal(&payload));
    }
    // Long lists of small things, and longer claims, behind every short beginning.
    for begin in [0, bytes.len() / 4, bytes.len() / 2] {
        let mut payload = bytes[..begin].to_vec();
        payload.push(253);
        payload.extend(claim.to_le_bytes());
        payload.extend(pattern.iter().cycle().take(20_000));
        let _ = read::<T>(&seal(&payload));
    }
}

macro_rules! every_message {
    ($each:ident, $on:expr) => {
        every_message!(@ $each $on;
            LookUp, ListProducts, PutProduct, RenewLease, ReadRestocks, Propose, ReadView,
            ForceLeader, ExportCatalog, ExportRestocks, Transact, ListReservations, MemberChange,
            PlaceOrder, ReadOrder,
            ListOrders, Forward, ViewNotice, Status, Probe, ExportOrders, Append, Fetch, Join,
            Invalidate)
    };
    (@ $each:ident $on:expr; $($message:ty),*) => {
        $(
            $each::<$message>($on);
            $each::<<$message as Call>::Reply>($on);
        )*
    };
}

proptest! {
    #![proptest_config(cases(25))]

    #[test]
    fn no_bytes_break_a_message(
        bytes in soil(120),
        harms in vec(any::<Harm>(), 1..4),
        pattern in soil(40),
        claim in prop_oneof![0_u64..70_000, any::<u64>()],
    ) {
        every_message!(try_all, (&bytes, &harms, &pattern, claim));
    }
}

/// The random bytes do become messages, of every type.
#[test]
fn random_bytes_become_messages_of_every_type() {
    let mut runner = TestRunner::deterministic();
    let soils: Vec<_> =
        (0..3000).map(|_| soil(160).new_tree(&mut runner).unwrap().current()).collect();
    fn grows<T: Serialize + DeserializeOwned>(soils: &[Vec<u8>]) {
        let grown = soils.iter().any(|bytes| {
            let decoded = |length| decode::<T>(WIRE_VERSION, &seal(&bytes[..length])).is_ok();
            (0..=bytes.len()).any(decoded)
        });
        assert!(grown, "no {} grew", std::any::type_name::<T>());
    }
    every_message!(grows, &soils);
}

fn name() -> ProductName {
    ProductName::new(&"n".repeat(MAX_NAME_BYTES)).unwrap()
}

fn key() -> OrderKey {
    OrderKey::new(&"k".repeat(MAX_KEY_BYTES)).unwrap()
}

fn purchase() -> Purchase {
    Purchase { key: key(), product: name(), quantity: Quantity::new(1).unwrap() }
}

fn members() -> Vec<Member> {
    let member = |id| Member { id: ReplicaId(id), store: StoreId(0), incarnation: Incarnation(0) };
    (1..=9).map(member).collect()
}

fn view() -> View {
    let (leader, in_sync) = (members()[0], members());
    let (epoch, revision) = (Epoch(0), toystore_replication::Revision(0));
    View { cluster: ClusterId(0), epoch, revision, leader, in_sync }
}

fn reservation() -> Reservation {
    Reservation { purchase: purchase(), epoch: Epoch(0), recorded: Some(OrderNumber(0)) }
}

#[track_caller]
fn readable<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    let frame = encode(WIRE_VERSION, &value).unwrap();
    assert!(decode::<T>(WIRE_VERSION, &frame) == Ok(value), "{} bytes", frame.len());
}

/// What fits into a frame can be read from it, also when it is full of small numbers, which
/// count in full against the reader's limit.
#[test]
fn the_largest_messages_can_be_read() {
    let entry = Entry {
        number: OrderNumber(0),
        epoch: Epoch(0),
        purchase: purchase(),
        chain: Chain([0; 16]),
    };
    let entries = vec![entry; APPEND_PAGE];
    readable(Append {
        view: view(),
        to: StoreId(0),
        start: Position::ORIGIN,
        previous: Position::ORIGIN,
        entries: entries.clone(),
        commit: OrderNumber(0),
    });
    let (member, commit) = (members()[0], OrderNumber(0));
    readable(OrdersPage { member, commit, entries, more: true });
    let order = Order { number: OrderNumber(0), product: name(), quantity: purchase().quantity };
    readable(ListReply::Page(vec![order; PAGE_LIMIT_MAX]));
    let product =
        Product { name: name(), price: Cents::default(), stock: 0, version: Default::default() };
    readable(vec![product; PAGE_LIMIT_MAX]);
    let books = (name(), Books::open(Cents::default(), 0));
    readable(CatalogPage {
        cluster: ClusterId(0),
        view: Some(view()),
        products: vec![books; 500],
        reservations: vec![reservation(); 500],
        more: true,
    });
    let rows = vec![reservation(); toystore_authority::transact::PAGE];
    readable(Reservations::Page { rows, more: true });
    readable(Transact {
        epoch: Epoch(0),
        leader: members()[0],
        sequence: toystore_replication::Sequence(0),
        reserve: vec![purchase(); ORDER_BATCH],
        record: vec![
            toystore_replication::messages::Record { key: key(), number: OrderNumber(0) };
            ORDER_BATCH
        ],
        settle: vec![key(); ORDER_BATCH],
        cancel: vec![key(); toystore_authority::transact::PAGE],
    });
}
