//! Questions to authenticators.

use jackfield_wamp::{Id, Payload};
use std::time::Duration;

/// A question of a client to an authenticator.
pub(super) struct Waiting {
    pub(super) client: Id,
    /// Where the realm is that it is asked in.
    pub(super) realm: usize,
    pub(super) procedure: String,
    pub(super) payload: Payload,
    /// Until when it waits, if it does.
    pub(super) until: Duration,
}
