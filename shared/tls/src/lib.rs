//! TLS for the store's processes: which files, what is wrong with them, and what rustls is told.
//! Only TLS 1.3 is spoken, with one provider of cryptography.
//!
//! | file | rule |
//! |---|---|
//! | [`files`] | the options that name certificate, key and authorities |
//! | `pem` | reading what they name |
//! | [`identity`] | a certificate and its key, and whether anybody would believe them |
//! | [`sides`] | what a listening and a calling process are told |
//! | [`doubt`] | whether a call failed over a certificate |
//! | [`problem`] | everything that can be wrong |

pub mod doubt;
pub mod files;
pub mod identity;
mod pem;
pub mod problem;
pub mod sides;

pub use doubt::is_doubt;
pub use files::{CaFile, TlsFiles};
pub use problem::TlsError;
pub use sides::{Callers, Tls, nobody};
