//! The check of orders says the same as a general checker of linearizability, which tries every
//! order of events and so can take a handful of calls only.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};
use toystore_domain::{Order, OrderNumber, Purchase};

use super::made_up::{Plan, as_order, damage, history};
use super::orders_linearizable;
use crate::history::{Call, OrderRead, Placing, Rest, What};

/// The log of orders, one thing after the other.
#[derive(Clone, Debug, Default)]
struct Log(Vec<Purchase>);

#[derive(Clone, Debug)]
enum Op {
    Place(Purchase),
    Read(OrderNumber),
    List(OrderNumber, u32),
    ReadAll,
}

#[derive(Clone, Debug, PartialEq)]
enum Ret {
    Placed(OrderNumber),
    KeyReused,
    Read(Option<Order>),
    Listed(Vec<Order>),
    All(Vec<Purchase>),
}

impl SequentialSpec for Log {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        let orders = || (1..).map(OrderNumber).zip(&self.0).map(|(n, order)| as_order(n, order));
        match op {
            Op::Place(purchase) => {
                let known = self.0.iter().position(|logged| logged.key == purchase.key);
                if known.is_some_and(|at| self.0[at] != *purchase) {
                    return Ret::KeyReused;
                }
                let at = known.unwrap_or_else(|| {
                    self.0.push(purchase.clone());
                    self.0.len() - 1
                });
                Ret::Placed(OrderNumber(at as u64 + 1))
            }
            Op::Read(number) => Ret::Read(orders().find(|order| order.number == *number)),
            Op::List(after, limit) => {
                let above = orders().filter(|order| order.number > *after);
                Ret::Listed(above.take(*limit as usize).collect())
            }
            Op::ReadAll => Ret::All(self.0.clone()),
        }
    }
}

/// What a call asked of the log, and its answer if there was one.
fn exchange(call: &Call) -> Option<(Op, Option<Ret>)> {
    Some(match &call.what {
        What::Place { outcome: Placing::Refused(_), .. } | What::LookUp { .. } => return None,
        What::Place { purchase, outcome: Placing::Placed(number) } => {
            (Op::Place(purchase.clone()), Some(Ret::Placed(*number)))
        }
        What::Place { purchase, .. } => (Op::Place(purchase.clone()), None),
        What::ReadOrder { number, outcome } => {
            let found = match outcome {
                OrderRead::Found(order) => Some(order.clone()),
                OrderRead::NotFound => None,
                OrderRead::Unavailable => return None,
            };
            (Op::Read(*number), Some(Ret::Read(found)))
        }
        What::ListOrders { after, limit, page } => {
            (Op::List(*after, *limit), Some(Ret::Listed(page.clone()?)))
        }
    })
}

/// Whether the general checker takes the history. Calls of which nothing is known stay under way
/// for ever: they may have happened at any time, or not at all. Then the log is read.
fn is_linearizable(calls: &[Call], rest: &Rest) -> bool {
    let mut events = Vec::new();
    for (client, call) in calls.iter().enumerate() {
        let Some((op, ret)) = exchange(call) else { continue };
        events.push((call.begun, client, Some(op), None));
        events.extend(ret.map(|ret| (call.end(), client, None, Some(ret))));
    }
    events.sort_by_key(|(moment, ..)| *moment);
    let mut tester = LinearizabilityTester::new(Log::default());
    for (_, client, op, ret) in events {
        if let Some(op) = op {
            tester.on_invoke(client, op).unwrap();
        }
        if let Some(ret) = ret {
            tester.on_return(client, ret).unwrap();
        }
    }
    tester.on_invoke(calls.len(), Op::ReadAll).unwrap();
    tester.on_return(calls.len(), Ret::All(rest.log.clone())).unwrap();
    tester.is_consistent()
}

#[test]
fn the_check_of_orders_agrees_with_a_general_one() {
    let mut verdicts = [0; 2];
    for seed in 0..3000 {
        let overlap = seed % 4;
        let plan = Plan { steps: 7, overlap, most: 1, stock: 100, cancels: false };
        let (mut calls, rest) = history(seed, plan);
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..random.random_range(0..3) {
            if !calls.is_empty() {
                damage(&mut random, &mut calls);
            }
        }
        // Answers stay, their times change.
        if calls.len() > 1 && random.random() {
            let (a, b) = (random.random_range(0..calls.len()), random.random_range(0..calls.len()));
            let times = (calls[a].begun, calls[a].ended);
            (calls[a].begun, calls[a].ended) = (calls[b].begun, calls[b].ended);
            (calls[b].begun, calls[b].ended) = times;
        }
        let quick = orders_linearizable::check(&calls, &rest);
        let general = is_linearizable(&calls, &rest);
        assert_eq!(quick.is_ok(), general, "seed {seed}: {quick:?}\n{calls:#?}\n{rest:#?}");
        verdicts[usize::from(general)] += 1;
    }
    println!("not linearizable, linearizable: {verdicts:?}");
    assert!(verdicts.iter().all(|count| *count > 500), "{verdicts:?}");
}
