//! Virtual hosts: which paths a name has.

use super::rules::Rules;
use super::services::Routes;
use std::borrow::Cow;
use std::collections::HashMap;

/// What a host serves.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) routes: Routes,
    /// Where some path has rules.
    pub(super) rules: Option<Rules>,
}

/// The paths of each host that has some of its own.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    exact: HashMap<String, Place>,
    /// By what follows the first label.
    wildcard: HashMap<String, Place>,
}

impl Hosts {
    /// Adds a host, `example.org`, or all that are one label below it, `*.example.org`.
    pub(super) fn insert(&mut self, host: &str, place: Place) {
        match host.strip_prefix("*.") {
            Some(parent) => self.wildcard.insert(parent.to_owned(), place),
            None => self.exact.insert(host.to_owned(), place),
        };
    }

    /// The paths of a host, if it has some of its own.
    pub(super) fn find(&self, host: &str) -> Option<&Place> {
        let host = match host.bytes().any(|b| b.is_ascii_uppercase()) {
            true => Cow::Owned(host.to_ascii_lowercase()),
            false => Cow::Borrowed(host),
        };
        self.exact.get(&*host).or_else(|| self.wildcard.get(host.split_once('.')?.1))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.wildcard.is_empty()
    }

    /// The paths of all of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Place> {
        self.exact.values().chain(self.wildcard.values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::engine::path::Rest;
    use crate::web::services::Nothing;

    #[test]
    fn an_exact_name_comes_before_a_wildcard_of_one_label() {
        let mut hosts = Hosts::default();
        assert!(hosts.is_empty());
        for host in ["example.org", "*.example.org", "a.example.org"] {
            let mut routes = Routes::default();
            routes.insert(host, "/", "none", Box::new(Nothing));
            hosts.insert(host, Place { routes, rules: None });
        }
        for (host, found) in [
            ("example.org", Some("example.org")),
            ("EXAMPLE.org", Some("example.org")),
            ("a.example.org", Some("a.example.org")),
            ("B.Example.Org", Some("*.example.org")),
            ("b.a.example.org", None),
            ("org", None),
            ("", None),
        ] {
            let names = hosts
                .find(host)
                .map(|place| place.routes.find(Rest::of("/")).unwrap().leaf.tally.host().to_owned());
            assert_eq!(names.as_deref(), found, "{host}");
        }
    }
}
