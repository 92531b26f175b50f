//! Byte ranges (RFC 9110, section 14).

/// Parts that are served in one answer.
const MOST: usize = 16;

/// What a `Range` header asks for of a file of `size` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) enum Range {
    /// The whole file: there is no range, or one that isn't understood, or so many or such overlapping ones that they
    /// help nobody (section 14.2 lets a server ignore them).
    Whole,
    /// Each from the first byte up to, not including, the second; at least one.
    Parts(Vec<(u64, u64)>),
    /// None of it is in the file.
    Unsatisfiable,
}

impl Range {
    pub(super) fn parse(header: &str, size: u64) -> Self {
        let Some(list) = header.strip_prefix("bytes=") else { return Self::Whole };
        let items: Vec<_> = list.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
        if items.is_empty() || items.len() > MOST {
            return Self::Whole;
        }
        let Some(parts) = items.into_iter().map(|item| part(item, size)).collect::<Option<Vec<_>>>() else {
            return Self::Whole;
        };
        // What is not in the file is left out.
        let parts: Vec<_> = parts.into_iter().filter(|(start, end)| start < end).collect();
        if parts.is_empty() {
            return Self::Unsatisfiable;
        }
        let mut sorted = parts.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0].1 > pair[1].0) {
            return Self::Whole;
        }
        Self::Parts(parts)
    }
}

/// One item of the list; `None` if it is not understood. Empty if it is not in the file.
fn part(item: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = item.split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // More than fits is more than there is.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (number(first), number(last)) {
        (None, Some(length)) if first.is_empty() => Some((size.saturating_sub(length), size)),
        (Some(start), None) if last.is_empty() => Some((start, size)),
        (Some(start), Some(last)) if start <= last => Some((start, last.saturating_add(1).min(size))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_in_the_file_are_served_and_nonsense_is_ignored() {
        let one = |start, end| Range::Parts(vec![(start, end)]);
        for (header, expected) in [
            ("bytes=0-0", one(0, 1)),
            ("bytes=2-5", one(2, 6)),
            ("bytes=2-", one(2, 10)),
            ("bytes=-3", one(7, 10)),
            ("bytes=-30", one(0, 10)),
            ("bytes=9-99999999999999999999999", one(9, 10)),
            ("bytes=10-", Range::Unsatisfiable),
            ("bytes=-0", Range::Unsatisfiable),
            ("bytes=99999999999999999999999-", Range::Unsatisfiable),
            ("bytes=5-2", Range::Whole),
            ("bytes=0-1, 3-4,,-2", Range::Parts(vec![(0, 2), (3, 5), (8, 10)])),
            ("bytes=3-4,0-1,20-30", Range::Parts(vec![(3, 5), (0, 2)])),
            ("bytes=20-30,40-", Range::Unsatisfiable),
            ("bytes=0-5,3-7", Range::Whole),
            ("bytes=0-1,x", Range::Whole),
            ("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,0-0,0-0,0-0,0-0,0-0,0-0,0-0", Range::Whole),
            ("bytes=", Range::Whole),
            ("bytes=-", Range::Whole),
            ("bytes=+1-2", Range::Whole),
            ("lines=0-1", Range::Whole),
            ("", Range::Whole),
        ] {
            assert_eq!(Range::parse(header, 10), expected, "{header}");
        }
        assert_eq!(Range::parse("bytes=0-", 0), Range::Unsatisfiable);
    }
}
