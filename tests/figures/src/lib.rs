//! What programs that measure the store share.
//!
//! | file | holds |
//! |---|---|
//! | [`machine`] | what was measured on, and of which source |
//! | [`interrupt`] | Ctrl-C and SIGTERM: everything that was started ends |
//! | [`spread`] | several measurements as one figure, and figures for people |
//! | [`table`] | tables in Markdown |
//! | [`plot`] | plots as SVG |

pub mod interrupt;
pub mod machine;
pub mod plot;
pub mod spread;
pub mod table;
