//! Who should lead: what a front end proposes when the leader does not respond.
//!
//! The lab's rule: the highest responsive id, here among the members of the in-sync set. Any
//! number of front ends may propose at once; the catalog's compare-and-swap lets one win.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use toystore_domain::OrderNumber;
use toystore_mutants::{Mutant, broken};

use crate::view::Proposal;
use crate::{ClusterId, Epoch, Member, Position, ReplicaId, Revision, View};

/// What a replica says when asked how it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Health {
    /// Who answers.
    pub member: Member,
    /// The cluster its database belongs to, once it belongs to one.
    pub cluster: Option<ClusterId>,
    /// The highest epoch it promised.
    pub promise: Epoch,
    /// The last epoch in which its log agreed with the leader's.
    pub mark: Epoch,
    /// Where its log stands.
    pub last: Position,
    /// The last order that it knows to be committed.
    pub commit: OrderNumber,
    /// What it does.
    pub role: RoleName,
    /// It has work and cannot get on with it.
    pub stuck: bool,
    /// The latest view it knows.
    pub view: Option<View>,
}

/// What a replica does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RoleName {
    /// Follows a leader, in sync.
    Follower,
    /// Has not caught up with the leader, or does not know one.
    CatchingUp,
    /// Was made leader and brings the others' logs to its own.
    TakingOver,
    /// Takes orders.
    Leader,
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Follower => "follower",
            Self::CatchingUp => "catching up",
            Self::TakingOver => "taking over",
            Self::Leader => "leader",
        })
    }
}

/// What a front end should do about the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Propose this at the catalog.
    Propose(Proposal),
    /// Nobody may lead now; wait for these.
    Wait(Waiting),
}

/// Why nobody may lead now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Waiting {
    /// The first view needs every configured replica.
    #[error("the store starts when every replica answers; waiting for {}", list(.0))]
    FirstStart(Vec<ReplicaId>),
    /// The catalog is new, the replicas are not.
    #[error(
        "the catalog is new but replicas {} hold data; bring back the catalog's data, or rebuild \
         it with toystore-catalog recover", list(.0)
    )]
    NewCatalogOldReplicas(Vec<ReplicaId>),
    /// Only these hold every acknowledged order, and none of them answers.
    #[error("no in-sync replica answers; waiting for one of {}", list(.0))]
    InSync(Vec<ReplicaId>),
}

fn list(ids: &[ReplicaId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Decides what to propose, from the current view and the answers of the responsive replicas.
#[must_use]
pub fn choose(
    view: Option<&View>,
    configured: &[ReplicaId],
    answers: &BTreeMap<ReplicaId, Health>,
) -> Choice {
    match view {
        None => choose_first(configured, answers),
        Some(view) => choose_next(view, answers, committed(view, answers)),
    }
}

/// Decides once more after those who seemed unfit were asked again. Answers are of different
/// moments: a member's log must hold only what others knew to be committed before it was asked.
#[must_use]
pub fn choose_again(
    view: &View,
    earlier: &BTreeMap<ReplicaId, Health>,
    unfit: &[ReplicaId],
    again: BTreeMap<ReplicaId, Health>,
) -> Choice {
    let mut answers = earlier.clone();
    answers.retain(|id, _| !unfit.contains(id));
    answers.extend(again);
    choose_next(view, &answers, committed(view, earlier))
}

fn choose_first(configured: &[ReplicaId], answers: &BTreeMap<ReplicaId, Health>) -> Choice {
    let missing: Vec<_> =
        configured.iter().filter(|id| !answers.contains_key(id)).copied().collect();
    if !missing.is_empty() {
        return Choice::Wait(Waiting::FirstStart(missing));
    }
    let used: Vec<_> =
        answers.values().filter(|h| !is_empty(h)).map(|health| health.member.id).collect();
    if !used.is_empty() {
        return Choice::Wait(Waiting::NewCatalogOldReplicas(used));
    }
    propose(Revision(0), answers.values().collect(), Vec::new())
        .unwrap_or(Choice::Wait(Waiting::FirstStart(configured.to_vec())))
}

fn is_empty(health: &Health) -> bool {
    health.last == Position::ORIGIN && health.promise == Epoch(0) && health.cluster.is_none()
}

fn may_lead(view: &View, health: &Health) -> bool {
    view.has_in_sync(&health.member) || broken(Mutant::ElectOutsideInSync)
}

/// What in-sync members know to be committed.
fn committed(view: &View, answers: &BTreeMap<ReplicaId, Health>) -> OrderNumber {
    let in_sync = answers.values().filter(|health| may_lead(view, health));
    in_sync.map(|health| health.commit).max().unwrap_or_default()
}

/// Whoever lacks what others knew to be committed was rolled back.
fn choose_next(
    view: &View,
    answers: &BTreeMap<ReplicaId, Health>,
    committed: OrderNumber,
) -> Choice {
    let whole =
        |health: &&Health| health.last.number >= committed || broken(Mutant::ElectOutsideInSync);
    let in_sync = answers.values().filter(|health| may_lead(view, health));
    let (whole, unfit): (Vec<_>, Vec<_>) = in_sync.partition(whole);
    let unfit = unfit.iter().map(|health| health.member.id).collect();
    propose(view.revision, whole, unfit)
        .unwrap_or(Choice::Wait(Waiting::InSync(view.in_sync_ids())))
}

/// The highest id leads; one that is stuck only when there is no other.
fn propose(revision: Revision, candidates: Vec<&Health>, unfit: Vec<ReplicaId>) -> Option<Choice> {
    let leader = candidates.iter().max_by_key(|health| (!health.stuck, health.member.id))?.member;
    let in_sync = candidates.iter().map(|health| health.member).collect();
    Some(Choice::Propose(Proposal { revision, leader, in_sync, unfit }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Incarnation, StoreId};

    fn health(id: u8) -> Health {
        Health {
            member: Member {
                id: ReplicaId(id),
                store: StoreId(u128::from(id)),
                incarnation: Incarnation(1),
            },
            cluster: None,
            promise: Epoch(0),
            mark: Epoch(0),
            last: Position::ORIGIN,
            commit: OrderNumber::ZERO,
            role: RoleName::CatchingUp,
            stuck: false,
            view: None,
        }
    }

    fn answers(healths: &[Health]) -> BTreeMap<ReplicaId, Health> {
        healths.iter().map(|health| (health.member.id, health.clone())).collect()
    }

    fn leader(choice: Choice) -> u8 {
        match choice {
            Choice::Propose(proposal) => proposal.leader.id.0,
            Choice::Wait(waiting) => panic!("{waiting}"),
        }
    }

    const ALL: [ReplicaId; 3] = [ReplicaId(1), ReplicaId(2), ReplicaId(3)];

    #[test]
    fn the_first_view_needs_all_replicas_and_all_empty() {
        let some = answers(&[health(1), health(3)]);
        let waiting = Choice::Wait(Waiting::FirstStart(vec![ReplicaId(2)]));
        assert_eq!(choose(None, &ALL, &some), waiting);
        let used = Health { promise: Epoch(1), ..health(2) };
        let waiting = Choice::Wait(Waiting::NewCatalogOldReplicas(vec![ReplicaId(2)]));
        assert_eq!(choose(None, &ALL, &answers(&[health(1), used, health(3)])), waiting);
        assert_eq!(leader(choose(None, &ALL, &answers(&[health(1), health(2), health(3)]))), 3);
    }

    #[test]
    fn the_highest_responsive_in_sync_id_is_proposed() {
        let view = View {
            cluster: ClusterId(1),
            epoch: Epoch(1),
            revision: Revision(1),
            leader: health(2).member,
            in_sync: vec![health(1).member, health(2).member],
        };
        let all = answers(&[health(1), health(2), health(3)]);
        assert_eq!(leader(choose(Some(&view), &ALL, &all)), 2);
        let stuck = Health { stuck: true, ..health(2) };
        assert_eq!(leader(choose(Some(&view), &ALL, &answers(&[health(1), stuck.clone()]))), 1);
        assert_eq!(leader(choose(Some(&view), &ALL, &answers(&[stuck]))), 2);
        let ahead = Health {
            commit: OrderNumber(1),
            last: Position { number: OrderNumber(1), ..Position::ORIGIN },
            ..health(1)
        };
        let choice = choose(Some(&view), &ALL, &answers(&[ahead, health(2)]));
        let Choice::Propose(proposal) = &choice else { panic!("{choice:?}") };
        let elected = view.elect(proposal).unwrap();
        assert_eq!((elected.leader, elected.in_sync), (health(1).member, vec![health(1).member]));
        let waiting = Choice::Wait(Waiting::InSync(vec![ReplicaId(1), ReplicaId(2)]));
        assert_eq!(choose(Some(&view), &ALL, &answers(&[health(3)])), waiting);
    }

    #[test]
    fn an_answer_of_a_later_moment_makes_nobody_unfit() {
        let view = View {
            cluster: ClusterId(1),
            epoch: Epoch(1),
            revision: Revision(1),
            leader: health(3).member,
            in_sync: vec![health(1).member, health(2).member, health(3).member],
        };
        let at = |id, number| Health {
            commit: OrderNumber(number),
            last: Position { number: OrderNumber(number), ..Position::ORIGIN },
            ..health(id)
        };
        let early = answers(&[at(1, 8), at(2, 11)]);
        let Choice::Propose(first) = choose(Some(&view), &ALL, &early) else { panic!() };
        assert_eq!(first.unfit, [ReplicaId(1)]);
        let again =
            |number| match choose_again(&view, &early, &first.unfit, answers(&[at(1, number)])) {
                Choice::Propose(proposal) => proposal.unfit,
                Choice::Wait(waiting) => panic!("{waiting}"),
            };
        assert_eq!(again(14), [], "what it knows now, the other could not know then");
        assert_eq!(again(10), [ReplicaId(1)], "it lost an order");
    }
}
