//! The catalog: products, prices, stock, and the view of the order replicas.
//!
//! | file | holds |
//! |---|---|
//! | [`options`] | the command line |
//! | [`seed`] | reading the first products from a CSV file |
//! | [`writer`] | the one loop that runs transactions: hide, tell, save, show, answer |
//! | [`fail_points`] | the moments of a transaction at which the process can be told to die |
//! | [`invalidation`] | telling every lease holder, or waiting its lease out |
//! | [`election`] | asking the present leader before it is deposed |
//! | [`shelf`] | look-ups beside the writer |
//! | [`restock`] | filling up what is sold out |
//! | [`metrics`] | what is counted and shown beside the usual |
//! | [`survey`] | sums over all products, for the metrics |
//! | [`restocking`] | how that goes, for people |
//! | [`desk`] | what it answers to other processes |
//! | [`readiness`] | what it needs for all its work |
//! | [`routes`] | which request goes where, over HTTP |
//! | [`run()`] | opening the database, serving, ending |
//! | [`operator`] | the unclean choice |
//! | [`recover`] | rebuilding a lost catalog from the replicas |

pub mod desk;
pub mod election;
pub mod fail_points;
pub mod invalidation;
pub mod metrics;
pub mod operator;
pub mod options;
pub mod readiness;
pub mod recover;
pub mod restock;
pub mod restocking;
pub mod routes;
pub mod run;
pub mod seed;
pub mod shelf;
pub mod survey;
pub mod writer;

pub use options::Options;
pub use run::{CatalogError, run};
