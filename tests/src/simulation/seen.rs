//! What happened in a run: a run in which nothing happened proves nothing.

use std::ops::AddAssign;

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// How often each interesting thing happened.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Seen {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl AddAssign for Seen {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }

        impl Seen {
            /// Every count with its name, in their order.
            #[must_use]
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

counts! {
    /// Orders acknowledged.
    acknowledged,
    /// Calls that brought a leader several orders.
    together,
    /// Orders acknowledged while one replica was alone.
    alone,
    /// Keys acknowledged again.
    repeated,
    /// Attempts that were told that nothing was and will be done.
    refused,
    /// Attempts whose outcome nobody was told.
    unknown,
    /// Orders found.
    found,
    /// Orders proven not to exist.
    not_found,
    /// Pages of orders.
    listed,
    /// Lists of all products.
    listed_products,
    /// Customers who hung up before they were answered.
    hung_up,
    /// Products answered from a cache.
    cache_hits,
    /// Products answered by the catalog.
    cache_misses,
    /// Invalidations that a front end answered.
    invalidations,
    /// Leaders chosen.
    leaders,
    /// Orders cut off a log's tail.
    truncated,
    /// Reservations cancelled.
    cancelled,
    /// Changes of the in-sync set within an epoch.
    membership,
    /// Replicas that came back into the in-sync set.
    rejoined,
    /// Products restocked.
    restocked,
    /// Products changed by an administrator.
    adjusted,
    /// Crashes of replicas.
    crashes,
    /// Crashes between two acts of one process.
    crashes_at_an_act,
    /// Writes of which a crash left only some orders.
    torn,
    /// Writes that failed, with the process.
    failed_writes,
    /// Crashes of the catalog.
    catalog_crashes,
    /// Crashes of front ends.
    front_end_crashes,
    /// Disks lost.
    wipes,
    /// Processes stopped for a while.
    pauses,
    /// Disks stuck for a while.
    stuck_disks,
    /// One-way cuts of the network.
    cuts,
    /// Messages lost.
    lost,
    /// Messages delivered twice.
    doubled,
    /// Connections that broke while a call was on its way.
    broken,
    /// Processes struck in the middle of a change of leaders or members.
    struck,
    /// Partitions of the network in two.
    partitions,
    /// Messages that came after their sender had given up.
    late,
    /// Replicas that were not healed while orders had to be placed.
    away,
    /// Calls that went to the leader through a follower.
    forwarded,
    /// Disks without room for more.
    full,
}
