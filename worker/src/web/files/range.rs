//! Byte ranges (RFC 9110, section 14).

/// What a `Range` header asks for of a file of `size` octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// The whole file: there is no range, or one that isn't understood, or several at once (section 14.2 lets a
    /// server ignore it).
    Whole,
    /// From the first octet up to, not including, the second.
    Part(u64, u64),
    /// None of it is in the file.
    Unsatisfiable,
}

impl Range {
    pub(super) fn parse(header: &str, size: u64) -> Self {
        let part = header.strip_prefix("bytes=").filter(|part| !part.contains(','));
        let Some((first, last)) = part.and_then(|part| part.trim().split_once('-')) else {
            return Self::Whole;
        };
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            // More than fits is more than there is.
            digits.then(|| text.parse().unwrap_or(u64::MAX))
        };
        let (start, end) = match (number(first), number(last)) {
            (None, Some(length)) if first.is_empty() => (size.saturating_sub(length), size),
            (Some(start), None) if last.is_empty() => (start, size),
            (Some(start), Some(last)) if start <= last => (start, last.saturating_add(1).min(size)),
            _ => return Self::Whole,
        };
        if start >= end { Self::Unsatisfiable } else { Self::Part(start, end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_served_and_the_rest_ignored() {
        for (header, expected) in [
            ("bytes=0-0", Range::Part(0, 1)),
            ("bytes=2-5", Range::Part(2, 6)),
            ("bytes=2-", Range::Part(2, 10)),
            ("bytes=-3", Range::Part(7, 10)),
            ("bytes=-30", Range::Part(0, 10)),
            ("bytes=9-99999999999999999999999", Range::Part(9, 10)),
            ("bytes=10-", Range::Unsatisfiable),
            ("bytes=-0", Range::Unsatisfiable),
            ("bytes=99999999999999999999999-", Range::Unsatisfiable),
            ("bytes=5-2", Range::Whole),
            ("bytes=0-1,3-4", Range::Whole),
            ("bytes=-", Range::Whole),
            ("bytes=+1-2", Range::Whole),
            ("octets=0-1", Range::Whole),
            ("", Range::Whole),
        ] {
            assert_eq!(Range::parse(header, 10), expected, "{header}");
        }
        assert_eq!(Range::parse("bytes=0-", 0), Range::Unsatisfiable);
    }
}
