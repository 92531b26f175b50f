//! Tables by URI patterns: exact, prefix, wildcard.

use crate::uri::Match;
use slab::Slab;
use std::collections::{BTreeMap, HashMap};

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
        !self.lengths.is_empty() || self.wildcards.count != 0
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

/// A tree of components.
#[derive(Debug)]
struct Wildcards<T> {
    nodes: Slab<Node<T>>,
    root: usize,
    count: usize,
}

#[derive(Debug)]
struct Node<T> {
    children: HashMap<Box<str>, usize>,
    any: Option<usize>,
    /// The lengths of the parts between wildcards, in components, and the value.
    value: Option<(Box<[usize]>, T)>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { children: HashMap::new(), any: None, value: None }
    }
}

impl<T> Default for Wildcards<T> {
    fn default() -> Self {
        let mut nodes = Slab::new();
        let root = nodes.insert(Node::default());
        Self { nodes, root, count: 0 }
    }
}

impl<T: Copy> Wildcards<T> {
    fn child(&self, node: usize, component: &str) -> Option<usize> {
        let node = &self.nodes[node];
        if component.is_empty() { node.any } else { node.children.get(component).copied() }
    }

    fn get(&self, pattern: &str) -> Option<T> {
        let mut components = pattern.split('.');
        let node = components.try_fold(self.root, |node, component| self.child(node, component))?;
        self.nodes[node].value.as_ref().map(|(_, value)| *value)
    }

    fn insert(&mut self, pattern: &str, value: T) {
        let mut at = self.root;
        for component in pattern.split('.') {
            at = match self.child(at, component) {
                Some(next) => next,
                None => {
                    let next = self.nodes.insert(Node::default());
                    let node = &mut self.nodes[at];
                    if component.is_empty() {
                        node.any = Some(next);
                    } else {
                        node.children.insert(component.into(), next);
                    }
                    next
                }
            };
        }
        if self.nodes[at].value.replace((parts(pattern), value)).is_none() {
            self.count += 1;
        }
    }

    fn remove(&mut self, pattern: &str) {
        let mut path = vec![self.root];
        for component in pattern.split('.') {
            let Some(next) = self.child(path[path.len() - 1], component) else { return };
            path.push(next);
        }
        if self.nodes[path[path.len() - 1]].value.take().is_none() {
            return;
        }
        self.count -= 1;
        for component in pattern.rsplit('.') {
            let (Some(leaf), Some(&parent)) = (path.pop(), path.last()) else { return };
            let node = &self.nodes[leaf];
            if node.value.is_some() || node.any.is_some() || !node.children.is_empty() {
                return;
            }
            self.nodes.remove(leaf);
            let parent = &mut self.nodes[parent];
            if component.is_empty() {
                parent.any = None;
            } else {
                parent.children.remove(component);
            }
        }
    }

    fn all<'a>(&'a self, uri: &str, mut found: impl FnMut(&'a [usize], T)) {
        if self.count == 0 {
            return;
        }
        let mut level = vec![self.root];
        let mut next = Vec::new();
        for component in uri.split('.') {
            for &node in &level {
                let node = &self.nodes[node];
                next.extend(node.children.get(component));
                next.extend(node.any);
            }
            if next.is_empty() {
                return;
            }
            std::mem::swap(&mut level, &mut next);
            next.clear();
        }
        for node in level {
            if let Some((parts, value)) = &self.nodes[node].value {
                found(parts, *value);
            }
        }
    }
}

/// The lengths, in components, of the parts that wildcards separate.
fn parts(pattern: &str) -> Box<[usize]> {
    let mut parts = vec![0];
    for component in pattern.split('.') {
        if component.is_empty() {
            parts.push(0);
        } else if let Some(last) = parts.last_mut() {
            *last += 1;
        }
    }
    parts.into()
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
        assert!(table.is_empty() && table.wildcards.nodes.len() == 1 && table.lengths.is_empty());
        assert!(found(&table).is_empty());
    }

    #[test]
    fn a_prefix_may_end_within_a_character() {
        let table = table(&[(Prefix, "com.a")]);
        assert_eq!(table.prefix("com.ä"), None);
    }
}
