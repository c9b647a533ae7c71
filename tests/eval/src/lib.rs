//! Evaluates the store: how fast it is, what its cache brings, what crashes do.
//!
//! | file | holds |
//! |---|---|
//! | [`options`] | the command line |
//! | [`sizes`] | how much is measured, and for how long at most |
//! | [`study`] | what the parts share: chance, progress, time |
//! | [`shop`] | a store that sells the usual toys, at some distance |
//! | [`distance`], [`relay`] | delays that stand in for distance |
//! | [`customers`] | customers who shop, with the time of each request |
//! | [`latency`] | times summed up |
//! | [`estimate`] | means of repeats, their intervals, and what differences show |
//! | [`parts`] | the load, the sweep over probabilities, and what is kept of each part |
//! | [`crashes`] | what crashes do |
//! | [`run`](mod@run) | measuring what is asked for |
//! | [`report`] | the report, out of what was kept |
//! | [`figure`] | figures for people |

pub mod crashes;
pub mod customers;
pub mod distance;
pub mod estimate;
pub mod figure;
pub mod latency;
pub mod options;
pub mod parts;
pub mod relay;
pub mod report;
pub mod run;
pub mod shop;
pub mod sizes;
pub mod study;

pub use options::Options;
pub use run::run;
