//! How far the search goes. Everything that could go on without end is counted and bounded.

use std::fmt;

/// Bounds of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Different orders, each of one piece.
    pub orders: usize,
    /// Each order is also placed by the next front end, under the same key.
    pub shared: bool,
    /// Copies of an order that a front end sends.
    pub copies: u8,
    /// Pieces in stock.
    pub stock: u64,
    /// Front ends.
    pub front_ends: usize,
    /// Leaders chosen after the first.
    pub leaders: u64,
    /// Crashes of replicas.
    pub crashes: u8,
    /// Calls, answers or copies of orders that get lost or late, questions that are not answered.
    pub lost: u8,
    /// Messages delivered twice.
    pub doubled: u8,
    /// Ticks of replicas.
    pub ticks: u8,
    /// Look-ups of the first order.
    pub looks: u8,
    /// Restocks of the product when it is sold out.
    pub restocks: u8,
    /// Replicas that must be in sync before an order is acknowledged.
    pub min_in_sync: usize,
    /// Begin before the first view, not with a leader that serves.
    pub fresh: bool,
}

impl Bounds {
    /// One order and no fault.
    pub const SMALLEST: Self = Self {
        orders: 1,
        shared: false,
        copies: 1,
        stock: 5,
        front_ends: 1,
        leaders: 0,
        crashes: 0,
        lost: 0,
        doubled: 0,
        ticks: 0,
        looks: 0,
        restocks: 0,
        min_in_sync: 1,
        fresh: false,
    };
}

/// What was used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spent {
    /// Crashes of replicas.
    pub crashes: u8,
    /// Losses.
    pub lost: u8,
    /// Messages doubled.
    pub doubled: u8,
    /// Ticks.
    pub ticks: u8,
    /// Look-ups.
    pub looks: u8,
    /// Restocks.
    pub restocks: u8,
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { orders, copies, stock, front_ends, leaders, crashes, .. } = self;
        let Self { lost, doubled, ticks, looks, restocks, min_in_sync, .. } = self;
        write!(f, "orders {orders}, copies {copies}, stock {stock}, front ends {front_ends}")?;
        write!(f, ", leaders {leaders}, crashes {crashes}, lost {lost}, doubled {doubled}")?;
        write!(
            f,
            ", ticks {ticks}, look-ups {looks}, restocks {restocks}, demanded in sync {min_in_sync}"
        )?;
        f.write_str(if self.shared { ", shared keys" } else { "" })?;
        f.write_str(if self.fresh { ", from empty disks" } else { "" })
    }
}
