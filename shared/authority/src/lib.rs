//! The catalog's rules over one narrow transactional interface.
//!
//! The rules know neither how rows are stored nor how many processes serve them: everything they
//! need is the trait [`database::Transaction`]. The caller runs any number of commands in one
//! transaction, makes it durable, and only then lets the answers go.
//!
//! | file | rule |
//! |---|---|
//! | [`database`] | the interface: typed rows, read and written in a transaction |
//! | [`commands`] | everything that can be asked of the catalog in a transaction |
//! | [`transact`] | a leader's transaction: fenced, run once, answered item by item |
//! | [`reservations`] | reserve, record, settle, cancel |
//! | [`products`] | an administrator's change; restocking what is sold out |
//! | [`views`] | changes of the view |
//! | [`messages`] | proposals, exports and the operator's commands |
//! | [`memory`] | the database in memory, for tests and simulation |

pub mod commands;
pub mod database;
pub mod memory;
pub mod messages;
pub mod products;
pub mod reservations;
pub mod transact;
pub mod views;

pub use commands::{Command, Outcome, execute};
pub use database::{Database, Failed, Fence, Restocked, Transaction};
