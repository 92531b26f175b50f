//! Whether and when a process that has ended is started again.
//!
//! An end counts against a process only if it had not begun to be of use: before READY, or within a second after it if it
//! had done nothing. Every other end is answered at once, so that nobody can bring a worker down by killing its
//! processes; a worker that was ready once with its configuration is never given up.

use jackfield_shared::config::RestartPolicy;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A process that was ready for so long has begun to be of use.
pub(crate) const SETTLED: Duration = Duration::from_secs(1);
/// Most starts in a place within [`WITHIN`].
const MOST_STARTS: usize = 20;
const WITHIN: Duration = Duration::from_secs(1);

/// What the configuration says: the worker's `restart` object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Which ends are answered by a start.
    pub policy: RestartPolicy,
    /// Most ends that count within `period`, before the worker is given up, or tried seldom.
    pub max_restarts: u32,
    /// The time in which they are counted.
    pub period: Duration,
    /// The delay after the second end in a row that counts; there is none after the first.
    pub first: Duration,
    /// The longest delay.
    pub longest: Duration,
}

/// How a process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Whether it ended well by itself.
    pub clean: bool,
    /// For how long it was ready; absent: it never was, or there was none.
    pub ready_for: Option<Duration>,
    /// Whether it had done anything: accepted a connection.
    pub worked: bool,
}

/// What is known of the starts and ends in a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// Ends that count, within the period.
    counted: VecDeque<Instant>,
    /// How many have counted in a row.
    in_a_row: u32,
    /// The last starts.
    starts: VecDeque<Instant>,
}

/// What becomes of the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// A process is started after this time.
    Start(Duration),
    /// The same, and the worker is in trouble: it is tried seldom.
    Seldom(Duration),
    /// It has ended well, and rests.
    Rest,
    /// It has ended badly, and is left so.
    Leave,
    /// It has ended too often, and never was of use.
    GiveUp,
}

/// Decides after an end at `now`. `was_ready`: a process of the worker was, with this configuration. `random` is from 0 to
/// below 1, so that processes that ended together don't come back together.
pub(crate) fn decide(
    now: Instant,
    history: &History,
    (rules, was_ready): (&Rules, bool),
    end: End,
    random: f64,
) -> (History, Decision) {
    let mut history = history.clone();
    let wanted = match rules.policy {
        RestartPolicy::Always => true,
        RestartPolicy::OnFailure => !end.clean,
        RestartPolicy::Never => false,
    };
    if !wanted {
        return (history, if end.clean { Decision::Rest } else { Decision::Leave });
    }
    history.counted.retain(|at| now.saturating_duration_since(*at) < rules.period);
    let was_of_use = end.ready_for.is_some_and(|time| end.worked || time >= SETTLED);
    let decision = if was_of_use {
        history.in_a_row = 0;
        Decision::Start(Duration::ZERO)
    } else if history.counted.len() >= rules.max_restarts as usize {
        if !was_ready {
            return (history, Decision::GiveUp);
        }
        Decision::Seldom(jittered(rules.longest, random))
    } else {
        history.counted.push_back(now);
        let before = history.in_a_row;
        history.in_a_row = before.saturating_add(1);
        Decision::Start(jittered(delay(rules, before), random))
    };
    let decision = match decision {
        Decision::Start(wait) => Decision::Start(history.start(now, wait)),
        Decision::Seldom(wait) => Decision::Seldom(history.start(now, wait)),
        other => other,
    };
    (history, decision)
}

/// The delay after an end that counts, and after so many before it.
fn delay(rules: &Rules, before: u32) -> Duration {
    let Some(doublings) = before.checked_sub(1) else { return Duration::ZERO };
    let doubled = rules.first.as_secs_f64() * 2f64.powi(doublings.min(63).cast_signed());
    Duration::from_secs_f64(doubled.min(rules.longest.as_secs_f64()))
}

/// Up to a quarter less.
fn jittered(delay: Duration, random: f64) -> Duration {
    delay.mul_f64(1.0 - random / 4.0)
}

impl History {
    /// Notes a start after this wait, or after a longer one if there have been too many; returns which.
    fn start(&mut self, now: Instant, wait: Duration) -> Duration {
        let mut at = now + wait;
        if self.starts.len() >= MOST_STARTS
            && let Some(oldest) = self.starts.pop_front()
        {
            at = at.max(oldest + WITHIN);
        }
        self.starts.push_back(at);
        at.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test needs some instant to begin with")]
    use super::*;

    const RULES: Rules = Rules {
        policy: RestartPolicy::Always,
        max_restarts: 5,
        period: Duration::from_secs(10),
        first: Duration::from_millis(100),
        longest: Duration::from_secs(2),
    };
    const USELESS: End = End { clean: false, ready_for: None, worked: false };

    fn ready(ms: u64, worked: bool) -> End {
        End { clean: false, ready_for: Some(Duration::from_millis(ms)), worked }
    }

    /// What is decided after ends at these times, in milliseconds.
    fn after(rules: &Rules, was_ready: bool, ends: &[(u64, End)]) -> Vec<Decision> {
        let start = Instant::now();
        let mut history = History::default();
        let one = |&(ms, end): &(u64, End)| {
            let now = start + Duration::from_millis(ms);
            let (next, decision) = decide(now, &history, (rules, was_ready), end, 0.0);
            history = next;
            decision
        };
        ends.iter().map(one).collect()
    }

    fn start(ms: u64) -> Decision {
        Decision::Start(Duration::from_millis(ms))
    }

    #[test]
    fn what_is_answered_and_how_depends_on_policy_and_end() {
        let clean = End { clean: true, ..ready(5000, true) };
        for (policy, end, expected) in [
            (RestartPolicy::Always, clean, start(0)),
            (RestartPolicy::Always, USELESS, start(0)),
            (RestartPolicy::OnFailure, clean, Decision::Rest),
            (RestartPolicy::OnFailure, ready(5000, true), start(0)),
            (RestartPolicy::Never, clean, Decision::Rest),
            (RestartPolicy::Never, USELESS, Decision::Leave),
        ] {
            let rules = Rules { policy, ..RULES };
            assert_eq!(after(&rules, false, &[(0, end)]), [expected], "{policy:?} {end:?}");
        }
    }

    #[test]
    fn ends_that_count_are_those_before_it_was_of_use() {
        let none = Rules { max_restarts: 0, ..RULES };
        for (end, counts) in [
            (USELESS, true),
            (ready(0, false), true),
            (ready(999, false), true),
            (ready(1000, false), false),
            (ready(0, true), false),
            (ready(999, true), false),
            (ready(86_400_000, false), false),
        ] {
            let expected = if counts { Decision::GiveUp } else { start(0) };
            assert_eq!(after(&none, false, &[(0, end)]), [expected], "{end:?}");
        }
    }

    #[test]
    fn delays_double_up_to_the_longest_and_begin_anew_after_it_was_of_use() {
        let seldom: Vec<_> = (0..9).map(|n| (n * 3000, USELESS)).collect();
        let expected = [0, 100, 200, 400, 800, 1600, 2000, 2000, 2000].map(start);
        assert_eq!(after(&RULES, false, &seldom), expected);
        let mixed =
            [(0, USELESS), (1, USELESS), (2, USELESS), (3, ready(5, true)), (4, USELESS), (5, USELESS)];
        assert_eq!(after(&RULES, false, &mixed), [0, 100, 200, 0, 0, 100].map(start));
    }

    #[test]
    fn who_never_was_ready_is_given_up_and_who_was_is_tried_seldom() {
        let ends: Vec<_> = (0..8).map(|n| (n * 100, USELESS)).collect();
        let given_up = after(&RULES, false, &ends);
        assert_eq!(given_up[4..6], [start(800), Decision::GiveUp]);
        let seldom = Decision::Seldom(RULES.longest);
        assert_eq!(after(&RULES, true, &ends)[5..], [seldom; 3]);
        // The period goes by.
        let later = [&ends[..6], &[(10_600, USELESS)][..]].concat();
        assert_eq!(after(&RULES, true, &later)[6], start(1600));
    }

    #[test]
    fn a_storm_of_kills_is_answered_at_once_up_to_twenty_times_a_second() {
        let storm: Vec<_> = (0..50).map(|n| (n * 200, ready(100, true))).collect();
        assert_eq!(after(&RULES, true, &storm), [start(0); 50]);
        let flood: Vec<_> = (0..41).map(|_| (0, ready(100, true))).collect();
        let decisions = after(&RULES, true, &flood);
        assert_eq!(decisions[..20], [start(0); 20]);
        assert_eq!((decisions[20], decisions[39], decisions[40]), (start(1000), start(1000), start(2000)));
    }

    #[test]
    fn jitter_takes_at_most_a_quarter() {
        let now = Instant::now();
        let (history, _) = decide(now, &History::default(), (&RULES, false), USELESS, 0.0);
        for (random, expected) in [(0.0, 100), (0.5, 87), (0.999_999, 75)] {
            let (_, decision) = decide(now, &history, (&RULES, false), USELESS, random);
            let Decision::Start(wait) = decision else { panic!("{decision:?}") };
            assert_eq!(wait.as_millis(), expected);
        }
    }
}
