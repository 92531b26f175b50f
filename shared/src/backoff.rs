//! How long to wait before something is tried again. (When processes are started again is a matter of what they have done:
//! `controller/fleet/src/restart.rs`.)

use std::time::Duration;

/// The first delay.
const FIRST: Duration = Duration::from_millis(500);
/// Doubled up to this one.
const LONGEST: Duration = Duration::from_secs(30);

/// Delays that double, each shortened by up to a quarter at random: what failed together is not tried together.
#[derive(Debug)]
pub struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    /// The delay before the next attempt; `random` is any number.
    pub fn delay(&mut self, random: u32) -> Duration {
        let delay = self.0;
        self.0 = (2 * delay).min(LONGEST);
        delay - (delay / 4).mul_f64(f64::from(random) / f64::from(u32::MAX))
    }

    /// It went well.
    pub fn reset(&mut self) {
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
            let delay = backoff.delay((expected * 1e8) as u32).as_secs_f64();
            assert!((0.75 * expected..=expected).contains(&delay), "{delay} for {expected}");
        }
        backoff.reset();
        assert_eq!((backoff.delay(0), backoff.delay(u32::MAX)), (FIRST, FIRST * 3 / 2));
    }
}
