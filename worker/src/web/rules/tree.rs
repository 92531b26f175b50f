//! Which rules a path has.

use super::rule::Rule;
use crate::connect::Means;
use jackfield_shared::config::PathRules;
use jackfield_shared::tls::Files;
use percent_encoding::percent_decode_str;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// The rules of all paths of a host.
#[derive(Debug, Default)]
pub(in crate::web) struct Rules {
    next: HashMap<Vec<u8>, Self>,
    /// Of the path and those above it.
    rule: Option<Rc<Rule>>,
}

impl Rules {
    /// Prepares rules by their paths; nothing, if there are none.
    ///
    /// # Errors
    /// The path, and what can't be used.
    pub(in crate::web) fn new(
        config: &BTreeMap<String, PathRules>,
        means: Means<'_>,
    ) -> Result<Option<Self>, String> {
        if config.is_empty() {
            return Ok(None);
        }
        let mut root = Self::default();
        // Shorter paths come first, so what is above is there already.
        let mut paths: Vec<_> = config.iter().map(|(path, rules)| (segments(path), path, rules)).collect();
        paths.sort_by_key(|(segments, ..)| segments.len());
        for (segments, path, rules) in paths {
            let above = root.find_segments(&segments).cloned();
            let rule =
                Rule::new(rules, above.as_deref(), means).map_err(|e| format!("rules of \"{path}\": {e}"))?;
            let place =
                segments.into_iter().fold(&mut root, |tree, segment| tree.next.entry(segment).or_default());
            place.rule = Some(Rc::new(rule));
        }
        Ok(Some(root))
    }

    /// The rules of a request's path, which has segments as the most generous of backends sees them: encoded slashes and
    /// those that lean the other way are slashes, and what follows a semicolon does not count. So nobody gets around a
    /// rule by how a path is written.
    pub(in crate::web) fn find(&self, path: &str) -> Option<&Rc<Rule>> {
        self.find_segments(&segments(path))
    }

    fn find_segments(&self, segments: &[Vec<u8>]) -> Option<&Rc<Rule>> {
        let mut tree = self;
        let mut found = self.rule.as_ref();
        for segment in segments {
            let Some(next) = tree.next.get(segment) else { break };
            tree = next;
            found = tree.rule.as_ref().or(found);
        }
        found
    }

    /// Takes the files with passwords and those of TLS as they are now.
    pub(in crate::web) fn renew(&self, files: &Files) -> Result<(), String> {
        self.rule.iter().try_for_each(|rule| rule.renew(files))?;
        self.next.values().try_for_each(|rules| rules.renew(files))
    }
}

fn segments(path: &str) -> Vec<Vec<u8>> {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let segments = decoded.split(|byte| matches!(byte, b'/' | b'\\'));
    let plain =
        segments.map(|segment| segment.split(|byte| *byte == b';').next().unwrap_or_default().to_vec());
    plain.filter(|segment| !segment.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_around_a_rule_by_how_a_path_is_written() {
        let rules = |text: &str| {
            let config = format!(
                r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{{"type": "web",
                "endpoint": {{"type": "tcp", "port": 8080}}, "paths": {{}}, "rules": {text}}}]}}]}}"#
            );
            use jackfield_shared::config::{Format, TransportKind, parse};
            let loaded = parse(&config, Format::Json, "config.json", std::path::Path::new("/"), &|_| None);
            let TransportKind::Web(web) = loaded.node.unwrap().workers[0].transports()[0].kind.clone() else {
                unreachable!()
            };
            Rules::new(&web.rules, Means::of(&Files::default())).unwrap().unwrap()
        };
        let tree =
            rules(r#"{"admin": {"deny": ["10.0.0.0/8"]}, "a/b": {}, "a": {"deny": ["192.0.2.0/24"]}}"#);
        for (path, has) in [
            ("/admin", true),
            ("/%61dmin/x", true),
            ("//admin//x", true),
            ("/admin;x=1/y", true),
            ("/admin%2fx", true),
            ("/admin\\x", true),
            ("/administration", false),
            ("/x/admin", false),
            ("/", false),
        ] {
            assert_eq!(tree.find(path).is_some(), has, "{path}");
        }
        let denied = |path: &str| tree.find(path).unwrap().denies("192.0.2.1:1".parse().unwrap());
        assert!(denied("/a") && denied("/a/b/c"), "what is above holds below");
        assert!(!denied("/admin"));
    }
}
