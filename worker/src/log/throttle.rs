//! Keeps a message that could be written for every connection from being written for every connection.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// Lets one event pass in each period and counts the others.
#[derive(Debug)]
pub(crate) struct Throttle {
    period: Duration,
    last: Cell<Option<Instant>>,
    held_back: Cell<u64>,
}

impl Throttle {
    pub(crate) const fn new(period: Duration) -> Self {
        Self { period, last: Cell::new(None), held_back: Cell::new(0) }
    }

    /// `None` if this event is to be kept quiet, else how many have been since the last one that passed.
    pub(crate) fn pass(&self) -> Option<u64> {
        let now = Instant::now();
        if self.last.get().is_some_and(|last| now - last < self.period) {
            self.held_back.set(self.held_back.get() + 1);
            return None;
        }
        self.last.set(Some(now));
        Some(self.held_back.replace(0))
    }
}

/// How many more there were than were reported, as [`Throttle::pass`] tells.
pub(crate) struct Also(pub(crate) u64);

impl fmt::Display for Also {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, " ({} more since the last report)", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_passes_in_each_period_and_the_others_are_counted() {
        let throttle = Throttle::new(Duration::from_secs(10));
        assert_eq!(throttle.pass(), Some(0));
        assert_eq!(throttle.pass(), None);
        assert_eq!(throttle.pass(), None);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(throttle.pass(), Some(2));
        assert_eq!(throttle.pass(), None);
    }
}
