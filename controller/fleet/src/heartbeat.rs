//! Finds a process that is alive but whose loop is stuck: it does not answer.

use std::time::{Duration, Instant};

/// How often a process is asked where the watchdog is off: its counters are wanted all the same.
const UNWATCHED: Duration = Duration::from_secs(3);

/// How often a process with this `watchdog` time (zero: off) is asked.
pub(crate) fn interval(watchdog: Duration) -> Duration {
    if watchdog.is_zero() { UNWATCHED } else { watchdog / 3 }
}

/// Since when a process owes an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    asked: Option<Instant>,
}

impl Heartbeat {
    /// Notes that the process said something.
    pub(crate) fn heard(&mut self) {
        self.asked = None;
    }

    /// Asks again, at a time that was planned as `due`. Returns for how long the process has been silent, if that is
    /// too long.
    pub(crate) fn beat(&mut self, watchdog: Duration, due: Instant, now: Instant) -> Option<Duration> {
        // If we are late ourselves (stopped, starved), the answer may wait unread: ask again.
        if now.duration_since(due) > interval(watchdog) {
            self.asked = None;
        }
        let since = *self.asked.get_or_insert(now);
        let silent = now.duration_since(since);
        (!watchdog.is_zero() && silent >= watchdog).then_some(silent)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test needs some instant to begin with")]
    use super::*;

    const WATCHDOG: Duration = Duration::from_secs(9);

    fn at(start: Instant, s: u64) -> Instant {
        start + Duration::from_secs(s)
    }

    #[test]
    fn silence_is_noticed_and_an_answer_ends_it() {
        let (mut heartbeat, start) = (Heartbeat::default(), Instant::now());
        let mut beat = |s| heartbeat.beat(WATCHDOG, at(start, s), at(start, s));
        assert_eq!([beat(0), beat(3), beat(6)], [None; 3]);
        assert_eq!(beat(9), Some(WATCHDOG));
        heartbeat.heard();
        let mut beat = |s| heartbeat.beat(WATCHDOG, at(start, s), at(start, s));
        assert_eq!([beat(12), beat(15), beat(18)], [None; 3]);
        assert_eq!(beat(21), Some(WATCHDOG));
    }

    #[test]
    fn our_own_delay_is_not_the_silence_of_the_process() {
        let (mut heartbeat, start) = (Heartbeat::default(), Instant::now());
        assert_eq!(heartbeat.beat(WATCHDOG, start, start), None);
        assert_eq!(heartbeat.beat(WATCHDOG, at(start, 3), at(start, 600)), None);
        assert_eq!(heartbeat.beat(WATCHDOG, at(start, 603), at(start, 603)), None);
        assert_eq!(heartbeat.beat(WATCHDOG, at(start, 609), at(start, 609)), Some(WATCHDOG));
    }

    #[test]
    fn an_unwatched_process_may_be_silent() {
        let (mut heartbeat, start) = (Heartbeat::default(), Instant::now());
        for s in (0..100).step_by(3) {
            assert_eq!(heartbeat.beat(Duration::ZERO, at(start, s), at(start, s)), None);
        }
        assert_eq!(interval(Duration::ZERO), UNWATCHED);
        assert_eq!(interval(WATCHDOG), Duration::from_secs(3));
    }
}
