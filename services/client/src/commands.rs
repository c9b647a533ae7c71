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
    ask(&options.single, &Request::Product(options.name), |product: ProductBody| {
        format!("{} costs {:.2}, {} left.", product.name, product.price, product.quantity)
    })
    .await
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
    let request = Request::Buy(Purchase { key: key.clone(), product: name.clone(), quantity });
    let done = ask(&options.single, &request, |placed: OrderPlaced| {
        format!("Order {}: {} of {name}. Key {key}", placed.order_number, quantity.get())
    })
    .await;
    if let Err(Failure::Store(trouble)) = &done
        && trouble.leaves_order_open()
    {
        eprintln!("The order may have been placed. To learn its number without buying twice, add:");
        eprintln!("    --key {key}");
    }
    done
}

/// Looks up an order.
pub async fn order(options: Order) -> Result<Exit, Failure> {
    ask(&options.single, &Request::Order(options.number), |order: OrderBody| {
        format!("Order {}: {} of {}.", order.number, order.quantity, order.name)
    })
    .await
}

/// Shows who leads and who keeps up.
pub async fn status(options: Status) -> Result<Exit, Failure> {
    ask(&options.single, &Request::Cluster, cluster).await
}

async fn ask<T: DeserializeOwned>(
    how: &Single,
    request: &Request,
    in_words: impl FnOnce(T) -> String,
) -> Result<Exit, Failure> {
    let reply = Store::new(how.reach.front_ends(), 0)?.send_to_any(request).await?;
    if how.json {
        say(&reply.text());
        // Passed on whole, whether or not this version knows its shape.
        return match reply.read::<serde_json::Value>() {
            Ok(_) => Ok(Exit::Fine),
            Err(trouble) => Err(trouble.into()),
        };
    }
    say(&in_words(reply.read::<T>().map_err(Failure::from)?));
    Ok(Exit::Fine)
}

fn cluster(cluster: ClusterBody) -> String {
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
