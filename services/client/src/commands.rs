//! One request from the command line: sent to one front end after the other until one replies.

use serde::de::DeserializeOwned;
use toystore_domain::api::{ClusterBody, OrderBody, OrderPlaced, ProductBody, ReplicaBody};
use toystore_domain::{OrderKey, Purchase};

use crate::api::{Request, Store};
use crate::options::{Buy, Get, Order, Single, Status};
use crate::table::table;
use crate::{Exit, Failure, say};

/// Looks at a toy.
pub async fn get(options: Get) -> Result<Exit, Failure> {
    let doing = format!("look at {}", options.name);
    let request = Request::Product(options.name);
    ask(&options.single, &doing, &request, |product: &ProductBody| {
        format!("{} costs {:.2}, {} left.", product.name, product.price, product.quantity)
    })
    .await
    .map(|_| Exit::Fine)
}

/// Buys a toy.
pub async fn buy(options: Buy) -> Result<Exit, Failure> {
    let random = || getrandom::u64().map_err(|error| Failure::SetUp(error.to_string()));
    let key = match options.key {
        Some(key) => key,
        None => OrderKey::new(&format!("{:016x}{:016x}", random()?, random()?))
            .ok_or_else(|| Failure::SetUp("no key".into()))?,
    };
    let (name, quantity) = (options.name, options.quantity);
    let doing = format!("buy {} of {name}", quantity.get());
    let request = Request::Buy(Purchase { key: key.clone(), product: name.clone(), quantity });
    let bought = ask(&options.single, &doing, &request, |placed: &OrderPlaced| {
        format!("Order {}: {} of {name}. Key {key}", placed.order_number, quantity.get())
    });
    let done = tokio::select! {
        done = bought => done,
        // Who gives up waiting needs the key more than anybody.
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
    };
    let open = match &done {
        Err(Failure::Asked { trouble, .. }) => trouble.leaves_order_open(),
        Err(Failure::Interrupted) => true,
        _ => false,
    };
    if open {
        eprintln!("The order may have been placed. To learn its number without buying twice, add:");
        eprintln!("    --key {key}");
    } else if options.single.json && done.is_ok() {
        // The reply on standard output is the store's own, which does not repeat the key.
        eprintln!("Key {key}");
    }
    done.map(|_| Exit::Fine)
}

/// Looks up an order.
pub async fn order(options: Order) -> Result<Exit, Failure> {
    let doing = format!("look up order {}", options.number);
    ask(&options.single, &doing, &Request::Order(options.number), |order: &OrderBody| {
        format!("Order {}: {} of {}.", order.number, order.quantity, order.name)
    })
    .await
    .map(|_| Exit::Fine)
}

/// Shows who leads and who keeps up.
pub async fn status(options: Status) -> Result<Exit, Failure> {
    let doing = "look at the cluster";
    let found: Option<ClusterBody> =
        ask(&options.single, doing, &Request::Cluster, cluster).await?;
    let Some(why) = options.check.then(|| idle(found.as_ref())).flatten() else {
        return Ok(Exit::Fine);
    };
    eprintln!("No orders are taken: {why}.");
    Ok(Exit::Wrong)
}

/// Why no order can be placed, as far as the front end sees.
fn idle(cluster: Option<&ClusterBody>) -> Option<String> {
    let Some(cluster) = cluster else {
        return Some("the front end says nothing that is known here".to_owned());
    };
    if !cluster.catalog.healthy {
        return Some(format!("the catalog at {} does not answer", cluster.catalog.address));
    }
    let Some(leader) = cluster.leader else { return Some("nobody leads".to_owned()) };
    let mut replicas = cluster.replicas.iter();
    let serves = |replica: &&ReplicaBody| {
        replica.id == leader && replica.healthy && replica.role.as_deref() == Some("leader")
    };
    match replicas.find(serves) {
        Some(_) => None,
        None => Some(format!("replica {leader} is to lead, and does not")),
    }
}

/// Asks, and says what came of it; gives what was understood of it.
async fn ask<T: DeserializeOwned>(
    how: &Single,
    doing: &str,
    request: &Request,
    in_words: impl FnOnce(&T) -> String,
) -> Result<Option<T>, Failure> {
    let front_ends = how.reach.front_ends();
    let failed = |trouble| {
        let at: Vec<_> = front_ends.iter().map(|front_end| front_end.page("")).collect();
        Failure::Asked { doing: doing.to_owned(), at: at.join(", "), trouble }
    };
    let reply =
        Store::new(front_ends, 0, how.reach.tls()?)?.send_to_any(request).await.map_err(failed)?;
    if how.json {
        say(&reply.text());
        // Passed on whole, whether or not this version knows its shape.
        reply.read::<serde_json::Value>().map_err(failed)?;
        return Ok(reply.read::<T>().ok());
    }
    let answer = reply.read::<T>().map_err(failed)?;
    say(&in_words(&answer));
    Ok(Some(answer))
}

fn cluster(cluster: &ClusterBody) -> String {
    let or_none = |known: Option<String>| known.unwrap_or_else(|| "-".into());
    let health = |healthy| if healthy { "yes" } else { "no" }.to_owned();
    let row = |replica: &ReplicaBody| {
        vec![
            format!("order-{}", replica.id),
            replica.address.clone(),
            health(replica.healthy),
            or_none(replica.role.clone()),
            health(cluster.in_sync.contains(&replica.id)),
            or_none(replica.last_order.map(|number| number.to_string())),
        ]
    };
    let mut rows: Vec<_> = cluster.replicas.iter().map(row).collect();
    let catalog = &cluster.catalog;
    let mut catalog_row =
        vec!["catalog".to_owned(), catalog.address.clone(), health(catalog.healthy)];
    catalog_row.resize(6, "-".into());
    rows.push(catalog_row);

    let leader = or_none(cluster.leader.map(|id| id.to_string()));
    let cache = match &cluster.cache {
        cache if cache.enabled => format!(
            "Cache: {} entries, {} hits, {} misses, {} invalidations",
            cache.entries, cache.hits, cache.misses, cache.invalidations
        ),
        _ => "Cache: off".to_owned(),
    };
    let head = ["", "address", "healthy", "role", "in sync", "last order"];
    format!("Epoch {}, leader {leader}\n{}{cache}", cluster.epoch, table(&head, &rows))
}
