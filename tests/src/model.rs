//! Model checking of the replication protocol: every order of events, within bounds, over the
//! very core, catalog rules and choice of a leader that the services run.
//!
//! | file | holds |
//! |---|---|
//! | [`bounds`] | how far the search goes |
//! | [`configurations`] | the searches, by name |
//! | [`state`] | the whole store at one instant |
//! | [`actions`] | what may happen next |
//! | [`happen`], [`steps`], [`choosing`], [`faults`] | how it changes the state |
//! | [`node`], [`disk`], [`wire`], [`catalog`], [`front_ends`], [`told`] | the parts of the state |
//! | [`rest`] | what comes of a state without further faults |
//! | [`properties`] | the invariants |
//! | [`checker`] | the model and its properties, as the checker wants them |
//! | [`search`] | a search, and what it found |
//! | [`shared`] | parts that many states share |
//! | `show` | steps in words |

pub mod actions;
pub mod bounds;
pub mod catalog;
pub mod checker;
pub mod choosing;
pub mod configurations;
pub mod disk;
pub mod faults;
pub mod front_ends;
pub mod happen;
pub mod node;
pub mod properties;
pub mod rest;
pub mod search;
pub mod shared;
mod show;
pub mod state;
pub mod steps;
pub mod told;
pub mod wire;
