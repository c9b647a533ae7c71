//! Sources against each other: one cluster, one log, and one account of what was sold.
//!
//! The stock equation across catalog and log: an order in the log is either settled, and counted
//! as sold, or its reservation is still outstanding; and nothing else was sold. It holds for the
//! log of every replica that the catalog's view has in sync, at every moment: a reservation is
//! durable before its order is numbered, is settled only when the order is committed, and is
//! cancelled only when no in-sync log holds its order. A replica that is out of sync may lack
//! orders, or hold some that were cancelled, so it proves nothing.

use std::collections::{BTreeMap, BTreeSet};

use toystore_domain::{OrderKey, OrderNumber, ProductName};
use toystore_replication::messages::Reservation;
use toystore_replication::{Entry, Epoch, Incarnation, Member};

use super::{Report, State};
use crate::catalog::{Catalog, Rows};
use crate::lockstep::{End, compare};
use crate::orders::{Log, Orders};
use crate::source::{Stop, Unreadable};

const ALL: &str = "together";
const LOGS: &str = "logs";
const EQUATION: &str = "stock equation";

/// How often a catalog at work is read in the hope that it does not change meanwhile.
const ATTEMPTS: u32 = 5;

/// Checks sources against each other, as far as there are several.
pub fn check(replicas: &[&Orders], catalogs: &[&Catalog], report: &mut Report) {
    if replicas.len() + catalogs.len() < 2 {
        return;
    }
    one_cluster(replicas, catalogs, report);
    if replicas.len() > 1
        && let Err(error) = one_log(replicas, report)
    {
        report.add(State::Unread, ALL, LOGS, error.to_string());
    }
    for catalog in catalogs {
        if !replicas.is_empty()
            && let Err(error) = one_account(catalog, replicas, report)
        {
            report.add(State::Unread, ALL, EQUATION, error.to_string());
        }
    }
}

fn one_cluster(replicas: &[&Orders], catalogs: &[&Catalog], report: &mut Report) {
    let of_catalogs = catalogs.iter().map(|catalog| (&catalog.name, catalog.rows.cluster));
    let of_replicas = replicas.iter().map(|o| (&o.name, o.state.and_then(|s| s.cluster)));
    let known = of_catalogs.chain(of_replicas);
    let known: Vec<_> = known.filter_map(|(name, cluster)| Some((name, cluster?))).collect();
    let distinct: BTreeSet<_> = known.iter().map(|(_, cluster)| cluster).collect();
    let wrong = known.iter().map(|(name, cluster)| format!("{name} is of cluster {cluster}"));
    let wrong: Vec<_> = if distinct.len() > 1 { wrong.collect() } else { Vec::new() };
    let right = distinct.first().map_or("none joined yet".to_owned(), ToString::to_string);
    report.judge(ALL, "cluster", &wrong, right);
}

/// The replicas hold the same orders up to what all of them know to be committed. Folders are
/// compared to their ends: a commit number on disk trails what was committed.
fn one_log(replicas: &[&Orders], report: &mut Report) -> Result<(), Unreadable> {
    let commits =
        replicas.iter().map(|orders| orders.state.map_or(OrderNumber::ZERO, |state| state.commit));
    let committed = commits.min().unwrap_or_default();
    let running = replicas.iter().any(|orders| matches!(orders.log, Log::Service(..)));
    let comparison = compare(replicas, running.then_some(committed))?;
    let mut wrong = Vec::new();
    if let Some(difference) = &comparison.difference {
        let what = format!("order {} differs", difference.number);
        if difference.number <= committed {
            wrong.push(format!("{what}, and {committed} are committed"));
        } else {
            report.add(State::Info, ALL, LOGS, format!("{what}, which not all have committed"));
        }
    }
    for (orders, end) in replicas.iter().zip(&comparison.ends) {
        let Some(End { last, damage }) = end else { continue };
        let (name, last) = (&orders.name, last.number);
        match damage {
            Some(what) => wrong.push(format!("{name} cannot be read after order {last}: {what}")),
            None if last < committed => wrong.push(format!("{name} ends at order {last}")),
            None => {}
        }
    }
    let right = format!(
        "equal up to order {}; all of them know {committed} to be committed",
        comparison.equal_to.number
    );
    report.judge(ALL, LOGS, &wrong, right);
    Ok(())
}

/// Runs the stock equation over the catalog and the best log there is.
fn one_account(
    catalog: &Catalog,
    replicas: &[&Orders],
    report: &mut Report,
) -> Result<(), Unreadable> {
    let mut rows = match &catalog.link {
        Some(link) => link.catalog()?,
        None => catalog.rows.clone(),
    };
    for _ in 0..ATTEMPTS {
        let Some(orders) = most_complete(catalog, &rows, replicas) else {
            if catalog.dump.is_some() {
                let what = "not checked: only the log of the same backup fits a dumped catalog";
                report.add(State::Info, ALL, EQUATION, what);
                return Ok(());
            }
            let what = "no replica given is in sync with the catalog and sound: name one that is";
            report.add(State::Unread, ALL, EQUATION, what);
            return Ok(());
        };
        let account = Account::take(&rows, orders)?;
        // A catalog at work must not have changed while the log was read.
        let now = catalog.link.as_ref().map(|link| link.catalog()).transpose()?;
        match now {
            Some(now) if now != rows => rows = now,
            _ => {
                account.judge(&rows, orders, report);
                epochs(&rows, replicas, report);
                return Ok(());
            }
        }
    }
    let what = "the store is at work, the catalog never held still: try again when it is quiet";
    report.add(State::Unread, ALL, EQUATION, what);
    Ok(())
}

/// A sound replica that is in sync in the catalog's view; before there is a view, any.
fn most_complete<'a>(
    catalog: &Catalog,
    rows: &Rows,
    replicas: &[&'a Orders],
) -> Option<&'a Orders> {
    let in_sync = |orders: &&&Orders| {
        let (id, store, incarnation) = (orders.id, orders.store, Incarnation(0));
        let member = Member { id, store, incarnation };
        rows.view.as_ref().is_none_or(|view| view.has_in_sync(&member))
    };
    // What was dumped by itself is of another moment than everything else.
    let of_one_moment = |orders: &&&Orders| match (&catalog.dump, &orders.log) {
        (None, log) => !matches!(log, Log::Portable(_)),
        (Some(path), Log::Portable(dump)) => dump.path() == path,
        (Some(_), _) => false,
    };
    let sound = replicas.iter().filter(|orders| orders.damage.is_none());
    let sound = sound.filter(of_one_moment);
    let progress = |orders: &&&Orders| orders.state.map(|state| (state.mark, state.commit));
    sound.filter(in_sync).max_by_key(progress).copied()
}

/// No replica has promised an epoch that the catalog has not given out.
fn epochs(rows: &Rows, replicas: &[&Orders], report: &mut Report) {
    let given = rows.view.as_ref().map_or(Epoch(0), |view| view.epoch);
    let promised = replicas.iter().filter_map(|o| Some((&o.name, o.state?.promise)));
    let ahead = promised.filter(|(_, promise)| *promise > given);
    let wrong = ahead.map(|(name, promise)| {
        format!("{name} promised epoch {promise}, the catalog is at {given}: it was rolled back")
    });
    report.judge(ALL, "epochs", &wrong.collect::<Vec<_>>(), format!("none above {given}"));
}

/// What a log says about the stock.
#[derive(Default)]
struct Account {
    orders: u64,
    /// Each product's items in orders that must be settled.
    sold: BTreeMap<ProductName, u64>,
    /// Items in orders whose reservation is outstanding.
    held: u64,
    wrong: Vec<String>,
}

impl Account {
    fn take(rows: &Rows, orders: &Orders) -> Result<Self, Unreadable> {
        let outstanding: BTreeMap<&OrderKey, &Reservation> =
            rows.reservations.iter().map(|row| (&row.purchase.key, row)).collect();
        let mut account = Self::default();
        for entry in orders.entries(OrderNumber::ZERO) {
            match entry {
                Ok(entry) => account.count(rows, &outstanding, entry),
                Err(Stop::Damaged(what)) => account.wrong.push(what),
                Err(Stop::Unreadable(error)) => return Err(error),
            }
        }
        Ok(account)
    }

    fn count(&mut self, rows: &Rows, held: &BTreeMap<&OrderKey, &Reservation>, entry: Entry) {
        let Entry { number, purchase, .. } = entry;
        self.orders += 1;
        let quantity = purchase.quantity.get();
        let Some(reservation) = held.get(&purchase.key) else {
            match self.sold.get_mut(&purchase.product) {
                Some(sold) => *sold += quantity,
                None => {
                    if rows.books(&purchase.product).is_none() {
                        let product = &purchase.product;
                        self.wrong
                            .push(format!("order {number} is for {product}, which is no product"));
                    }
                    self.sold.insert(purchase.product, quantity);
                }
            }
            return;
        };
        self.held += quantity;
        if !reservation.purchase.same_body(&purchase) {
            let (of, key) = (&reservation.purchase, &purchase.key);
            self.wrong.push(format!(
                "order {number} is for {quantity} {}, and its key {key} reserves {} {}",
                purchase.product,
                of.quantity.get(),
                of.product
            ));
        }
        if let Some(recorded) = reservation.recorded.filter(|recorded| *recorded != number) {
            let key = &purchase.key;
            self.wrong.push(format!("key {key} is recorded as order {recorded} and is {number}"));
        }
    }

    fn judge(mut self, rows: &Rows, orders: &Orders, report: &mut Report) {
        for (name, books) in &rows.products {
            let logged = self.sold.get(name).copied().unwrap_or_default();
            if logged != books.sold {
                let (log, sold) = (&orders.name, books.sold);
                self.wrong.push(format!(
                    "{name}: the log of {log} has {logged} that are no longer reserved, the \
                     catalog sold {sold}"
                ));
            }
        }
        let sold: u64 = self.sold.values().sum();
        let right = format!(
            "the {} orders of {} are {sold} items sold and {} still reserved",
            self.orders, orders.name, self.held
        );
        report.judge(ALL, EQUATION, &self.wrong, right);
    }
}
