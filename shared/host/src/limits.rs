//! Every timeout, cap and queue length of the store, with its unit, and how they depend on each
//! other. A relation that does not hold does not compile.

use std::time::Duration;

// ---- Requests of customers ------------------------------------------------------------------

/// A public request is answered within this time after its body arrived.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
/// Largest public body.
pub const MAX_BODY_BYTES: usize = 16 << 10;
/// A request that takes longer has a line in the log.
pub const SLOW_REQUEST: Duration = Duration::from_millis(500);
/// Products or orders on a page when the request does not say.
pub const PAGE_LIMIT_DEFAULT: usize = 100;
/// Products or orders on a page at most.
pub const PAGE_LIMIT_MAX: usize = 1000;
/// Products that a front end caches.
pub const CACHE_CAPACITY: usize = 10_000;

// ---- Connections ----------------------------------------------------------------------------

/// Header lines of one request.
pub const MAX_HEADERS: usize = 64;
/// Request line and headers of one request.
pub const MAX_HEADER_BYTES: usize = 16 << 10;
/// The address in the request line.
pub const MAX_URI_BYTES: usize = 8 << 10;
/// From the start of a connection until both sides have agreed on keys.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte of a request to the end of its headers.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(5);
/// From the end of the headers to the end of the body.
pub const BODY_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may let an answer lie.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may lie idle between requests.
pub const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(30);
/// How long a refused client may go on sending, so that it comes to read its answer.
pub const LINGER: Duration = Duration::from_secs(1);
/// Connections that may wait to be accepted; the system may allow fewer. One more gets no answer,
/// and its client tries again only after a second.
pub const LISTEN_BACKLOG: u16 = 4096;
/// Open connections of one process; one more is told to come back later.
pub const MAX_CONNECTIONS: usize = 10_000;
/// Connections above the cap that are told so at the same time; more are just closed.
pub const MAX_TURNED_AWAY: usize = 128;
/// Requests that one process works on at the same time.
pub const MAX_REQUESTS_UNDER_WAY: usize = 4096;
/// Pause in accepting when the process has no file descriptor left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Between two looks at the free space of a database's disk.
pub const DISK_CHECK: Duration = Duration::from_secs(1);
/// From the wish to stop until requests under way are dropped.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// After that, how long the process waits for work on blocking threads.
pub const BLOCKING_GRACE: Duration = Duration::from_secs(2);
/// What the read buffer of a connection grows to.
pub const CONNECTION_BUFFER_BYTES: usize = 64 << 10;

// ---- Calls between processes ----------------------------------------------------------------

/// Until a connection to another process stands.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);
/// An ordinary call, connecting included.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(1);
/// A follower that is slower than this leaves the in-sync set.
pub const APPEND_TIMEOUT: Duration = Duration::from_millis(500);
/// A call to the catalog, which may have to wait out one lease.
pub const CATALOG_CALL_TIMEOUT: Duration = Duration::from_millis(2500);
/// "Are you there?"
pub const HEALTH_TIMEOUT: Duration = Duration::from_millis(200);
/// Between two signs of life of a leader.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(100);
/// The catalog's patience with a leader that someone wants deposed and that is silent.
pub const PROBE_TIMEOUT: Duration = Duration::from_millis(300);
/// Between two looks at the clock of a protocol core.
pub const TICK: Duration = Duration::from_millis(50);
/// Largest internal body.
pub const MAX_INTERNAL_BODY_BYTES: usize = 8 << 20;
/// How long a caller keeps an idle connection.
pub const CLIENT_POOL_IDLE: Duration = Duration::from_secs(15);

// ---- Replication ----------------------------------------------------------------------------

/// Orders in one transaction at the catalog.
pub const ORDER_BATCH: usize = 512;
/// Calls with orders that a front end has under way to a leader, as long as they are answered
/// quickly: what comes meanwhile goes with the next, many orders in one.
pub const CALLS_UNDER_WAY: usize = 2;
/// Orders that must wait for a second call to be worth what it costs.
pub const CROWD: usize = 16;
/// A call with orders that takes longer holds others up no longer.
pub const SLOW_CALL: Duration = Duration::from_millis(50);
/// Entries in one append, or in one page for a replica that catches up.
pub const APPEND_PAGE: usize = 1000;
/// Of its time, a replica that catches up works so many percent.
pub const CATCH_UP_SHARE: u32 = 40;
/// Its longest rest between two pages.
pub const CATCH_UP_REST_MAX: Duration = Duration::from_millis(20);
/// A follower that heard nothing for so many ticks asks the catalog who leads.
pub const SILENCE_TICKS: u32 = 10;
/// A leader that got nothing done for so many ticks, with work waiting, says that it is stuck.
pub const STUCK_TICKS: u32 = 40;

// ---- Retries --------------------------------------------------------------------------------

/// Longest pause before the first retry; it doubles with each further one.
pub const RETRY_FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause between two tries.
pub const RETRY_MAX_PAUSE: Duration = Duration::from_millis(500);
/// One retry is earned by this many first tries: retries are at most a fifth of the load.
pub const RETRY_EARNED_BY: u32 = 5;
/// Retries that can be saved up for a bad moment.
pub const RETRY_BURST: u32 = 50;

// ---- Leases and restock ---------------------------------------------------------------------

/// How long a front end may answer from its cache without hearing from the catalog.
pub const LEASE: Duration = Duration::from_millis(1000);
/// The longest lease that a catalog may be told to grant.
pub const LEASE_MAX: Duration = Duration::from_millis(1500);
/// Taken off a lease by its holder, because two clocks never run alike.
pub const LEASE_DRIFT_ALLOWANCE: Duration = Duration::from_millis(20);
/// Between two rounds of filling up sold-out toys.
pub const RESTOCK_INTERVAL: Duration = Duration::from_secs(10);

/// A front end that has not answered an invalidation by then loses its lease.
pub const INVALIDATE_TIMEOUT: Duration = Duration::from_millis(250);
/// Products that the catalog counts for each front end that may keep them; who keeps more is told
/// of every change. As a front end does not say what it drops, more than it can hold.
pub const MAX_PRODUCTS_COUNTED: usize = 2 * CACHE_CAPACITY;
/// Commands in one transaction of the catalog.
pub const CATALOG_BATCH: usize = 64;
/// Products restocked in one transaction.
pub const RESTOCK_BATCH: usize = 100;

// ---- Relations ------------------------------------------------------------------------------

const fn less(a: Duration, b: Duration) -> bool {
    a.as_nanos() < b.as_nanos()
}

// A caller gives a connection up before the server does, else it sends into a closing one.
const _: () = assert!(less(CLIENT_POOL_IDLE, KEEP_ALIVE_IDLE));
const _: () = assert!(less(HEADER_READ_TIMEOUT, KEEP_ALIVE_IDLE));
// A client that says nothing holds its place no longer where TLS is spoken.
const _: () = assert!(less(HANDSHAKE_TIMEOUT, KEEP_ALIVE_IDLE));
// Any frame fits into an internal body.
const _: () = assert!(
    toystore_codec::MAX_PAYLOAD_BYTES + toystore_codec::HEADER_BYTES <= MAX_INTERNAL_BODY_BYTES
);
const _: () = assert!(MAX_BODY_BYTES < MAX_INTERNAL_BODY_BYTES);
const _: () = assert!(MAX_URI_BYTES < MAX_HEADER_BYTES);
const _: () = assert!(MAX_HEADER_BYTES < CONNECTION_BUFFER_BYTES);
// A whole append fits into a frame: a key, a name and 64 bytes of numbers and hash for each entry.
const _: () = assert!(
    APPEND_PAGE
        * (toystore_domain::names::MAX_KEY_BYTES + toystore_domain::names::MAX_NAME_BYTES + 64)
        < toystore_codec::MAX_PAYLOAD_BYTES
);
// A leader is not called stuck while it may still wait out one lease of a paused front end.
const _: () = assert!(TICK.as_millis() * STUCK_TICKS as u128 >= 2 * LEASE.as_millis());
// A call ends in time for its caller to say so, and connecting leaves time for the call itself.
const _: () = assert!(less(CATALOG_CALL_TIMEOUT, REQUEST_DEADLINE));
const _: () = assert!(less(SLOW_REQUEST, REQUEST_DEADLINE));
const _: () = assert!(less(CONNECT_TIMEOUT, APPEND_TIMEOUT) && less(APPEND_TIMEOUT, CALL_TIMEOUT));
const _: () = assert!(less(CONNECT_TIMEOUT, PROBE_TIMEOUT) && less(PROBE_TIMEOUT, CALL_TIMEOUT));
// A purchase that waits out a lease is still answered by the catalog.
const _: () = assert!(less(LEASE, CATALOG_CALL_TIMEOUT) && less(LEASE_DRIFT_ALLOWANCE, LEASE));
// A crowd fits into a call, and a call into a transaction of the catalog.
const _: () = assert!(CALLS_UNDER_WAY > 0 && CROWD <= ORDER_BATCH);
// Several signs of life fit into the patience with a leader; several ticks into a lease's third.
const _: () = assert!(HEARTBEAT_INTERVAL.as_nanos() * 3 <= PROBE_TIMEOUT.as_nanos());
const _: () = assert!(less(TICK, HEARTBEAT_INTERVAL) && TICK.as_nanos() * 6 < LEASE.as_nanos());
// Whoever is being answered when the process is told to stop still gets the answer.
const _: () = assert!(!less(SHUTDOWN_GRACE, REQUEST_DEADLINE));
const _: () = assert!(less(RETRY_FIRST_PAUSE, RETRY_MAX_PAUSE));
const _: () = assert!(less(RETRY_MAX_PAUSE, REQUEST_DEADLINE));
const _: () = assert!(MAX_REQUESTS_UNDER_WAY < MAX_CONNECTIONS);
const _: () = assert!(PAGE_LIMIT_DEFAULT <= PAGE_LIMIT_MAX);
