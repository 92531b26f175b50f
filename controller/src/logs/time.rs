//! Times for people: RFC 3339 in UTC, which means the same to every reader and sorts as text.

const DAY_S: u64 = 86_400;

/// `2026-11-23T11:15:02.123Z` for microseconds since the Unix epoch.
pub(crate) fn rfc3339(time_us: u64) -> String {
    let seconds = time_us / 1_000_000;
    let (year, month, day) = civil(seconds / DAY_S);
    let of_day = seconds % DAY_S;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60,
        time_us / 1000 % 1000
    )
}

/// Microseconds since the Unix epoch of `2026-11-23T11:15:02Z` or `2026-11-23T11:15:02.123Z`; the `Z` may be
/// left out, any other zone is refused.
pub(crate) fn parse_rfc3339(text: &str) -> Option<u64> {
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':')?;
    let days = (0..=days_in(year, month)?).contains(&day).then(|| days_since_epoch(year, month, day))??;
    if day == 0 || hour > 23 || minute > 59 || second > 59 || fraction.len() > 6 {
        return None;
    }
    let micros = digits(fraction)? * 10u64.pow(6 - fraction.len() as u32);
    Some((days * DAY_S + hour * 3600 + minute * 60 + second) * 1_000_000 + micros)
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator).map(digits);
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> Option<u64> {
    match month {
        2 => Some(28 + u64::from(is_leap(year))),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

fn days_since_epoch(year: u64, month: u64, day: u64) -> Option<u64> {
    let years: u64 = (1970..year).map(|y| 365 + u64::from(is_leap(y))).sum();
    let months: u64 = (1..month).filter_map(|m| days_in(year, m)).sum();
    (1970..=9999).contains(&year).then_some(years + months + day - 1)
}

/// Year, month and day of a day counted from the epoch: the arithmetic counts in years that begin in March,
/// so that the leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "2026-01-01T00:00:00.1234567Z",
            "99999-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
