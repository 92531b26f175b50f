//! Time limits for connections on which nothing happens.

use std::cell::Cell;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// When something last happened on a connection.
#[derive(Debug)]
pub(crate) struct Activity(Cell<Instant>);

impl Activity {
    pub(crate) fn new() -> Self {
        Self(Cell::new(Instant::now()))
    }

    /// Something happened.
    pub(crate) fn touch(&self) {
        self.0.set(Instant::now());
    }

    /// Completes when nothing has happened for `limit`; never, if that is zero. Costs nothing for each touch:
    /// the timer looks again when it rings.
    pub(crate) async fn idle_for(&self, limit: Duration) {
        if limit.is_zero() {
            return std::future::pending().await;
        }
        while self.0.get().elapsed() < limit {
            sleep_until(self.0.get() + limit).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_touch_puts_the_end_off() {
        let limit = Duration::from_secs(10);
        let activity = Activity::new();
        let start = Instant::now();
        let touches = async {
            advance(Duration::from_secs(9)).await;
            activity.touch();
        };
        tokio::join!(activity.idle_for(limit), touches);
        assert!(start.elapsed() >= Duration::from_secs(19));
    }
}
