//! The pictures of docs/web.md, taken anew:
//!
//! ```sh
//! cargo test -p toystore-tests --test browser -- --ignored pictures
//! ```

use std::fs;
use std::path::Path;

use serde_json::json;
use toystore_tests::store::{Plan, Store, order, wait_for};

use crate::browser::Browser;

/// What a picture may take at most.
const LARGEST: usize = 150 << 10;
/// More than is bought while the pictures are taken, but for the toy that is sold out.
const STOCK: u64 = 5000;

#[test]
#[ignore = "writes the pictures of the documentation"]
fn pictures() {
    let browser = Browser::start().expect("a browser");
    let restock = vec!["--restock-ms".to_owned(), "60000".to_owned()];
    let mut store = Store::start(Plan { stock: STOCK, catalog: restock, ..Plan::default() });
    let (url, http) = (format!("{}/orders", store.url(1)), store.http().clone());
    let buy = |name: &str, quantity: u64| {
        // A customer looks first.
        let _ = http.get(format!("{}/products/{name}", url.trim_end_matches("/orders"))).send();
        let sent = http.post(&url).json(&json!({"name": name, "quantity": quantity})).send();
        sent.is_ok_and(|answer| answer.status().as_u16() == 200)
    };
    assert!(buy("Elephant", STOCK));
    browser.open(&store.url(1));
    browser.until("#toys", "sold out, back in");
    for (name, quantity) in [("Tux", 2), ("Whale", 1)] {
        browser.fill(&format!("input[aria-label='Quantity of {name}']"), &format!("{quantity}\n"));
        browser.until("#said", &format!("Ordered: {quantity} of {name}."));
    }
    browser.click("#check");
    browser.until("#checked", "All 2 match.");
    browser.run("document.activeElement.blur(); scrollTo(0, 0)");
    take(&browser, "shop", "light");
    browser.narrow();
    take(&browser, "shop-360", "dark");

    browser.wide();
    browser.open(&format!("{}/console", store.url(1)));
    browser.until("#banner", "Orders are taken");
    let samples = || {
        browser.run(
            "return document.querySelector('#rate-plot path').getAttribute('d')?.split('L').length",
        )
    };
    shop_until(&buy, || samples().as_u64().is_some_and(|samples| samples > 20));
    store.kill(&order(3));
    shop_until(&buy, || samples().as_u64().is_some_and(|samples| samples > 40));
    browser.until("#banner", "Replica 2 leads in epoch 2");
    browser.until("#compared", "of all that answer are equal");
    take(&browser, "console", "dark");
    browser.narrow();
    take(&browser, "console-360", "light");
    browser.is_content();
}

/// A few orders at a time, of toys that do not run out.
fn shop_until(buy: &dyn Fn(&str, u64) -> bool, done: impl Fn() -> bool) {
    wait_for("enough samples", || {
        for name in ["Tux", "Whale", "Bird", "Risk"] {
            buy(name, 1);
        }
        done().then_some(())
    });
}

fn take(browser: &Browser, name: &str, scheme: &str) {
    browser.scheme(scheme);
    browser.fits();
    let picture = browser.picture();
    assert!(picture.len() < LARGEST, "{name} takes {} bytes", picture.len());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/web");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.png")), picture).unwrap();
}
