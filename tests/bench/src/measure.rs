//! What scenarios share.

pub mod disk;
pub mod fill;
pub mod load;
pub mod looking;
pub mod sled;
pub mod usage;

pub use toystore_figures::{spread, table};
