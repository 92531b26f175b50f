//! When a certificate is asked for. Nothing here has a clock; times are in seconds since the Unix epoch.

use jackfield_shared::status::AcmeState;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest pause after failures.
const MOST: i64 = 12 * 60 * 60;

/// When a directory wants to be asked about a renewal again: as it says, within these.
const ASK: (i64, i64) = (60 * 60, 24 * 60 * 60);

/// The certificate there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    /// Whether it is for the names that are configured, and from the directory that is.
    pub(super) is_wanted: bool,
    /// Any number that is its own: certificates of one directory are not all renewed in the same second.
    pub(super) salt: u32,
}

/// When a directory says that a certificate had better be renewed (ARI, RFC 9773).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) end: i64,
    /// When it is to be asked again.
    pub(super) ask: i64,
}

impl Window {
    pub(super) fn new(start: i64, end: i64, again_s: u64, now: i64) -> Self {
        let again = i64::try_from(again_s).unwrap_or(i64::MAX).clamp(ASK.0, ASK.1);
        Self { start, end, ask: now + again }
    }

    /// The same, where the directory could not be asked.
    pub(super) fn later(self, now: i64) -> Self {
        Self { ask: now + ASK.1, ..self }
    }
}

/// What has happened so far; kept on the disk, so that a node that is started again and again asks no more often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Past {
    /// What the certificate there is was ordered with; absent: none was.
    pub(super) issued: Option<String>,
    /// When the directory wants it to be renewed, if it says so.
    pub(super) window: Option<Window>,
    /// Failures since the last success.
    pub(super) failures: u32,
    /// When the last one was.
    pub(super) failed: i64,
    /// What failed: other settings are tried at once.
    pub(super) tried: String,
    /// Why it failed.
    pub(super) reason: Option<String>,
}

/// What is to be done, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A certificate is to be ordered.
    Order(i64),
    /// The directory is to be asked when to renew.
    Ask(i64),
}

impl Next {
    pub(super) const fn at(self) -> i64 {
        match self {
            Self::Order(at) | Self::Ask(at) => at,
        }
    }
}

/// What comes next; `settings` are those of now, `retry` is the pause after the first failure.
pub(super) fn next(held: Option<Held>, past: &Past, settings: &str, retry: Duration, now: i64) -> Next {
    let held = held.filter(|held| held.is_wanted);
    let wanted = held.map_or(now, |held| renewal(held, past.window));
    let again = pause(past, settings, retry).map_or(i64::MIN, |pause| past.failed.min(now) + pause);
    let order = wanted.max(again);
    match past.window.filter(|_| held.is_some()) {
        Some(window) if window.ask < order => Next::Ask(window.ask),
        _ => Next::Order(order),
    }
}

/// When a third of its life is left; or within the window, at a point that is the certificate's own. A window that ends when
/// the certificate does, or later, is not believed.
fn renewal(held: Held, window: Option<Window>) -> i64 {
    let third = held.not_after - (held.not_after - held.not_before) / 3;
    match window.filter(|window| window.start <= window.end && window.end < held.not_after) {
        Some(Window { start, end, .. }) => start + (end - start) * i64::from(held.salt % 1000) / 1000,
        None => third,
    }
}

/// Seconds to wait after the last failure of these settings: twice as long after each.
fn pause(past: &Past, settings: &str, retry: Duration) -> Option<i64> {
    let doubled = past.failures.checked_sub(1).filter(|_| past.tried == settings)?;
    let first = i64::try_from(retry.as_secs()).unwrap_or(MOST);
    Some(first.saturating_mul(1 << doubled.min(20)).min(MOST))
}

/// How it is.
pub(super) fn state(held: Option<Held>, past: &Past, settings: &str, is_ordering: bool) -> AcmeState {
    match held {
        _ if is_ordering => AcmeState::Ordering,
        _ if past.failures > 0 && past.tried == settings => AcmeState::Failing,
        Some(held) if held.is_wanted => AcmeState::Valid,
        _ => AcmeState::Ordering,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60;
    const NOW: i64 = 1_000 * DAY;
    const RETRY: Duration = Duration::from_secs(600);

    /// One of ninety days that is so many old.
    fn held(age: i64) -> Option<Held> {
        Some(Held {
            not_before: NOW - age * DAY,
            not_after: NOW + (90 - age) * DAY,
            is_wanted: true,
            salt: 500,
        })
    }

    fn failed(failures: u32, ago: i64) -> Past {
        Past { failures, failed: NOW - ago, tried: "s".into(), ..Past::default() }
    }

    fn window(start: i64, end: i64, ask: i64) -> Past {
        let window = Window { start: NOW + start * DAY, end: NOW + end * DAY, ask: NOW + ask };
        Past { window: Some(window), ..Past::default() }
    }

    #[test]
    fn renewal_comes_with_a_third_of_the_life_left_or_when_the_directory_says() {
        let other = held(10).map(|held| Held { is_wanted: false, ..held });
        let never = Past::default();
        for (name, held, past, expected) in [
            ("nothing there", None, never.clone(), Next::Order(NOW)),
            ("other names", other, never.clone(), Next::Order(NOW)),
            ("young", held(10), never.clone(), Next::Order(NOW + 50 * DAY)),
            ("a third left", held(60), never.clone(), Next::Order(NOW)),
            ("expired", held(100), never, Next::Order(NOW - 40 * DAY)),
            ("asked again first", held(10), window(20, 30, 60), Next::Ask(NOW + 60)),
            ("in the window", held(10), window(20, 30, 70 * DAY), Next::Order(NOW + 25 * DAY)),
            ("revoked soon", held(10), window(-3, -1, 60), Next::Order(NOW - 2 * DAY)),
            ("a window too late", held(10), window(70, 81, 60 * DAY), Next::Order(NOW + 50 * DAY)),
            ("a window of another certificate", None, window(20, 30, 60), Next::Order(NOW)),
        ] {
            assert_eq!(next(held, &past, "s", RETRY, NOW), expected, "{name}");
        }
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_pauses() {
        for (name, past, expected) in [
            ("first", failed(1, 0), NOW + 600),
            ("later", failed(1, 590), NOW + 10),
            ("second", failed(2, 0), NOW + 1200),
            ("many", failed(30, 0), NOW + MOST),
            ("a clock that was wrong", failed(1, -DAY), NOW + 600),
            ("a pause that is over", failed(1, DAY), NOW),
            ("other settings", Past { tried: "before".into(), ..failed(9, 0) }, NOW),
        ] {
            assert_eq!(next(None, &past, "s", RETRY, NOW), Next::Order(expected), "{name}");
        }
        let renewing = next(held(89), &failed(3, 0), "s", RETRY, NOW);
        assert_eq!(renewing, Next::Order(NOW + 2400), "the pause holds for renewals");
    }

    #[test]
    fn a_state_is_what_was_last() {
        for (held, past, ordering, expected) in [
            (None, Past::default(), false, AcmeState::Ordering),
            (None, failed(1, 0), false, AcmeState::Failing),
            (held(1), failed(1, 0), true, AcmeState::Ordering),
            (held(1), failed(1, 0), false, AcmeState::Failing),
            (held(1), Past { tried: "before".into(), ..failed(1, 0) }, false, AcmeState::Valid),
            (held(1), Past::default(), false, AcmeState::Valid),
        ] {
            assert_eq!(state(held, &past, "s", ordering), expected);
        }
    }

    #[test]
    fn a_directory_is_asked_neither_all_the_time_nor_never() {
        for (again, expected) in [(0, ASK.0), (7200, 7200), (u64::MAX, ASK.1)] {
            assert_eq!(Window::new(0, 1, again, 5).ask, 5 + expected);
        }
        assert_eq!(Window::new(0, 1, 0, 5).later(9).ask, 9 + ASK.1);
    }
}
