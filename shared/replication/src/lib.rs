//! The replication protocol as a pure state machine: no runtime, disk, clock or randomness.
//!
//! Primary-backup with an outside configuration authority, after PacificA (Lin et al., 2008),
//! Vertical Paxos (Lamport et al., 2009) and Kafka's in-sync replicas (KIP-101, KIP-497, KIP-966).
//! `docs/protocol.md` gives the argument; each rule is in the file that bears its name.
//!
//! | file | rule |
//! |---|---|
//! | [`ids`] | epochs, revisions, members: every number is a type |
//! | [`view`] | how the view may change: the authority's compare-and-swap |
//! | [`choice`] | who should lead: the front end's proposal |
//! | [`entry`] | one order in the log, and the hash chain |
//! | [`log`] | the log: what is stored, what is still in memory |
//! | [`messages`] | what replicas, catalog and front ends say to each other |
//! | [`effects`] | what a step wants done, in its fixed order |
//! | [`replica`] | the dispatch: one handler for each event |
//! | `follower` | accepting appends, promising epochs, truncating a stale tail |
//! | `catch_up` | coming back: pages above the last own entry, then joining |
//! | `leader` | the leader's state and its replies |
//! | `take_over` | from an epoch granted to serving |
//! | `ordering` | admitting, reserving, numbering, recording and settling orders |
//! | `replicating` | sending the log to followers, and when an order counts |
//! | `membership` | removing a late follower, adding one that has caught up |
//! | `reading` | committed orders, and the proof behind "not found" |
//! | `renumber` | equal states made recognisable, for model checking |

mod catch_up;
pub mod choice;
pub mod effects;
pub mod entry;
mod follower;
pub mod ids;
mod leader;
pub mod log;
mod membership;
pub mod messages;
mod ordering;
mod reading;
mod renumber;
pub mod replica;
mod replicating;
mod stuck;
mod take_over;
pub mod view;

pub use effects::{Edge, Effects, Notice, Write};
pub use entry::{Chain, Entry, Position};
pub use ids::{
    Attempt, CallId, ClusterId, Epoch, Incarnation, Member, ReplicaId, Revision, Sequence, StoreId,
    Ticket, WriteId,
};
pub use log::{Log, Stored};
pub use replica::{Event, Fatal, Replica, Request, Saved, Settings};
pub use view::View;
