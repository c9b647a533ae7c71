//! What scenarios share.

pub mod disk;
pub mod fill;
pub mod load;
pub mod looking;
pub mod sled;
pub mod spread;
pub mod table;
pub mod usage;
