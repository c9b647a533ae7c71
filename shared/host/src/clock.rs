//! The one clock that leases are measured by.

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds since the machine booted, suspended time included.
///
/// `CLOCK_BOOTTIME` never jumps, as wall time does, and goes on while the machine sleeps, unlike
/// `CLOCK_MONOTONIC`: a lease must not survive a nap.
#[must_use]
pub fn boot_millis() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds * 1000 + nanos / 1_000_000
}
