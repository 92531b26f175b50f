//! How long to wait before something is tried again.

use std::time::Duration;

/// The first delay.
const FIRST: Duration = Duration::from_millis(500);
/// Doubled up to this one.
const LONGEST: Duration = Duration::from_secs(30);

/// Delays that double, each shortened by up to a quarter at random: what failed together is not tried together.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    /// The delay before the next attempt.
    pub(super) fn next(&mut self) -> Duration {
        let delay = self.0;
        self.0 = (2 * delay).min(LONGEST);
        let random = getrandom::u32().unwrap_or_default();
        delay - (delay / 4).mul_f64(f64::from(random) / f64::from(u32::MAX))
    }

    /// It went well.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        for expected in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            let delay = backoff.next().as_secs_f64();
            assert!((0.75 * expected..=expected).contains(&delay), "{delay} for {expected}");
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
