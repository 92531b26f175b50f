//! How often something may happen that somebody else causes.

use std::time::{Duration, Instant};

/// So many at once, and so many in a second from then on (a token bucket).
#[derive(Debug)]
pub(crate) struct Allowance {
    most: f64,
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Allowance {
    /// A full one.
    pub(crate) fn new(most: u32, per_second: u32, now: Instant) -> Self {
        Self { most: most.into(), per_second: per_second.into(), left: most.into(), at: now }
    }

    /// Takes one, and says how long to wait before the next.
    pub(crate) fn take(&mut self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + since * self.per_second).min(self.most) - 1.0;
        self.at = self.at.max(now);
        if self.left >= 1.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64((1.0 - self.left) / self.per_second)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_masses_has_to_wait() {
        let start = Instant::now();
        let mut allowance = Allowance::new(3, 10, start);
        let waits: Vec<_> = (0..4).map(|_| allowance.take(start).as_millis()).collect();
        assert_eq!(waits, [0, 0, 100, 200]);
        assert_eq!(
            allowance.take(start + Duration::from_millis(300)),
            Duration::ZERO.max(Duration::from_millis(0))
        );
        // Rest is not saved up beyond what it began with.
        let later = start + Duration::from_secs(60);
        let waits: Vec<_> = (0..3).map(|_| allowance.take(later).as_millis()).collect();
        assert_eq!(waits, [0, 0, 100]);
    }
}
