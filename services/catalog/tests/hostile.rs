//! Files of products that lie: each is refused with a reason, or read as it plainly says.
//!
//! `PROPTEST_CASES=20000 cargo test -p toystore-catalog --test hostile` tries more; a case that
//! failed once stays in `proptest-regressions/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;
use toystore_catalog::seed;
use toystore_domain::{Books, ProductName};

fn cases(usual: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::Direct("proptest-regressions/hostile.txt");
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(usual),
        failure_persistence: Some(Box::new(persistence)),
        ..ProptestConfig::default()
    }
}

fn read(content: &[u8]) -> Result<Vec<(ProductName, Books)>, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    seed::read(file.path()).map_err(|error| error.to_string())
}

/// Whatever is read can be sold.
fn check(content: &[u8]) -> Result<(), TestCaseError> {
    match read(content) {
        Ok(products) => {
            prop_assert!(!products.is_empty());
            for (_, books) in &products {
                prop_assert!(books.balanced() && books.stock <= 1_000_000_000, "{books:?}");
            }
            let mut names: Vec<_> = products.iter().map(|(name, _)| name).collect();
            names.sort_unstable();
            names.dedup();
            prop_assert_eq!(names.len(), products.len(), "a name is there twice");
        }
        Err(error) => prop_assert!(error.len() < 2000, "{error}"),
    }
    Ok(())
}

/// A field as text, and what it plainly is.
fn stock() -> impl Strategy<Value = (String, Option<u64>)> {
    let odd = select(vec!["", "-1", "+1", "1.5", "1e3", "x", "1000000001", "99999999999999999999"]);
    prop_oneof![
        4 => (0_u64..=1_000_000_000).prop_map(|n| (n.to_string(), Some(n))),
        1 => odd.prop_map(|text| (text.to_owned(), None)),
    ]
}

fn price() -> impl Strategy<Value = (String, Option<u64>)> {
    let odd = select(vec!["", "-1", "+1", "1.999", "1e3", ".5", "5.", "NaN", "10000000.01", "1,5"]);
    prop_oneof![
        4 => (0_u64..=1_000_000_000)
            .prop_map(|cents| (format!("{}.{:02}", cents / 100, cents % 100), Some(cents))),
        1 => odd.prop_map(|text| (text.to_owned(), None)),
    ]
}

fn name() -> impl Strategy<Value = (String, bool)> {
    prop_oneof![
        6 => "[A-H]".prop_map(|name| (name, true)),
        1 => Just(("x".repeat(201), false)),
        1 => Just((String::new(), false)),
        1 => Just(("a\u{7}b".to_owned(), false)),
    ]
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn any_bytes_are_products_or_refused(
        bytes in vec(any::<u8>(), 0..200),
        headed in any::<bool>(),
    ) {
        let header: &[u8] = if headed { b"name,price,stock\n" } else { b"" };
        check(&[header, &bytes].concat())?;
    }

    #[test]
    fn any_lines_are_products_or_refused(
        lines in vec("[a-c\"]{0,3}(,[ 0-9.\"]{0,4}){0,4}(\n|\r\n|\r)", 0..6),
    ) {
        check(format!("name,price,stock\n{}", lines.concat()).as_bytes())?;
    }

    #[test]
    fn products_are_what_they_plainly_say(rows in vec((name(), price(), stock()), 1..5)) {
        let mut text = "name,price,stock\n".to_owned();
        let (mut names, mut sound) = (Vec::new(), true);
        for ((name, named), (price, cents), (stock, amount)) in &rows {
            text += &format!("\"{name}\",\"{price}\", {stock} \n");
            sound &= *named && cents.is_some() && amount.is_some() && !names.contains(name);
            names.push(name.clone());
        }
        let read = read(text.as_bytes());
        prop_assert_eq!(read.is_ok(), sound, "{:?} {}", read, text);
        for ((_, books), (_, (_, cents), (_, amount))) in read.into_iter().flatten().zip(rows) {
            prop_assert_eq!((Some(books.price.get()), Some(books.stock)), (cents, amount));
        }
    }
}
