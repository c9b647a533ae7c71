//! What a customer sees.

use std::collections::BTreeSet;

use serde_json::json;
use toystore_tests::store::{Plan, Store, front_end, order, wait_for};

use crate::browser::Browser;

/// The row of a toy, by its name.
fn buy(name: &str) -> String {
    format!("button[aria-label='Buy {name}']")
}

fn quantity(name: &str) -> String {
    format!("input[aria-label='Quantity of {name}']")
}

fn open(browser: &Browser, store: &Store) {
    browser.open(&store.url(1));
    browser.until("#toys", "Whale");
}

/// The texts of the cells of a row of my orders.
fn my_order(browser: &Browser, at: usize) -> Vec<String> {
    let script = format!(
        "return [...(document.querySelectorAll('#mine tbody tr')[{at}]?.cells ?? [])]
            .map((cell) => cell.textContent)"
    );
    serde_json::from_value(browser.run(&script)).unwrap()
}

#[test]
fn who_buys_is_told_the_number() {
    let Some(browser) = Browser::start() else { return };
    let store = Store::start(Plan { replicas: 1, stock: 100, ..Plan::default() });
    open(&browser, &store);
    browser.fill(&quantity("Tux"), "3");
    browser.click(&buy("Tux"));
    let said = browser.until("#said", "Ordered");
    assert_eq!(said, "Ordered: 3 of Tux. Your order number is 1.");
    assert_eq!(
        store.get(1, "/orders/1").unwrap().1["data"],
        json!({"number": 1, "name": "Tux", "quantity": 3})
    );
    browser.until("#toys tbody tr:nth-child(4) .number:nth-child(3)", "97");
    assert_eq!(my_order(&browser, 0), ["1", "Tux", "3", "ordered"]);

    // The keyboard does as well: enter in the quantity of a toy.
    browser.fill(&quantity("Whale"), "2\n");
    browser.until("#said", "Your order number is 2.");
    browser.fill("#number", "2\n");
    browser.until("#found", "Order 2: 2 of Whale.");
    browser.fill("#number", "77\n");
    browser.until("#found", "There is no order 77.");

    browser.fill(&quantity("Bird"), "101");
    browser.click(&buy("Bird"));
    browser.until("#said", "Out of stock: there are fewer than 101 of Bird left.");
    assert_eq!(store.get(1, "/orders").unwrap().1["data"].as_array().unwrap().len(), 2);
    browser.is_content();
}

#[test]
fn a_toy_that_is_sold_out_says_when_it_is_back() {
    let Some(browser) = Browser::start() else { return };
    let restock = vec!["--restock-ms".to_owned(), "8000".to_owned()];
    let store = Store::start(Plan { replicas: 1, stock: 2, catalog: restock, ..Plan::default() });
    open(&browser, &store);
    browser.fill(&quantity("Tux"), "2");
    browser.click(&buy("Tux"));
    let badge = browser.until("#toys .badge", "sold out, back in ");
    let seconds: u64 = badge.split(' ').nth(4).unwrap().parse().unwrap();
    assert!(seconds <= 8, "{badge}");
    let sold_out = format!("return document.querySelector(\"{}\").disabled", buy("Tux"));
    assert!(browser.run(&sold_out).as_bool().unwrap());
    wait_for("the toy to be back", || browser.text("#toys .badge").is_none().then_some(()));
    browser.until("#toys", "100");
    browser.click(&buy("Tux"));
    browser.until("#said", "Your order number is 2.");
    browser.is_content();
}

#[test]
fn all_orders_can_be_checked_and_a_false_one_is_found_out() {
    let Some(browser) = Browser::start() else { return };
    let store = Store::start(Plan { replicas: 1, ..Plan::default() });
    open(&browser, &store);
    for (number, name) in [(1, "Tux"), (2, "Whale"), (3, "Bird")] {
        browser.click(&buy(name));
        browser.until("#said", &format!("Your order number is {number}."));
    }
    browser.click("#check");
    browser.until("#checked", "All 3 match.");
    assert_eq!(my_order(&browser, 0), ["3", "Bird", "1", "matches"]);

    browser.run(
        "const orders = JSON.parse(localStorage.getItem('toystore.orders'));
         orders[1].quantity = 5;
         orders.push({ key: 'x', name: 'Tux', quantity: 1, number: 99 }, 'nonsense');
         localStorage.setItem('toystore.orders', JSON.stringify(orders));",
    );
    open(&browser, &store);
    browser.click("#check");
    let said = browser.until("#checked", "do not match");
    assert!(said.starts_with("2 of 4 do not match: order ") && said.contains("99"), "{said}");
    assert_eq!(my_order(&browser, 1), ["2", "Whale", "5", "differs: the store has 1 of Whale"]);
    assert_eq!(my_order(&browser, 3), ["99", "Tux", "1", "the store has no such order"]);
    browser.click("#forget");
    assert!(my_order(&browser, 0).is_empty());
    browser.is_content();
}

#[test]
fn a_store_that_is_busy_is_asked_again_under_the_same_key() {
    let Some(browser) = Browser::start() else { return };
    let mut store = Store::start(Plan { replicas: 1, ..Plan::default() });
    open(&browser, &store);
    browser.run(
        "window.keys = [];
         const send = window.fetch;
         window.fetch = (path, options) => {
             if (path === '/orders') keys.push(options.headers['Idempotency-Key']);
             return send(path, options);
         };",
    );
    store.kill(&order(1));
    browser.click(&buy("Tux"));
    browser.until("#said", "The store is busy");
    browser.until("#said", "trying again in");
    store.run(&order(1));
    browser.until("#said", "Ordered: 1 of Tux. Your order number is 1.");

    // The same when the front end itself is gone.
    store.kill(&front_end(1));
    browser.click(&buy("Whale"));
    browser.until("#said", "The store does not answer");
    browser.until("#trouble", "what stands here may be old");
    store.run(&front_end(1));
    browser.until("#said", "Ordered: 1 of Whale. Your order number is 2.");
    let orders = store.get(1, "/orders").unwrap().1["data"].as_array().unwrap().len();
    assert_eq!(orders, 2, "each click is one order");
    let keys: Vec<String> = serde_json::from_value(browser.run("return keys")).unwrap();
    let different: BTreeSet<_> = keys.iter().collect();
    assert!(keys.len() > 3 && different.len() == 2, "each click has one key: {keys:?}");
    browser.is_content();
}

/// Names that would do something if they were read as HTML, or broke out of a script or a path.
const HOSTILE: [&str; 4] = [
    "<img src=x onerror=\"document.title='broken'\">",
    "</script><script>document.title='broken'</script>",
    "'\"`/../%41?x#y\\",
    "\u{202e}${document.title} &lt;b&gt;",
];

/// A path part of any text.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn a_hostile_name_is_only_text() {
    let Some(browser) = Browser::start() else { return };
    let restock = vec!["--restock-ms".to_owned(), "1000".to_owned()];
    let store = Store::start(Plan { replicas: 1, catalog: restock, ..Plan::default() });
    let token = std::fs::read_to_string(store.token("admin.token")).unwrap();
    for name in HOSTILE {
        let url = format!("{}/products/{}", store.url(1), encoded(name));
        let put = store.http().put(url).bearer_auth(token.trim());
        let put = put.json(&json!({"price": 0.5, "quantity": 1})).send().unwrap();
        assert_eq!(put.status().as_u16(), 200, "{name}");
    }
    open(&browser, &store);
    for name in HOSTILE {
        let row = format!(
            "return [...document.querySelectorAll('#toys tbody tr')]
                .find((row) => row.cells[0].textContent === {})",
            json!(name)
        );
        wait_for("the toy", || (!browser.run(&row).is_null()).then_some(()));
        assert_eq!(browser.run(&format!("{row}.cells[1].textContent")), "0.50", "{name}");
        browser.run(&format!("{row}.querySelector('button').click()"));
        browser.until("#said", &format!("Ordered: 1 of {name}."));
        assert_eq!(my_order(&browser, 0)[1], name);
    }
    browser.click("#check");
    browser.until("#checked", "All 4 match.");
    assert_eq!(browser.run("return document.title"), "Toy store");
    browser.is_content();

    browser.open(&format!("{}/console", store.url(1)));
    browser.until("#banner", "Orders are taken");
    // Sold out again, so that the console tells of a restock.
    let body = json!({"name": HOSTILE[0], "quantity": 100});
    wait_for("the restocked toy", || {
        let request = store.http().post(format!("{}/orders", store.url(1))).json(&body);
        (request.send().unwrap().status().as_u16() == 200).then_some(())
    });
    browser.until("#news", &format!("Restocked: 100 of {}", HOSTILE[0]));
    assert_eq!(browser.run("return document.title"), "Toy store console");
    assert_eq!(browser.run("return document.images.length"), 0);
    browser.is_content();
}

#[test]
fn both_pages_fit_a_small_telephone() {
    let Some(browser) = Browser::start() else { return };
    let store = Store::start(Plan { stock: 3, ..Plan::default() });
    browser.narrow();
    open(&browser, &store);
    browser.fill(&quantity("Elephant"), "3\n");
    browser.until("#said", "Your order number is 1.");
    browser.until("#toys", "sold out");
    browser.fits();
    browser.shows_whole("#toys");
    let whole = "const button = document.querySelector('#toys button');
        return button.clientHeight < 2 * parseFloat(getComputedStyle(button).fontSize) + 10";
    assert!(browser.run(whole).as_bool().unwrap(), "a button is broken into lines");
    browser.open(&format!("{}/console", store.url(1)));
    browser.until("#compared", "are equal");
    browser.fits();
    browser.shows_whole("#replicas");
    browser.is_content();
}
