//! Each checker passes what is true and names what is not.

use rand::SeedableRng;
use rand::rngs::StdRng;
use toystore_domain::{Books, Cents, OrderNumber, Product, Version};

use super::made_up::{Plan, as_order, damage, history, name, purchase};
use super::{Violation, all};
use crate::history::{Call, Moment, OrderRead, Placing, ProductRead, Rest, Shelf, What, Why};

fn call(begun: u64, ended: u64, what: What) -> Call {
    Call { front_end: 1, begun: Moment(begun), ended: (ended > 0).then_some(Moment(ended)), what }
}

/// Buys one Tux.
fn buy(begun: u64, ended: u64, key: &str, outcome: Placing) -> Call {
    call(begun, ended, What::Place { purchase: purchase(key, "Tux", 1), outcome })
}

fn placed(number: u64) -> Placing {
    Placing::Placed(OrderNumber(number))
}

fn read(begun: u64, ended: u64, number: u64, found: Option<&str>) -> Call {
    let number = OrderNumber(number);
    let found = found.map(|text| OrderRead::Found(as_order(number, &purchase("k", text, 1))));
    call(begun, ended, What::ReadOrder { number, outcome: found.unwrap_or(OrderRead::NotFound) })
}

fn list(begun: u64, ended: u64, after: u64, limit: u32, shown: u64) -> Call {
    let page =
        (after + 1..=after + shown).map(|n| as_order(OrderNumber(n), &purchase("k", "Tux", 1)));
    let page = Some(page.collect());
    call(begun, ended, What::ListOrders { after: OrderNumber(after), limit, page })
}

fn look(begun: u64, ended: u64, version: u64, stock: u64) -> Call {
    let (product, price) = (name("Tux"), Cents::new(999).unwrap());
    let shown = Product { name: product.clone(), price, stock, version: Version(version) };
    call(begun, ended, What::LookUp { product, outcome: ProductRead::Found(shown) })
}

/// A store with a hundred Tux, from which one was sold under each key.
fn rest(keys: &[&str]) -> Rest {
    let mut books = Books::open(Cents::new(999).unwrap(), 100);
    books.sold = keys.len() as u64;
    books.stock -= books.sold;
    books.version.0 += books.sold;
    let log = keys.iter().map(|key| purchase(key, "Tux", 1)).collect();
    let products = [(name("Tux"), Shelf { books, gains: Vec::new(), merged: false })].into();
    Rest { log, before: 0, products }
}

fn wrong(calls: &[Call], rest: &Rest) -> String {
    let violation = all(calls, rest).expect_err("a violation");
    println!("{violation}");
    violation.to_string()
}

#[test]
fn a_history_that_is_true_passes() {
    let calls = [
        look(1, 2, 1, 100),
        read(3, 4, 1, None),
        buy(5, 8, "a", placed(1)),
        list(6, 7, 0, 5, 1),
        // Nobody was told of it, and it came much later.
        buy(9, 0, "b", Placing::Unknown),
        buy(10, 11, "c", Placing::Refused(Why::Unavailable)),
        look(12, 13, 2, 99),
        read(14, 15, 2, None),
        buy(16, 17, "a", placed(1)),
        look(18, 21, 3, 98),
        look(19, 20, 2, 99),
        read(22, 23, 2, Some("Tux")),
    ];
    let counts = all(&calls, &rest(&["a", "b"])).unwrap();
    assert_eq!((counts.orders.placed, counts.orders.found, counts.orders.not_yet), (2, 1, 2));
    assert_eq!(
        (counts.products.reads, counts.products.versions, counts.products.matched),
        (4, 3, 1)
    );
    assert_eq!(
        (counts.once.acknowledged, counts.once.repeated, counts.once.decided_by_log),
        (1, 1, 1)
    );
    assert_eq!((counts.refusals.refused, counts.refusals.never_placed), (1, 1));
    assert_eq!((counts.stock.products, counts.stock.sold), (1, 2));
}

#[test]
fn what_was_there_before_the_history_stays() {
    let old = Rest { before: 1, ..rest(&["old", "a"]) };
    let seen = [read(1, 2, 1, Some("Tux")), look(3, 4, 2, 99), buy(5, 6, "a", placed(2))];
    all(&seen, &old).unwrap();
    let hidden = [read(1, 2, 1, None), buy(5, 6, "a", placed(2))];
    assert!(wrong(&hidden, &old).contains("older than the first call"));
    let stale = [look(3, 4, 1, 100), buy(5, 6, "a", placed(2))];
    assert!(wrong(&stale, &old).contains("proven to be ordered"));
}

#[test]
fn orders_that_are_not_linearizable_are_named() {
    let a = || buy(1, 2, "a", placed(1));
    let one = rest(&["a"]);
    let hidden = wrong(&[a(), read(3, 4, 1, None)], &one);
    assert!(hidden.contains("order 1 was there before 2") && hidden.contains("not before 3"));
    assert!(wrong(&[a(), list(3, 4, 0, 5, 0)], &one).contains("was there before 2"));
    all(&[a(), list(3, 4, 0, 1, 1)], &one).unwrap();
    assert!(wrong(&[a(), read(3, 4, 1, Some("Whale"))], &one).contains("the log holds"));
    assert!(wrong(&[a(), read(3, 4, 2, Some("Tux"))], &one).contains("holds None"));
    // Order 2 is there before anybody asked for order 1.
    let early = [buy(1, 2, "b", placed(2)), buy(3, 4, "a", placed(1))];
    assert!(wrong(&early, &rest(&["a", "b"])).contains("order 2 was there before 2"));
    let mut gap = list(3, 4, 0, 5, 1);
    if let What::ListOrders { page: Some(page), .. } = &mut gap.what {
        page[0].number = OrderNumber(2);
    }
    assert!(wrong(&[a(), gap], &one).contains("not the orders that follow"));
}

#[test]
fn products_that_are_not_linearizable_are_named() {
    let a = || buy(3, 4, "a", placed(1));
    let one = rest(&["a"]);
    assert!(wrong(&[a(), look(5, 6, 1, 100)], &one).contains("proven to be ordered"));
    assert!(wrong(&[look(1, 2, 2, 99), a()], &one).contains("asked for"));
    assert!(wrong(&[a(), look(5, 6, 2, 100)], &one).contains("two values"));
    let back = [buy(1, 10, "a", placed(1)), look(3, 4, 2, 99), look(5, 6, 1, 100)];
    assert!(wrong(&back, &one).contains("back in time"));
    let refused = [a(), buy(5, 6, "b", Placing::Refused(Why::OutOfStock))];
    assert!(wrong(&refused, &one).contains("at least 99 were left"));
}

#[test]
fn orders_in_a_span_in_which_too_little_was_taken_are_named() {
    // Five asked before a read that shows five taken; four more came and went between it and a
    // read that shows seven. Each read alone is within what was proven and asked for by then.
    let keys = ["a", "b", "c", "w", "x", "y", "z", "d", "e"];
    let history = |first: u64| -> Vec<Call> {
        let spans = [(1, 22), (2, 23), (3, 24), (first, 25), (first + 1, 26), (17, 27), (18, 28)];
        let spans = spans.into_iter().chain([(4, 41), (5, 42)]);
        let bought = spans.zip(1..).zip(keys);
        let bought = bought.map(|(((begun, ended), n), key)| buy(begun, ended, key, placed(n)));
        bought.chain([look(10, 11, 6, 95), look(30, 31, 8, 93)]).collect()
    };
    // Two of the four asked early enough to be among the first five.
    all(&history(7), &rest(&keys)).unwrap();
    assert!(wrong(&history(15), &rest(&keys)).contains("no version of Tux"));
}

#[test]
fn what_is_lost_doubled_or_unasked_for_is_named() {
    let a = |number| buy(1, 2, "a", placed(number));
    assert!(wrong(&[a(1)], &rest(&[])).contains("in the log that number is None"));
    assert!(wrong(&[a(1)], &rest(&["b"])).contains("in the log that number is Some"));
    assert!(wrong(&[a(1), buy(3, 4, "a", placed(2))], &rest(&["a", "a"])).contains("got order 1"));
    assert!(wrong(&[a(1)], &rest(&["a", "a"])).contains("as order 1 and as order 2"));
    assert!(wrong(&[a(1)], &rest(&["a", "b"])).contains("nobody asked for order 2"));
    let other = What::Place { purchase: purchase("a", "Tux", 2), outcome: placed(1) };
    assert!(wrong(&[a(1), call(3, 4, other)], &rest(&["a"])).contains("acknowledged"));
}

#[test]
fn refusals_that_are_not_true_are_named() {
    let refused = |why| buy(1, 2, "a", Placing::Refused(why));
    assert!(wrong(&[refused(Why::Unavailable)], &rest(&["a"])).contains("were refused"));
    let again = [refused(Why::Unavailable), buy(3, 0, "a", Placing::Unknown)];
    all(&again, &rest(&["a"])).unwrap();
    assert!(wrong(&[refused(Why::KeyReused)], &rest(&[])).contains("no other body"));
    let other = What::Place { purchase: purchase("a", "Tux", 2), outcome: Placing::Unknown };
    let counts = all(&[refused(Why::KeyReused), call(1, 0, other)], &rest(&[])).unwrap();
    assert_eq!(counts.refusals.reused, 1);
}

#[test]
fn books_that_do_not_balance_are_named() {
    let calls = [buy(1, 2, "a", placed(1))];
    let with = |change: fn(&mut Books)| {
        let mut rest = rest(&["a"]);
        rest.products.values_mut().for_each(|shelf| change(&mut shelf.books));
        rest
    };
    assert!(wrong(&calls, &with(|books| books.stock += 1)).contains("do not balance"));
    let sold_more = with(|books| (books.sold, books.stock) = (2, 98));
    assert!(wrong(&calls, &sold_more).contains("but 1 ordered"));
    let restocked = with(|books| (books.restocked, books.stock) = (100, 199));
    assert!(wrong(&calls, &restocked).contains("the ledger adds up to 0"));
    let nothing = Rest { products: Default::default(), ..rest(&["a"]) };
    assert!(wrong(&calls, &nothing).contains("does not know"));
}

const PLANS: [Plan; 4] = [
    Plan { steps: 120, overlap: 0, most: 1, stock: 20, cancels: false },
    Plan { steps: 120, overlap: 6, most: 1, stock: 20, cancels: false },
    Plan { steps: 120, overlap: 6, most: 3, stock: 20, cancels: true },
    Plan { steps: 120, overlap: 40, most: 2, stock: 100, cancels: true },
];

#[test]
fn made_up_histories_pass_and_damaged_ones_are_found_out() {
    let mut found = [(0_u32, 0_u32); PLANS.len()];
    for (plan, found) in PLANS.into_iter().zip(&mut found) {
        for seed in 0..300 {
            let (mut calls, rest) = history(seed, plan);
            if let Err(violation) = all(&calls, &rest) {
                panic!("seed {seed} with overlap {}: {violation}", plan.overlap);
            }
            let mut random = StdRng::seed_from_u64(seed);
            if damage(&mut random, &mut calls).is_some() {
                found.0 += u32::from(all(&calls, &rest).is_err());
                found.1 += 1;
            }
        }
    }
    println!("found of damaged: {found:?}");
    for ((found, damaged), least) in found.into_iter().zip([90, 80, 75, 60]) {
        assert!(damaged > 200 && found * 100 >= damaged * least, "{found} of {damaged}");
    }
}

#[test]
fn violations_say_which_checker_found_them() {
    let error = all(&[buy(1, 2, "a", placed(1))], &rest(&[])).unwrap_err();
    assert!(matches!(error, Violation::Once(_)));
}
