//! The clocks that routers go by.

use jackfield_wamp::Now;
use std::time::{Duration, Instant, SystemTime};

/// The time for a router that was made at `start`.
pub(crate) fn now(start: Instant) -> Now {
    Now { clock: start.elapsed(), wall: wall() }
}

/// Time since 1970-01-01 UTC; 0 before.
pub(crate) fn wall() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
