//! The view: who leads and who acknowledges, and the only ways in which it may change.
//!
//! Durable at the catalog. Every change is a compare-and-swap on `revision`; `epoch` grows with
//! every start of a leader. These functions are the whole rule; the catalog runs them inside a
//! transaction.

use serde::{Deserialize, Serialize};
use toystore_mutants::{Mutant, broken};

use crate::{ClusterId, Epoch, Member, ReplicaId, Revision};

/// Who leads and who acknowledges each order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct View {
    /// Whose view it is.
    pub cluster: ClusterId,
    /// Grows with every start of a leader.
    pub epoch: Epoch,
    /// Grows with every change.
    pub revision: Revision,
    /// Who leads in this epoch: this very process, not a later one of the same replica.
    pub leader: Member,
    /// Who acknowledges each order, the leader among them; ordered by id, one for each id.
    pub in_sync: Vec<Member>,
}

/// A front end's proposal of a new leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Proposal {
    /// The revision that the proposer saw; 0 when there is no view yet.
    pub revision: Revision,
    /// Who should lead.
    pub leader: Member,
    /// Which members of the in-sync set the proposer heard and may lead, the leader among them.
    pub in_sync: Vec<Member>,
    /// Which members it heard and found unfit: they lack what others know to be committed.
    pub unfit: Vec<ReplicaId>,
}

/// A leader's change of the in-sync set within its epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemberChange {
    /// The leader's epoch.
    pub epoch: Epoch,
    /// The revision that the leader saw.
    pub revision: Revision,
    /// The leader.
    pub leader: Member,
    /// Who is to acknowledge, the leader among them.
    pub in_sync: Vec<Member>,
}

/// Why a change of the view was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ViewRefusal {
    /// Somebody else changed the view first.
    #[error("the view has changed meanwhile")]
    Superseded,
    /// The proposed set names a member twice or leaves out the leader.
    #[error("the proposed set is not a set with its leader in it")]
    Malformed,
    /// A proposed member is not in the in-sync set and may miss acknowledged orders.
    #[error("a proposed member is not in sync")]
    NotInSync,
    /// The change comes from a leader of another epoch, or from nobody's leader.
    #[error("not the leader of this epoch")]
    NotLeader,
}

impl View {
    /// The very first view.
    ///
    /// # Errors
    /// [`ViewRefusal::Superseded`] when the proposer saw a view that is not there.
    pub fn first(cluster: ClusterId, proposal: &Proposal) -> Result<Self, ViewRefusal> {
        if proposal.revision != Revision(0) {
            return Err(ViewRefusal::Superseded);
        }
        let in_sync = as_set(&proposal.in_sync, &proposal.leader)?;
        Ok(Self {
            cluster,
            epoch: Epoch(1),
            revision: Revision(1),
            leader: proposal.leader,
            in_sync,
        })
    }

    /// A new leader out of the in-sync set, in a new epoch.
    ///
    /// The deposed leader leaves the set unless the proposer heard it, and so does whom the
    /// proposer found unfit. All others stay, heard or
    /// not: a proposer that sees little of the network must not make one replica the only one that
    /// may lead. The new leader removes by itself whom it does not reach.
    ///
    /// # Errors
    /// Says which rule the proposal breaks; the view stays as it is.
    pub fn elect(&self, proposal: &Proposal) -> Result<Self, ViewRefusal> {
        if proposal.revision != self.revision {
            return Err(ViewRefusal::Superseded);
        }
        let in_sync = as_set(&proposal.in_sync, &proposal.leader)?;
        // An earlier process than the one in the view means a database that was rolled back.
        let known = |member: &Member| {
            let mut same = self.in_sync.iter().filter(|m| m.same_store(member));
            same.any(|m| m.incarnation <= member.incarnation)
        };
        if !in_sync.iter().all(known) && !broken(Mutant::ElectOutsideInSync) {
            return Err(ViewRefusal::NotInSync);
        }
        Ok(self.start_epoch(proposal.leader, self.with_unheard(in_sync, &proposal.unfit)))
    }

    fn with_unheard(&self, heard: Vec<Member>, unfit: &[ReplicaId]) -> Vec<Member> {
        let mut in_sync = heard;
        let stays = |member: &&Member| member.id != self.leader.id && !unfit.contains(&member.id);
        for member in self.in_sync.iter().filter(stays) {
            if !in_sync.iter().any(|known| known.id == member.id) {
                in_sync.push(*member);
            }
        }
        in_sync.sort_unstable();
        in_sync
    }

    /// Another in-sync set under the same leader, in the same epoch.
    ///
    /// # Errors
    /// Says which rule the change breaks; the view stays as it is.
    pub fn change(&self, change: &MemberChange) -> Result<Self, ViewRefusal> {
        if change.epoch != self.epoch || change.leader != self.leader {
            return Err(ViewRefusal::NotLeader);
        }
        if change.revision != self.revision {
            return Err(ViewRefusal::Superseded);
        }
        let in_sync = as_set(&change.in_sync, &change.leader)?;
        Ok(Self { revision: self.revision.next(), in_sync, ..self.clone() })
    }

    /// An operator's unclean choice: `leader` leads alone, whatever it misses.
    #[must_use]
    pub fn force(&self, leader: Member) -> Self {
        self.start_epoch(leader, vec![leader])
    }

    /// The member of the in-sync set that is `member`'s replica on `member`'s database.
    #[must_use]
    pub fn has_in_sync(&self, member: &Member) -> bool {
        self.in_sync.iter().any(|m| m.same_store(member))
    }

    /// The in-sync replicas' ids.
    #[must_use]
    pub fn in_sync_ids(&self) -> Vec<ReplicaId> {
        self.in_sync.iter().map(|m| m.id).collect()
    }

    /// Whether this view is later than `other`.
    #[must_use]
    pub fn is_later_than(&self, other: &Self) -> bool {
        (self.epoch, self.revision) > (other.epoch, other.revision)
    }

    fn start_epoch(&self, leader: Member, in_sync: Vec<Member>) -> Self {
        let again = leader.id == self.leader.id && broken(Mutant::SameEpochAfterRestart);
        Self {
            cluster: self.cluster,
            epoch: if again { self.epoch } else { self.epoch.next() },
            revision: self.revision.next(),
            leader,
            in_sync,
        }
    }
}

fn as_set(members: &[Member], leader: &Member) -> Result<Vec<Member>, ViewRefusal> {
    let mut set = members.to_vec();
    set.sort_unstable();
    let twice = set.windows(2).any(|pair| pair[0].id == pair[1].id);
    if twice || !set.contains(leader) { Err(ViewRefusal::Malformed) } else { Ok(set) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Incarnation, StoreId};

    fn member(id: u8) -> Member {
        Member { id: ReplicaId(id), store: StoreId(u128::from(id)), incarnation: Incarnation(1) }
    }

    fn view(leader: u8, in_sync: &[u8]) -> View {
        View {
            cluster: ClusterId(7),
            epoch: Epoch(3),
            revision: Revision(9),
            leader: member(leader),
            in_sync: in_sync.iter().map(|id| member(*id)).collect(),
        }
    }

    fn proposal(revision: u64, leader: Member, in_sync: &[Member]) -> Proposal {
        Proposal {
            revision: Revision(revision),
            leader,
            in_sync: in_sync.to_vec(),
            unfit: Vec::new(),
        }
    }

    #[test]
    fn only_one_of_two_proposals_wins() {
        let view = view(3, &[1, 2, 3]);
        let next = view.elect(&proposal(9, member(2), &[member(1), member(2)])).unwrap();
        assert_eq!((next.epoch, next.revision), (Epoch(4), Revision(10)));
        let late = proposal(9, member(1), &[member(1)]);
        assert_eq!(next.elect(&late), Err(ViewRefusal::Superseded));
    }

    #[test]
    fn a_choice_drops_nobody_but_the_deposed_leader() {
        let view = view(3, &[1, 2, 3]);
        let seen_by_one = view.elect(&proposal(9, member(2), &[member(2)])).unwrap();
        assert_eq!(seen_by_one.in_sync, vec![member(1), member(2)]);
        let restarted = Member { incarnation: Incarnation(2), ..member(3) };
        let again = view.elect(&proposal(9, restarted, &[restarted])).unwrap();
        assert_eq!(again.in_sync, vec![member(1), member(2), restarted]);
    }

    #[test]
    fn nobody_outside_the_in_sync_set_is_elected() {
        let view = view(3, &[2, 3]);
        let outside = proposal(9, member(1), &[member(1), member(2)]);
        assert_eq!(view.elect(&outside), Err(ViewRefusal::NotInSync));
        let wiped = Member { store: StoreId(99), ..member(2) };
        assert_eq!(view.elect(&proposal(9, wiped, &[wiped])), Err(ViewRefusal::NotInSync));
        let rolled_back = Member { incarnation: Incarnation(0), ..member(2) };
        let proposed = proposal(9, rolled_back, &[rolled_back]);
        assert_eq!(view.elect(&proposed), Err(ViewRefusal::NotInSync));
        let restarted = Member { incarnation: Incarnation(2), ..member(2) };
        assert!(view.elect(&proposal(9, restarted, &[restarted])).is_ok());
    }

    #[test]
    fn only_the_leader_of_the_epoch_changes_members() {
        let view = view(3, &[2, 3]);
        let change = MemberChange {
            epoch: Epoch(3),
            revision: Revision(9),
            leader: member(3),
            in_sync: vec![member(3)],
        };
        assert_eq!(view.change(&change).map(|v| v.in_sync), Ok(vec![member(3)]));
        let earlier = MemberChange { epoch: Epoch(2), ..change.clone() };
        assert_eq!(view.change(&earlier), Err(ViewRefusal::NotLeader));
        let restarted = Member { incarnation: Incarnation(2), ..member(3) };
        let other = MemberChange { leader: restarted, ..change.clone() };
        assert_eq!(view.change(&other), Err(ViewRefusal::NotLeader));
        let without_leader = MemberChange { in_sync: vec![member(2)], ..change };
        assert_eq!(view.change(&without_leader), Err(ViewRefusal::Malformed));
    }
}
