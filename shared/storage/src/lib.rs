//! The bytes on disk. The only crate that names sled.
//!
//! | file | holds |
//! |---|---|
//! | [`folder`] | a database's folder: created once, opened after, never one for the other |
//! | [`claim`] | a folder in which one process makes something, and no other |
//! | [`format`](mod@format) | what a folder says of itself |
//! | [`disk`] | what "durable" means: flush, then fdatasync |
//! | [`mark`] | the synced high-water mark that shows a rolled-back database |
//! | [`schema`] | trees, keys and records |
//! | [`orders`] | an order replica's database |
//! | [`keys`] | which order has an idempotency key: in memory, made of the log |
//! | [`writer`] | the one thread that writes and syncs it |
//! | [`catalog`] | the catalog's database |
//! | [`verify`] | whether a log is sound |
//! | [`salvage`] | reading a database that may be damaged, row by row |
//! | [`space`] | refusing work before the disk is full |

pub mod catalog;
pub mod claim;
pub mod disk;
pub mod folder;
pub mod format;
pub mod keys;
pub mod mark;
pub mod orders;
pub mod salvage;
pub mod schema;
pub mod space;
pub mod verify;
pub mod writer;

pub use catalog::CatalogStore;
pub use folder::{Kind, StorageError};
pub use orders::{OrderReader, OrderStore};
pub use writer::OrderWriter;
