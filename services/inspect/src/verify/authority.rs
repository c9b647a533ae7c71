//! The catalog alone: every row decodes, the books of each product balance, and they agree with
//! the reservations, with the index of sold-out products, and with the ledger of restocks.

use std::collections::BTreeMap;

use toystore_domain::ProductName;

use super::{Report, State};
use crate::catalog::{Catalog, Rows};

/// Checks the catalog alone.
pub fn check(catalog: &Catalog, report: &mut Report) {
    let (name, rows) = (&catalog.name, &catalog.rows);
    match (&catalog.damage, &catalog.store) {
        (Some(damage), _) => report.add(State::Damaged, name, "opening", damage),
        (None, Some(_)) => report.add(State::Ok, name, "opening", "a service would start with it"),
        (None, None) => {}
    }
    let (products, held) = (rows.products.len(), rows.reservations.len());
    let right = format!("{products} products, {held} outstanding reservations");
    report.judge(name, "rows", &catalog.lost, right);
    let right = "initial + restocked + adjusted - sold - reserved = stock, nowhere below 0";
    report.judge(name, "books", &unbalanced(rows), right.to_owned());
    let right = "they are what the books hold";
    report.judge(name, "reservations", &misheld(rows), right.to_owned());
    let listed = rows.reservations.iter().map(|row| {
        let number = row.recorded.map(|n| format!(", recorded as order {n}")).unwrap_or_default();
        let purchase = &row.purchase;
        let quantity = purchase.quantity.get();
        format!(
            "{quantity} {}, key {}, epoch {}{number}",
            purchase.product, purchase.key, row.epoch
        )
    });
    report.list(State::Info, name, "outstanding", &listed.collect::<Vec<_>>());
    if let Some(sold_out) = &rows.sold_out {
        let mut wrong = Vec::new();
        for (product, books) in &rows.products {
            match (books.stock == 0, sold_out.contains(product)) {
                (true, false) => wrong.push(format!("{product} has no stock and is not listed")),
                (false, true) => wrong.push(format!("{product} is listed and has stock")),
                _ => {}
            }
        }
        for product in sold_out.iter().filter(|product| rows.books(product).is_none()) {
            wrong.push(format!("{product} is listed and does not exist"));
        }
        report.judge(name, "sold out", &wrong, format!("{} products listed", sold_out.len()));
    }
    if let Some(restocks) = &rows.restocks {
        let right = format!("{} restocks add up to what the books say", restocks.len());
        report.judge(name, "restocks", &misstocked(rows), right);
    }
    let view = match &rows.view {
        None => "none yet".to_owned(),
        Some(view) => {
            let members: Vec<_> = view.in_sync.iter().map(|m| m.id.to_string()).collect();
            let (epoch, leader) = (view.epoch, view.leader.id);
            format!("epoch {epoch}, leader {leader}, in sync {}", members.join(" "))
        }
    };
    report.add(State::Info, name, "view", view);
}

fn unbalanced(rows: &Rows) -> Vec<String> {
    let wrong = rows.products.iter().filter(|(_, books)| !books.balanced());
    wrong.map(|(name, books)| {
        format!(
            "{name}: {} initial + {} restocked + {} adjusted - {} sold - {} reserved is not the \
             stock of {}",
            books.initial, books.restocked, books.adjusted, books.sold, books.reserved, books.stock
        )
    })
    .collect()
}

/// Where the books and the reservations hold different amounts.
pub fn misheld(rows: &Rows) -> Vec<String> {
    let mut held: BTreeMap<&ProductName, u64> = BTreeMap::new();
    for row in &rows.reservations {
        *held.entry(&row.purchase.product).or_default() += row.purchase.quantity.get();
    }
    let mut wrong = Vec::new();
    for (name, books) in &rows.products {
        let held = held.remove(name).unwrap_or_default();
        if held != books.reserved {
            let reserved = books.reserved;
            wrong.push(format!("{name}: {held} are reserved, the books say {reserved}"));
        }
    }
    wrong.extend(held.keys().map(|name| format!("{name} is reserved and does not exist")));
    wrong
}

/// Where the books and the ledger of restocks say different things.
fn misstocked(rows: &Rows) -> Vec<String> {
    let mut added: BTreeMap<&ProductName, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in rows.restocks.iter().flatten() {
        let sum = added.entry(&row.product).or_default();
        *sum = sum.saturating_add(row.amount);
        if rows.books(&row.product).is_some_and(|books| books.version < row.version) {
            let version = row.version.0;
            wrong
                .push(format!("{} was restocked as version {version}, not yet there", row.product));
        }
    }
    for (name, books) in &rows.products {
        let added = added.remove(name).unwrap_or_default();
        if added != books.restocked {
            let said = books.restocked;
            wrong.push(format!("{name}: {added} were restocked, the books say {said}"));
        }
    }
    wrong.extend(added.keys().map(|name| format!("{name} was restocked and does not exist")));
    wrong
}
