//! The description of the public API, `openapi.json`.

use crate::file::File;

/// The document; every public route is in it, which the tests of the API hold against each reply.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// The document as it is served.
#[must_use]
pub fn document() -> File {
    File::new("application/json", OPENAPI.as_bytes(), &[])
}
