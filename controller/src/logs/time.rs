//! Times for people: RFC 3339 in UTC, which means the same to every reader and sorts as text.

use jiff::Timestamp;

/// `2026-11-23T11:15:02.123Z` for microseconds since the Unix epoch.
pub(crate) fn rfc3339(time_us: u64) -> String {
    let micros = i64::try_from(time_us).unwrap_or(i64::MAX);
    let moment = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX);
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Microseconds since the Unix epoch of `2026-11-23T11:15:02Z` or `2026-11-23T11:15:02.123Z`; the `Z` may be
/// left out, any other zone is refused.
pub(crate) fn parse_rfc3339(text: &str) -> Option<u64> {
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let moment: Timestamp = format!("{text}Z").parse().ok()?;
    u64::try_from(moment.as_microsecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: u64 = 86_400;

    #[test]
    fn known_times() {
        for (us, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999_000, "2024-02-29T23:59:59.999Z"),
            (4_107_542_400_500_000, "2100-03-01T00:00:00.500Z"),
        ] {
            assert_eq!(rfc3339(us), text);
            assert_eq!(parse_rfc3339(text), Some(us));
        }
    }

    #[test]
    fn every_day_is_read_back() {
        for day in 0..60_000u64 {
            let us = day * DAY_S * 1_000_000;
            assert_eq!(parse_rfc3339(&rfc3339(us)), Some(us), "{}", rfc3339(us));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00+01:00",
            "2026-01-01",
            "99999-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
