//! The time of a step, and time stamps that clients read.

use jiff::Timestamp;
use std::time::Duration;

/// The time of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Time since some fixed moment; never goes back.
    pub clock: Duration,
    /// Wall-clock time since 1970-01-01 UTC, for time stamps that people and clients read.
    pub wall: Duration,
}

/// A moment since 1970-01-01 UTC as RFC 3339 writes it, with milliseconds.
#[must_use]
pub fn rfc3339(wall: Duration) -> String {
    let millis = i64::try_from(wall.as_millis()).unwrap_or(i64::MAX);
    let moment = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The time since 1970-01-01 UTC that a time stamp of RFC 3339 means; absent: it is none, or before that.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let moment = text.parse::<Timestamp>().ok()?;
    Some(Duration::new(
        u64::try_from(moment.as_second()).ok()?,
        u32::try_from(moment.subsec_nanosecond()).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_with_milliseconds() {
        assert_eq!(rfc3339(Duration::ZERO), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Duration::from_millis(951_827_696_789)), "2000-02-29T12:34:56.789Z");
        assert!(rfc3339(Duration::MAX).starts_with("9999-12-"));
    }

    #[test]
    fn moments_are_read_in_any_time_zone() {
        assert_eq!(parse("1970-01-01T01:00:00+01:00"), Some(Duration::ZERO));
        assert_eq!(parse("1970-01-01T00:00:00.123456Z"), Some(Duration::from_micros(123_456)));
        for wrong in ["", "yesterday", "1970-13-01T00:00:00Z", "1969-01-01T00:00:00Z"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
