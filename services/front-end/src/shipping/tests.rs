use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use toystore_domain::{OrderKey, OrderNumber, ProductName, Purchase, Quantity};
use toystore_host::calls::WIRE_VERSION;
use toystore_host::wire::Wire;
use toystore_host::{Address, Caller, ClusterConfig};
use toystore_replication::Attempt;
use toystore_replication::messages::OrderRefusal;

use super::*;

const LEADER: ReplicaId = ReplicaId(3);
const PATIENCE: Duration = Duration::from_secs(2);

/// A leader that answers each call after some time, or never, and remembers how many orders came
/// with each.
#[derive(Debug, Default)]
struct Leader {
    calls: Mutex<Vec<usize>>,
    hangs: AtomicBool,
    /// It can do nothing for anybody: it says so of each order when its patience is over.
    expires: AtomicBool,
    /// Each call passes one after the other, alone.
    stages: [tokio::sync::Mutex<()>; 2],
    /// The call panics on this side.
    panics: AtomicBool,
}

const THINKS: Duration = Duration::from_millis(10);

impl Wire for Leader {
    fn exchange<'a>(
        &'a self,
        _: &'a Address,
        _: &'static str,
        frame: Vec<u8>,
        patience: Duration,
    ) -> BoxFuture<'a, Result<Vec<u8>, CallError>> {
        Box::pin(async move {
            let call: PlaceOrders = toystore_codec::decode(WIRE_VERSION, &frame).unwrap();
            self.calls.lock().unwrap().push(call.orders.len());
            assert!(!self.panics.swap(false, Ordering::Relaxed), "as the test wants it");
            if self.hangs.load(Ordering::Relaxed) {
                tokio::time::sleep(patience).await;
                return Err(CallError::Unknown);
            }
            if self.expires.load(Ordering::Relaxed) {
                let longest = call.orders.iter().map(|place| place.patience_ms).max().unwrap();
                tokio::time::sleep(Duration::from_millis(longest.into())).await;
                let expired = OrderReply::Refused(OrderRefusal::Expired);
                let replies = vec![expired; call.orders.len()];
                return Ok(toystore_codec::encode(WIRE_VERSION, &replies).unwrap());
            }
            for stage in &self.stages {
                let _alone = stage.lock().await;
                tokio::time::sleep(THINKS / 2).await;
            }
            let number = |place: &PlaceOrder| OrderNumber(place.attempt.0);
            let replies: Vec<_> =
                call.orders.iter().map(|place| OrderReply::Placed(number(place))).collect();
            Ok(toystore_codec::encode(WIRE_VERSION, &replies).unwrap())
        })
    }
}

fn shipping(leader: &Arc<Leader>) -> Arc<Shipping> {
    let address: Address = "127.0.0.1:1".parse().unwrap();
    let cluster = ClusterConfig { replicas: [(LEADER, address.clone())].into() };
    Arc::new(Shipping::new(Peers::new(Caller::over(leader.clone()), address, cluster)))
}

fn place(attempt: u64, epoch: u64) -> PlaceOrder {
    let purchase = Purchase {
        key: OrderKey::new(&format!("key-{attempt}")).unwrap(),
        product: ProductName::new("Tux").unwrap(),
        quantity: Quantity::new(1).unwrap(),
    };
    let patience_ms = 1000;
    PlaceOrder {
        epoch: Epoch(epoch),
        attempt: Attempt(attempt),
        repeat: false,
        purchase,
        patience_ms,
    }
}

/// Asks for so many orders at once; each must get the answer to its own.
async fn order(shipping: &Arc<Shipping>, count: u64) {
    let asked = (1..=count).map(|attempt| async move {
        let answer = shipping.place(LEADER, place(attempt, 1), PATIENCE).await;
        assert_eq!(answer, Ok(OrderReply::Placed(OrderNumber(attempt))));
    });
    futures_util::future::join_all(asked).await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_while_a_call_is_under_way_goes_with_the_next() {
    let leader = Arc::new(Leader::default());
    order(&shipping(&leader), 10).await;
    assert_eq!(*leader.calls.lock().unwrap(), [1, 9]);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_does_not_wait_for_one_call() {
    let leader = Arc::new(Leader::default());
    let before = Instant::now();
    order(&shipping(&leader), 1 + CROWD as u64).await;
    assert_eq!(*leader.calls.lock().unwrap(), [1, CROWD]);
    assert!(before.elapsed() < 2 * THINKS, "one waited for the other");
}

#[tokio::test(start_paused = true)]
async fn customers_who_order_again_and_again_share_two_calls_of_equal_size() {
    const CUSTOMERS: u64 = 64;
    const ROUNDS: u64 = 20;
    let leader = Arc::new(Leader::default());
    let shipping = shipping(&leader);
    let customers = (0..CUSTOMERS).map(|customer| {
        let shipping = &shipping;
        async move {
            for round in 0..ROUNDS {
                let attempt = customer * ROUNDS + round;
                let answer = shipping.place(LEADER, place(attempt, 1), PATIENCE).await;
                assert_eq!(answer, Ok(OrderReply::Placed(OrderNumber(attempt))));
            }
        }
    });
    futures_util::future::join_all(customers).await;
    let calls = leader.calls.lock().unwrap().clone();
    assert!(calls[6..30].iter().all(|orders| (28..=36).contains(orders)), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_holds_nobody_up_for_long() {
    let leader = Arc::new(Leader::default());
    let shipping = shipping(&leader);
    leader.hangs.store(true, Ordering::Relaxed);
    let lost = shipping.place(LEADER, place(1, 1), PATIENCE);
    let (lost, ()) = tokio::join!(lost, async {
        tokio::time::sleep(THINKS).await;
        leader.hangs.store(false, Ordering::Relaxed);
        let before = Instant::now();
        order(&shipping, 2).await;
        assert!(before.elapsed() < SLOW_CALL + 2 * THINKS);
    });
    assert_eq!(lost, Err(CallError::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_new_epoch_does_not_wait_for_calls_of_the_one_before() {
    let leader = Arc::new(Leader::default());
    let shipping = shipping(&leader);
    leader.hangs.store(true, Ordering::Relaxed);
    let lost = shipping.place(LEADER, place(1, 1), PATIENCE);
    let (_, ()) = tokio::join!(lost, async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        leader.hangs.store(false, Ordering::Relaxed);
        let before = Instant::now();
        let answer = shipping.place(LEADER, place(2, 2), PATIENCE).await;
        assert_eq!(answer, Ok(OrderReply::Placed(OrderNumber(2))));
        assert!(before.elapsed() < 2 * THINKS);
    });
}

#[tokio::test(start_paused = true)]
async fn an_order_that_never_left_is_certainly_not_done() {
    let leader = Arc::new(Leader::default());
    let shipping = shipping(&leader);
    leader.hangs.store(true, Ordering::Relaxed);
    let hangs = shipping.place(LEADER, place(1, 1), PATIENCE);
    let waits = shipping.place(LEADER, place(2, 1), THINKS);
    let (hangs, waits) = tokio::join!(hangs, waits);
    assert_eq!((hangs, waits), (Err(CallError::Unknown), Err(CallError::NotSent)));
    assert_eq!(*leader.calls.lock().unwrap(), [1]);
}

#[tokio::test(start_paused = true)]
async fn who_has_less_patience_does_not_wait_for_the_answer_to_others() {
    let leader = Arc::new(Leader::default());
    let shipping = shipping(&leader);
    leader.expires.store(true, Ordering::Relaxed);
    let impatient = PlaceOrder { patience_ms: 250, ..place(2, 1) };
    let (_, soon, later) = tokio::join!(
        shipping.place(LEADER, place(1, 1), PATIENCE),
        shipping.place(LEADER, impatient, Duration::from_millis(500)),
        shipping.place(LEADER, place(3, 1), PATIENCE),
    );
    let expired = Ok(OrderReply::Refused(OrderRefusal::Expired));
    assert_eq!((soon, later), (expired.clone(), expired));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_does_not_keep_the_next_from_leaving() {
    let leader = Arc::new(Leader::default());
    let shipping = shipping(&leader);
    leader.panics.store(true, Ordering::Relaxed);
    assert_eq!(shipping.place(LEADER, place(1, 1), PATIENCE).await, Err(CallError::Unknown));
    order(&shipping, 2).await;
}
