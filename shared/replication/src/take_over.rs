//! Taking over: from an epoch granted to serving.
//!
//! 1. The promise is synced, and every in-sync follower's log is brought to the own one.
//! 2. Only when all of that is confirmed is everything in the own log committed.
//! 3. Only then are outstanding reservations settled (their order is in the log) or cancelled (it
//!    is in none that may ever lead). Cancelling earlier would let a later leader commit a
//!    cancelled order out of a follower's tail.
//! 4. Orders that the catalog holds as second disk and that the log lacks are placed again under
//!    their numbers; then the leader serves.

use std::collections::{BTreeMap, VecDeque};

use toystore_domain::{OrderKey, OrderNumber, Purchase};
use toystore_mutants::{Mutant, broken};

use crate::effects::Notice;
use crate::leader::{InFlight, Leader, Peer, Refusals, Stage, Standing};
use crate::messages::{Answer, CatalogCall, ListReservations, Record, Reservation, Reservations};
use crate::messages::{Transact, Transacted};
use crate::replica::Role;
use crate::{CallId, Entry, Fatal, Replica, Sequence, Stored, View};

/// How far the listing of reservations has come.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Resolving {
    pub(crate) call: Option<CallId>,
    /// Everything up to this key is resolved.
    after: Option<OrderKey>,
    /// The page under way is not the last.
    more: bool,
    /// Held by the catalog as second disk, missing in the log.
    missing: BTreeMap<OrderNumber, Purchase>,
    /// The lowest number that stays reserved.
    lowest_kept: Option<OrderNumber>,
    kept: usize,
    cancelled: usize,
}

impl<S: Stored> Replica<S> {
    /// The catalog made this very process the leader of a new epoch.
    pub(crate) fn take_over(&mut self, view: View) {
        self.promise = view.epoch;
        self.mark = view.epoch;
        self.cluster = Some(view.cluster);
        let promise_write = Some(self.write(None, Vec::new(), Vec::new()));
        let (start, inherited) = (self.log.last(), self.commit);
        let followers = view.in_sync.iter().filter(|member| member.id != self.me.id);
        let peers = followers.map(|member| {
            let peer = Peer {
                member: *member,
                standing: Standing::InSync,
                matched: None,
                next: start.number.next(),
                call: None,
                missed: 0,
                lost: false,
            };
            (member.id, peer)
        });
        self.role = Role::Leader(Box::new(Leader {
            epoch: view.epoch,
            start,
            promise_write,
            stage: Stage::Agreeing,
            inherited,
            resolving: Resolving::default(),
            peers: peers.collect(),
            change: None,
            held: Vec::new(),
            queue: VecDeque::new(),
            in_flight: BTreeMap::new(),
            tickets: BTreeMap::new(),
            refusals: Refusals::default(),
            sequence: Sequence(0),
            transact: None,
            recorded: start.number,
            settled: start.number,
            readers: Vec::new(),
            proof: None,
            doubt: false,
            silence: 0,
            idle_ticks: 0,
        }));
        self.out.notices.push(Notice::TakingOver(view.epoch));
    }

    /// Everyone who may lead agrees: the whole log up to the epoch's start is committed.
    pub(crate) fn agree(&mut self) {
        let durable = self.durable;
        let Some(leader) = self.leader() else { return };
        let confirmed = leader.promise_write.is_none()
            && durable >= leader.start.number
            && leader
                .peers
                .values()
                .filter(|peer| peer.required() && !broken(Mutant::CancelBeforeConfirmed))
                .all(|peer| peer.matched >= Some(leader.start.number));
        if leader.stage != Stage::Agreeing || !confirmed {
            return;
        }
        leader.stage = Stage::Resolving;
        let start = leader.start.number;
        self.commit = self.commit.max(start);
        self.release();
        self.progress();
        self.ask_reservations();
    }

    /// Asks for the next page of reservations, once.
    pub(crate) fn ask_reservations(&mut self) {
        let me = self.me;
        let Some(leader) = self.leader() else { return };
        let busy = leader.resolving.call.is_some() || leader.transact.is_some();
        if leader.stage != Stage::Resolving || busy {
            return;
        }
        let after = leader.resolving.after.clone();
        let list = ListReservations { epoch: leader.epoch, leader: me, after };
        let call = self.call_catalog(CatalogCall::ListReservations(list));
        if let Some(leader) = self.leader() {
            leader.resolving.call = Some(call);
        }
    }

    pub(crate) fn on_reservations(&mut self, answer: Answer) -> Result<(), Fatal> {
        let Some(leader) = self.leader() else { return Ok(()) };
        leader.resolving.call = None;
        match answer {
            Answer::Reservations(Reservations::Page { rows, more }) => self.resolve(rows, more),
            Answer::Reservations(Reservations::Fenced(view)) => self.fenced(view),
            // The next tick asks again.
            _ => Ok(()),
        }
    }

    /// Decides for each reservation of a page, in one transaction.
    fn resolve(&mut self, rows: Vec<Reservation>, more: bool) -> Result<(), Fatal> {
        self.progress();
        let alone = self.alone();
        let last = self.log.last().number;
        let (mut record, mut settle, mut cancel) = (Vec::new(), Vec::new(), Vec::new());
        let mut missing = Vec::new();
        let after = rows.last().map(|row| row.purchase.key.clone());
        for Reservation { purchase, recorded, .. } in rows {
            let key = purchase.key.clone();
            match (self.log.number_of(&key)?, recorded) {
                (Some(number), _) if alone => record.push(Record { key, number }),
                (Some(_), _) => settle.push(key),
                (None, Some(number)) if number > last => missing.push((number, purchase)),
                (None, Some(number)) => {
                    self.out.notices.push(Notice::LostOrder(key.clone(), number));
                    cancel.push(key);
                }
                (None, None) if broken(Mutant::ForgetToCancel) => {}
                (None, None) => cancel.push(key),
            }
        }
        let me = self.me;
        let Some(leader) = self.leader() else { return Ok(()) };
        let resolving = &mut leader.resolving;
        let lowest = record.iter().map(|row| row.number).min();
        resolving.lowest_kept = resolving.lowest_kept.into_iter().chain(lowest).min();
        resolving.kept += record.len() + settle.len();
        resolving.cancelled += cancel.len();
        resolving.missing.extend(missing);
        resolving.more = more;
        resolving.after = after.or(resolving.after.take());
        if record.is_empty() && settle.is_empty() && cancel.is_empty() {
            return self.resolved_page();
        }
        let transact = Transact { record, settle, cancel, ..leader.next_transact(me) };
        let (recorded, settled) = (leader.recorded, leader.settled);
        leader.begin_transact(transact, recorded, settled);
        self.resend_transact();
        Ok(())
    }

    /// The page's transaction is durable: the next page, or serve.
    pub(crate) fn resolved_page(&mut self) -> Result<(), Fatal> {
        self.progress();
        let Some(leader) = self.leader() else { return Ok(()) };
        if leader.resolving.more {
            self.ask_reservations();
            return Ok(());
        }
        let lowest_kept = leader.resolving.lowest_kept;
        leader.settled = lowest_kept.map_or(leader.start.number, OrderNumber::previous);
        self.place_missing()?;
        self.serve()
    }

    /// Places again, under their numbers, the orders that only the catalog kept.
    ///
    /// After a clean choice none of them was acknowledged: a leader acknowledges what is on its
    /// own disk. After an unclean one they are what the lost leader acknowledged while alone.
    fn place_missing(&mut self) -> Result<(), Fatal> {
        let Some(leader) = self.leader() else { return Ok(()) };
        let (epoch, missing) = (leader.epoch, std::mem::take(&mut leader.resolving.missing));
        let mut entries: Vec<Entry> = Vec::new();
        let mut lost = Vec::new();
        for (number, purchase) in missing {
            if number == self.log.last().number.next() {
                entries.push(self.log.push(epoch, purchase));
            } else {
                self.out.notices.push(Notice::LostOrder(purchase.key.clone(), number));
                lost.push(purchase.key);
            }
        }
        let Some(leader) = self.leader() else { return Ok(()) };
        for entry in &entries {
            let order =
                InFlight { purchase: entry.purchase.clone(), sent: true, waiters: Vec::new() };
            leader.in_flight.insert(entry.purchase.key.clone(), order);
        }
        leader.resolving.cancelled += lost.len();
        self.cancel_lost(lost);
        if !entries.is_empty() {
            self.write(None, entries, Vec::new());
        }
        Ok(())
    }

    /// Gives back the stock of orders that cannot keep their numbers.
    fn cancel_lost(&mut self, cancel: Vec<OrderKey>) {
        let me = self.me;
        let Some(leader) = self.leader().filter(|_| !cancel.is_empty()) else { return };
        let transact = Transact { cancel, ..leader.next_transact(me) };
        let (recorded, settled) = (leader.recorded, leader.settled);
        leader.begin_transact(transact, recorded, settled);
        self.resend_transact();
    }

    /// Takes orders from now on, those first that came meanwhile.
    fn serve(&mut self) -> Result<(), Fatal> {
        let Some(leader) = self.leader() else { return Ok(()) };
        leader.stage = Stage::Serving;
        let notice = Notice::Serving {
            epoch: leader.epoch,
            kept: leader.resolving.kept,
            cancelled: leader.resolving.cancelled,
        };
        let held = std::mem::take(&mut leader.held);
        self.out.notices.push(notice);
        for (ticket, place) in held {
            self.admit(ticket, place)?;
        }
        self.send_appends(false)?;
        self.advance()?;
        self.transact_next()?;
        self.prove();
        Ok(())
    }

    /// The catalog knows a later leader, or refuses this one.
    pub(crate) fn fenced(&mut self, view: Option<View>) -> Result<(), Fatal> {
        self.step_down(view.clone());
        view.map_or(Ok(()), |view| self.on_view(view))
    }

    /// The page's transaction was answered.
    pub(crate) fn on_resolved(&mut self, transacted: Transacted) -> Result<(), Fatal> {
        match transacted {
            Transacted::Done(_) => self.resolved_page(),
            Transacted::Fenced(view) => self.fenced(view),
        }
    }
}
