//! What the catalog answers to other processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use toystore_authority::messages::{
    CatalogPage, ExportCatalog, ExportRestocks, ForceLeader, Forced, Propose, Proposed,
    RestocksPage,
};
use toystore_authority::{Command, Database, Failed, Outcome};
use toystore_coherence::messages::{
    Granted, ListProducts, LookUp, LookedUp, Put, PutProduct, ReadRestocks, RenewLease, Restocks,
};
use toystore_domain::{Product, Refusal};
use toystore_host::limits::CALL_TIMEOUT;
use toystore_host::ops::Metrics;
use toystore_host::{Caller, ClusterConfig, Desk};
use toystore_replication::View;
use toystore_replication::messages::{
    Changed, ListReservations, ReadView, Reservations, Status, Transact, Transacted,
};
use toystore_replication::view::MemberChange;

use crate::election;
use crate::shelf::Shelf;
use crate::writer::{Stopping, Writer};

/// What the handlers share.
pub struct Shared<D> {
    /// Look-ups.
    pub shelf: Arc<Shelf<D>>,
    /// Changes.
    pub writer: Writer,
    /// Asks the replicas.
    pub caller: Caller,
    /// Where they are.
    pub replicas: ClusterConfig,
    /// The disk has no room for more.
    pub full: Arc<AtomicBool>,
}

impl<D> Clone for Shared<D> {
    fn clone(&self) -> Self {
        Self {
            shelf: self.shelf.clone(),
            writer: self.writer.clone(),
            caller: self.caller.clone(),
            replicas: self.replicas.clone(),
            full: self.full.clone(),
        }
    }
}

/// Everything that the catalog answers.
#[must_use]
pub fn desk<D: Database + Send + Sync + 'static>(shared: &Shared<D>, metrics: Metrics) -> Desk {
    Desk::new(metrics)
        .on(shared, look_up)
        .on(shared, list)
        .on(shared, put)
        .on(shared, renew)
        .on(shared, restocks)
        .on(shared, read_view)
        .on(shared, propose)
        .on(shared, change_members)
        .on(shared, force_leader)
        .on(shared, transact)
        .on(shared, list_reservations)
        .on(shared, export)
        .on(shared, export_restocks)
}

fn unreadable(error: Failed) -> Refusal {
    tracing::error!(%error, "a look-up failed");
    Refusal::Unavailable("the catalog's database cannot be read".to_owned())
}

/// The process ends while the command is under way: what came of it cannot be said.
fn stopping(_: Stopping) -> Refusal {
    Refusal::OutcomeUnknown
}

/// Each command has its own kind of outcome.
fn mismatch<T>() -> Result<T, Refusal> {
    tracing::error!("the writer answered another command");
    Err(Refusal::OutcomeUnknown)
}

impl<D: Database> Shared<D> {
    async fn run(&self, command: Command) -> Result<Outcome, Refusal> {
        self.writer.run(command).await.map_err(stopping)
    }

    /// A catalog that has had no leader may be an empty one in the place of a lost one: nothing it
    /// says about products is to be believed before the replicas accept it.
    async fn products_are_known(&self) -> Result<(), Refusal> {
        if self.shelf.view().is_none() {
            let why = "the catalog is new and has had no leader yet";
            return Err(Refusal::Unavailable(why.to_owned()));
        }
        self.shelf.earlier_leases_over().await;
        Ok(())
    }

    fn has_room(&self) -> Result<(), Refusal> {
        let full = || Refusal::Unavailable("the catalog's disk is full".to_owned());
        if self.full.load(Ordering::Relaxed) { Err(full()) } else { Ok(()) }
    }
}

async fn look_up<D: Database>(shared: Shared<D>, call: LookUp) -> Result<LookedUp, Refusal> {
    shared.products_are_known().await?;
    shared.shelf.look_up(&call).map_err(unreadable)
}

async fn list<D: Database>(shared: Shared<D>, call: ListProducts) -> Result<Vec<Product>, Refusal> {
    shared.products_are_known().await?;
    shared.shelf.list(&call).map_err(unreadable)
}

async fn renew<D: Database>(shared: Shared<D>, call: RenewLease) -> Result<Granted, Refusal> {
    Ok(shared.shelf.renew(&call))
}

async fn restocks<D: Database>(shared: Shared<D>, _: ReadRestocks) -> Result<Restocks, Refusal> {
    shared.shelf.restocks().map_err(unreadable)
}

async fn put<D: Database>(shared: Shared<D>, call: PutProduct) -> Result<Put, Refusal> {
    shared.has_room()?;
    shared.products_are_known().await?;
    match shared.run(Command::Put(call)).await? {
        Outcome::Put(put) => Ok(put),
        _ => mismatch(),
    }
}

async fn transact<D: Database>(shared: Shared<D>, call: Transact) -> Result<Transacted, Refusal> {
    shared.has_room()?;
    shared.shelf.earlier_leases_over().await;
    match shared.run(Command::Transact(call)).await? {
        Outcome::Transacted(transacted) => Ok(transacted),
        _ => mismatch(),
    }
}

async fn list_reservations<D: Database>(
    shared: Shared<D>,
    call: ListReservations,
) -> Result<Reservations, Refusal> {
    match shared.run(Command::ListReservations(call)).await? {
        Outcome::Reservations(reservations) => Ok(reservations),
        _ => mismatch(),
    }
}

async fn change_members<D: Database>(
    shared: Shared<D>,
    call: MemberChange,
) -> Result<Changed, Refusal> {
    match shared.run(Command::ChangeMembers(call)).await? {
        Outcome::Changed(changed) => Ok(changed),
        _ => mismatch(),
    }
}

async fn read_view<D: Database>(shared: Shared<D>, _: ReadView) -> Result<Option<View>, Refusal> {
    Ok(shared.shelf.view())
}

async fn propose<D: Database>(shared: Shared<D>, call: Propose) -> Result<Proposed, Refusal> {
    let Shared { shelf, writer, caller, replicas, .. } = &shared;
    election::propose(shelf.view(), call.proposal, writer, caller, replicas).await.map_err(stopping)
}

async fn force_leader<D: Database>(
    shared: Shared<D>,
    call: ForceLeader,
) -> Result<Forced, Refusal> {
    let Some(address) = shared.replicas.address(call.replica) else {
        return Ok(Forced::Unreachable);
    };
    let Ok(health) = shared.caller.call(address, &Status, CALL_TIMEOUT).await else {
        return Ok(Forced::Unreachable);
    };
    tracing::error!(leader = %health.member, "UNCLEAN: an operator makes this replica lead alone");
    match shared.run(Command::Force(health.member)).await? {
        Outcome::Forced(Some(view)) => Ok(Forced::Done(view)),
        Outcome::Forced(None) => Ok(Forced::NoView),
        _ => mismatch(),
    }
}

async fn export<D: Database>(
    shared: Shared<D>,
    call: ExportCatalog,
) -> Result<CatalogPage, Refusal> {
    match shared.run(Command::Export(call)).await? {
        Outcome::Exported(page) => Ok(page),
        _ => mismatch(),
    }
}

async fn export_restocks<D: Database>(
    shared: Shared<D>,
    call: ExportRestocks,
) -> Result<RestocksPage, Refusal> {
    match shared.run(Command::ExportRestocks(call)).await? {
        Outcome::ExportedRestocks(page) => Ok(page),
        _ => mismatch(),
    }
}
