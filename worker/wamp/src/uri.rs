//! URIs of topics, procedures, errors and realms (WAMP specification, "URIs").

/// The longest URI, in bytes, that a realm takes.
pub const MAX_LENGTH: usize = 4096;

/// The most components that a pattern with wildcards may have.
pub const MAX_COMPONENTS: usize = 128;

/// How strictly URIs are checked (the realm's option `uri_check`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Components are anything without white space, `.` and `#`.
    #[default]
    Loose,
    /// Components are lower-case ASCII letters, digits and `_`.
    Strict,
}

/// How the URI of a subscription, a registration or a permission is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Match {
    /// The whole URI.
    #[default]
    Exact,
    /// The first characters (not components: `com.a` is a prefix of `com.ab`).
    Prefix,
    /// The same components, as many; an empty one stands for any.
    Wildcard,
}

impl Match {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Prefix, Self::Wildcard];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Prefix => "prefix",
            Self::Wildcard => "wildcard",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|this| this.name() == name)
    }

    /// Whether `pattern`, compared this way, covers `uri`.
    #[must_use]
    pub fn covers(self, pattern: &str, uri: &str) -> bool {
        match self {
            Self::Exact => pattern == uri,
            Self::Prefix => uri.starts_with(pattern),
            Self::Wildcard => {
                let mut parts = uri.split('.');
                pattern.split('.').all(|part| parts.next().is_some_and(|p| part.is_empty() || part == p))
                    && parts.next().is_none()
            }
        }
    }
}

/// Whether `uri` is one for a message, an error or a subscription by the whole URI.
#[must_use]
pub fn is_valid(uri: &str, check: Check) -> bool {
    is_valid_pattern(uri, Match::Exact, check)
}

/// Whether `uri` is one that can be compared by `policy`.
#[must_use]
pub fn is_valid_pattern(uri: &str, policy: Match, check: Check) -> bool {
    if uri.len() > MAX_LENGTH {
        return false;
    }
    let bytes = uri.as_bytes();
    let mut start = 0;
    let mut components = 1;
    let mut ascii = true;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'.' => {
                if at == start && policy != Match::Wildcard {
                    return false;
                }
                start = at + 1;
                components += 1;
            }
            b'0'..=b'9' | b'a'..=b'z' | b'_' => {}
            _ if check == Check::Strict => return false,
            b'#' | 0x09..=0x0D | 0x1C..=0x20 => return false,
            0x80.. => ascii = false,
            _ => {}
        }
    }
    if start == bytes.len() && policy == Match::Exact
        || components > MAX_COMPONENTS && policy == Match::Wildcard
    {
        return false;
    }
    ascii || !uri.chars().any(char::is_whitespace)
}

/// Whether the specification keeps `uri` for routers.
#[must_use]
pub fn is_reserved(uri: &str) -> bool {
    uri.starts_with("wamp.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_checked_by_policy_and_strictness() {
        use Check::{Loose, Strict};
        use Match::{Exact, Prefix, Wildcard};
        #[rustfmt::skip]
        let cases = [
            ("", Exact, Loose, false), ("", Prefix, Loose, true), ("", Wildcard, Loose, true),
            (".", Exact, Loose, false), (".", Prefix, Loose, false), (".", Wildcard, Loose, true),
            ("com", Exact, Loose, true), ("com.", Exact, Loose, false), ("com.", Prefix, Loose, true),
            (".com", Exact, Loose, false), (".com", Prefix, Loose, false), (".com", Wildcard, Loose, true),
            ("com..x", Exact, Loose, false), ("com..x", Prefix, Loose, false), ("com..x", Wildcard, Loose, true),
            ("com.x.", Exact, Loose, false), ("com.x.", Wildcard, Loose, true), ("..", Wildcard, Strict, true),
            ("com.ö", Exact, Loose, true), ("com.ö", Exact, Strict, false), ("com.A_b-9", Exact, Loose, true),
            ("com.a b", Exact, Loose, false), ("com.a#b", Wildcard, Loose, false), ("com.a\tb", Prefix, Loose, false),
            ("com.a\u{a0}b", Exact, Loose, false), ("com.Abc", Exact, Strict, false), ("com.a-b", Prefix, Strict, false),
            ("com.a_1", Exact, Strict, true), ("1.2", Prefix, Strict, true), ("wamp.x", Exact, Strict, true),
        ];
        for (uri, policy, check, expected) in cases {
            assert_eq!(is_valid_pattern(uri, policy, check), expected, "{uri:?} {policy:?} {check:?}");
        }
        assert!(is_valid(&"a".repeat(MAX_LENGTH), Loose));
        assert!(!is_valid(&"a".repeat(MAX_LENGTH + 1), Loose));
        assert!(is_valid_pattern(&".".repeat(MAX_COMPONENTS - 1), Wildcard, Loose));
        assert!(!is_valid_pattern(&".".repeat(MAX_COMPONENTS), Wildcard, Loose));
    }

    #[test]
    fn patterns_cover_what_they_say() {
        use Match::{Exact, Prefix, Wildcard};
        #[rustfmt::skip]
        let cases = [
            (Exact, "com.a", "com.a", true), (Exact, "com.a", "com.ab", false),
            (Prefix, "com.a", "com.ab", true), (Prefix, "", "wamp.x", true), (Prefix, "com.a.", "com.a", false),
            (Wildcard, "com..x", "com.a.x", true), (Wildcard, "com..x", "com.a.b.x", false),
            (Wildcard, ".a.", "x.a.y", true), (Wildcard, "", "com", true), (Wildcard, "", "com.a", false),
            (Wildcard, "com.a", "com.a", true), (Wildcard, "com..", "com.a", false),
        ];
        for (policy, pattern, uri, expected) in cases {
            assert_eq!(policy.covers(pattern, uri), expected, "{policy:?} {pattern:?} {uri:?}");
        }
    }
}
