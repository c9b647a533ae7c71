//! Cache coherence: what keeps cached products linearizable.
//!
//! Leases after Gray and Cheriton (1989), invalidations in Chubby's order (Burrows, 2006): the
//! catalog tells every lease holder that may keep it, and has every answer or has waited out the lease, before a
//! change becomes visible. Clocks: milliseconds of CLOCK_BOOTTIME, given by the caller; only a
//! bounded drift between two machines' clocks is assumed, never a common time.
//!
//! | file | rule |
//! |---|---|
//! | [`messages`] | what a front end and the catalog say to each other about products |
//! | [`grants`] | the catalog's side: who holds a lease, and when a change may be made |
//! | [`interest`] | who may keep what: only they are told of a change |
//! | [`lease`] | the front end's side: until when its cache may answer |
//! | [`visibility`] | a change under way: the old value shows, and may not be cached |

pub mod grants;
pub mod interest;
pub mod lease;
pub mod messages;
pub mod visibility;

pub use grants::{Grants, Holder};
pub use lease::{Lease, Renewal};
pub use messages::SessionId;
pub use visibility::Visibility;
