//! Tables by URI patterns: exact, prefix, wildcard.

mod wildcards;

use crate::uri::Match;
use std::collections::{BTreeMap, HashMap};
use wildcards::Wildcards;

/// A table by URI and policy. The whole URI is looked up by one hash; prefixes and wildcards cost only where there
/// are any.
#[derive(Debug)]
pub(crate) struct Patterns<T> {
    exact: HashMap<Box<str>, T>,
    prefixes: HashMap<Box<str>, T>,
    /// How many prefixes there are of each length.
    lengths: BTreeMap<usize, usize>,
    wildcards: Wildcards<T>,
}

impl<T: Copy> Default for Patterns<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            prefixes: HashMap::new(),
            lengths: BTreeMap::new(),
            wildcards: Wildcards::default(),
        }
    }
}

impl<T: Copy> Patterns<T> {
    /// The value of just this pattern.
    pub(crate) fn get(&self, policy: Match, uri: &str) -> Option<T> {
        match policy {
            Match::Exact => self.exact.get(uri).copied(),
            Match::Prefix => self.prefixes.get(uri).copied(),
            Match::Wildcard => self.wildcards.get(uri),
        }
    }

    pub(crate) fn insert(&mut self, policy: Match, uri: &str, value: T) {
        match policy {
            Match::Exact => {
                self.exact.insert(uri.into(), value);
            }
            Match::Prefix => {
                if self.prefixes.insert(uri.into(), value).is_none() {
                    *self.lengths.entry(uri.len()).or_default() += 1;
                }
            }
            Match::Wildcard => self.wildcards.insert(uri, value),
        }
    }

    pub(crate) fn remove(&mut self, policy: Match, uri: &str) {
        match policy {
            Match::Exact => {
                self.exact.remove(uri);
            }
            Match::Prefix => {
                if self.prefixes.remove(uri).is_some()
                    && let Some(count) = self.lengths.get_mut(&uri.len())
                {
                    *count -= 1;
                    if *count == 0 {
                        self.lengths.remove(&uri.len());
                    }
                }
            }
            Match::Wildcard => self.wildcards.remove(uri),
        }
    }

    /// The value of the whole URI.
    pub(crate) fn exact(&self, uri: &str) -> Option<T> {
        self.exact.get(uri).copied()
    }

    /// Whether there are patterns that are not exact.
    pub(crate) fn has_patterns(&self) -> bool {
        !self.lengths.is_empty() || !self.wildcards.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty() && !self.has_patterns()
    }

    /// Appends the values of all patterns that cover `uri`: the exact one, prefixes from the shortest to the longest,
    /// wildcards.
    pub(crate) fn all(&self, uri: &str, found: &mut Vec<T>) {
        found.extend(self.exact(uri));
        for (&length, _) in self.lengths.range(..=uri.len()) {
            found.extend(uri.get(..length).and_then(|prefix| self.prefixes.get(prefix)).copied());
        }
        self.wildcards.all(uri, |_, value| found.push(value));
    }

    /// The value of the longest prefix.
    pub(crate) fn prefix(&self, uri: &str) -> Option<T> {
        let fitting = self.lengths.range(..=uri.len()).rev();
        fitting.filter_map(|(&length, _)| self.prefixes.get(uri.get(..length)?).copied()).next()
    }

    /// The value of the most specific wildcard: the one with the longest part before its first wildcard, among equals
    /// the one with the longest second part, and so on.
    pub(crate) fn wildcard(&self, uri: &str) -> Option<T> {
        let mut best: Option<(&[usize], T)> = None;
        self.wildcards.all(uri, |parts, value| {
            if best.is_none_or(|(most, _)| parts > most) {
                best = Some((parts, value));
            }
        });
        best.map(|(_, value)| value)
    }

    /// The value of the pattern that a call goes to: the exact one, else the longest prefix, else the most specific
    /// wildcard.
    pub(crate) fn best(&self, uri: &str) -> Option<T> {
        self.exact(uri).or_else(|| self.prefix(uri)).or_else(|| self.wildcard(uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Match::{Exact, Prefix, Wildcard};

    fn table(patterns: &[(Match, &'static str)]) -> Patterns<&'static str> {
        let mut table = Patterns::default();
        for &(policy, uri) in patterns {
            table.insert(policy, uri, uri);
        }
        table
    }

    #[test]
    fn a_call_goes_to_the_most_specific_pattern() {
        let table = table(&[
            (Exact, "a1.b2.c3.d4.e55"),
            (Prefix, "a1.b2.c3"),
            (Prefix, "a1.b2.c3.d4"),
            (Wildcard, "a1.b2..d4.e5"),
            (Wildcard, "a1.b2.c44..e5"),
            (Wildcard, "a1.b2..d4.e5..g7"),
            (Wildcard, "a1.b2..d4..f6.g7"),
        ]);
        for (uri, expected) in [
            ("a1.b2.c3.d4.e55", Some("a1.b2.c3.d4.e55")),
            ("a1.b2.c3.d98.e74", Some("a1.b2.c3")),
            ("a1.b2.c3.d4.e325", Some("a1.b2.c3.d4")),
            ("a1.b2.c55.d4.e5", Some("a1.b2..d4.e5")),
            ("a1.b2.c44.d4.e5", Some("a1.b2.c44..e5")),
            ("a1.b2.c88.d4.e5.f6.g7", Some("a1.b2..d4.e5..g7")),
            ("a2.b2.c2.d2.e2", None),
        ] {
            assert_eq!(table.best(uri), expected, "{uri}");
        }
    }

    #[test]
    fn all_patterns_that_cover_a_uri_are_found_and_none_after_its_removal() {
        let patterns = [
            (Exact, "com.x"),
            (Prefix, ""),
            (Prefix, "com."),
            (Prefix, "com.x"),
            (Wildcard, "com."),
            (Wildcard, ".x"),
            (Wildcard, "com.x"),
            (Wildcard, "."),
            (Wildcard, "com.x."),
            (Prefix, "com.x.y"),
        ];
        let mut table = table(&patterns);
        let found = |table: &Patterns<&'static str>| {
            let mut found = Vec::new();
            table.all("com.x", &mut found);
            found
        };
        assert_eq!(found(&table), ["com.x", "", "com.", "com.x", "com.x", "com.", ".x", "."]);
        for (policy, uri) in patterns {
            assert_eq!(table.get(policy, uri), Some(uri));
            table.remove(policy, uri);
            table.remove(policy, uri);
            assert_eq!(table.get(policy, uri), None);
        }
        assert!(table.is_empty() && table.wildcards.is_bare() && table.lengths.is_empty());
        assert!(found(&table).is_empty());
    }

    #[test]
    fn a_prefix_may_end_within_a_character() {
        let table = table(&[(Prefix, "com.a")]);
        assert_eq!(table.prefix("com.ä"), None);
    }
}
