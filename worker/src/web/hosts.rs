//! Virtual hosts: which paths a name has.

use super::services::Routes;
use std::borrow::Cow;
use std::collections::HashMap;

/// The paths of each host that has some of its own.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    exact: HashMap<String, Routes>,
    /// By what follows the first label.
    wildcard: HashMap<String, Routes>,
}

impl Hosts {
    /// Adds a host, `example.org`, or all that are one label below it, `*.example.org`.
    pub(super) fn insert(&mut self, host: &str, routes: Routes) {
        match host.strip_prefix("*.") {
            Some(parent) => self.wildcard.insert(parent.to_owned(), routes),
            None => self.exact.insert(host.to_owned(), routes),
        };
    }

    /// The paths of a host, if it has some of its own.
    pub(super) fn find(&self, host: &str) -> Option<&Routes> {
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
    pub(super) fn all(&self) -> impl Iterator<Item = &Routes> {
        self.exact.values().chain(self.wildcard.values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::services::Nothing;

    #[test]
    fn an_exact_name_comes_before_a_wildcard_of_one_label() {
        let mut hosts = Hosts::default();
        assert!(hosts.is_empty());
        for host in ["example.org", "*.example.org", "a.example.org"] {
            let mut routes = Routes::default();
            routes.insert(host, "/", "none", Box::new(Nothing));
            hosts.insert(host, routes);
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
            let names = hosts.find(host).map(|routes| routes.counters()[0].host.clone());
            assert_eq!(names.as_deref(), found, "{host}");
        }
    }
}
