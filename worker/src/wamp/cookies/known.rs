//! A cookie that is known.

use jackfield_wamp::auth::Remembered;
use std::time::Duration;

/// A cookie.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    /// When it was made, since 1970-01-01 UTC.
    pub(super) made: Duration,
    pub(super) max_age: Duration,
    pub(super) stands_for: Option<Remembered>,
}

impl Known {
    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.made.saturating_add(self.max_age) <= now
    }
}
