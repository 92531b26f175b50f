//! How long to wait before a process is started again, and when to give up.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

/// The limits, from the worker's `restart` object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    /// Most restarts within `period`.
    pub max_restarts: u32,
    /// The time in which restarts are counted; a process that was ready for so long is stable.
    pub period: Duration,
    /// The delay before the second restart; there is none before the first.
    pub first: Duration,
    /// The longest delay.
    pub longest: Duration,
}

/// What to do after an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start again after this time.
    Wait(Duration),
    /// It ended too often.
    GiveUp,
}

/// The restarts of one process.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    restarts: VecDeque<Instant>,
    in_a_row: u32,
}

impl Backoff {
    /// Decides after an unexpected end at `now`, of a process that had been ready for `ready_for` (zero: it
    /// never was).
    pub(crate) fn ended(&mut self, limits: &Limits, now: Instant, ready_for: Duration) -> Verdict {
        self.ended_with(limits, now, ready_for, random())
    }

    fn ended_with(&mut self, limits: &Limits, now: Instant, ready_for: Duration, random: f64) -> Verdict {
        if !ready_for.is_zero() && ready_for >= limits.period {
            self.in_a_row = 0;
        }
        while self.restarts.front().is_some_and(|&at| now.duration_since(at) >= limits.period) {
            self.restarts.pop_front();
        }
        if self.restarts.len() as u64 >= u64::from(limits.max_restarts) {
            return Verdict::GiveUp;
        }
        self.restarts.push_back(now);
        let before = self.in_a_row;
        self.in_a_row = self.in_a_row.saturating_add(1);
        // Who was well until now comes back at once.
        let Some(doublings) = before.checked_sub(1) else { return Verdict::Wait(Duration::ZERO) };
        let doubled = limits.first.as_secs_f64() * 2f64.powi(doublings.min(63) as i32);
        let delay = doubled.min(limits.longest.as_secs_f64());
        // Up to a quarter less, so that processes that ended together don't come back together.
        Verdict::Wait(Duration::from_secs_f64(delay * (1.0 - random / 4.0)))
    }

    /// Somebody started the process by hand: it gets all its restarts again.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// A number from 0 to below 1. The keys of a hash map are random enough to spread restarts.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        max_restarts: 5,
        period: Duration::from_secs(10),
        first: Duration::from_millis(100),
        longest: Duration::from_secs(30),
    };

    #[test]
    fn delays_double_up_to_the_longest() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        let mut delays = Vec::new();
        for _ in 0..12 {
            // Seldom enough that they are not too many.
            now += Duration::from_secs(3);
            match backoff.ended_with(&LIMITS, now, Duration::from_secs(1), 0.0) {
                Verdict::Wait(delay) => delays.push(delay.as_millis()),
                Verdict::GiveUp => panic!("gave up after {delays:?}"),
            }
        }
        assert_eq!(delays, [0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
    }

    #[test]
    fn too_many_within_the_period_are_given_up() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        for n in 0..5 {
            let at = now + Duration::from_secs(n);
            assert_ne!(backoff.ended(&LIMITS, at, Duration::ZERO), Verdict::GiveUp, "restart {n}");
        }
        assert_eq!(backoff.ended(&LIMITS, now + Duration::from_secs(9), Duration::ZERO), Verdict::GiveUp);
        backoff.reset();
        assert_ne!(backoff.ended(&LIMITS, now + Duration::from_secs(9), Duration::ZERO), Verdict::GiveUp);
        let none = Limits { max_restarts: 0, ..LIMITS };
        assert_eq!(Backoff::default().ended(&none, now, Duration::ZERO), Verdict::GiveUp);
    }

    #[test]
    fn a_stable_process_comes_back_at_once_again() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        for _ in 0..3 {
            backoff.ended(&LIMITS, now, Duration::ZERO);
        }
        let later = now + Duration::from_secs(60);
        assert_eq!(
            backoff.ended_with(&LIMITS, later, Duration::from_secs(10), 0.0),
            Verdict::Wait(Duration::ZERO)
        );
    }

    #[test]
    fn jitter_takes_at_most_a_quarter() {
        for _ in 0..1000 {
            let mut backoff = Backoff::default();
            backoff.ended(&LIMITS, Instant::now(), Duration::ZERO);
            let Verdict::Wait(delay) = backoff.ended(&LIMITS, Instant::now(), Duration::ZERO) else {
                panic!("gave up");
            };
            assert!(delay >= LIMITS.first * 3 / 4 && delay <= LIMITS.first, "{delay:?}");
        }
    }
}
