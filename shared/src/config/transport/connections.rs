//! What a transport has with its path services: where clients come in, where connections go, what is missing.

use super::super::diagnostic::{Path, Remark};
use super::super::endpoint::ConnectingEndpoint;
use super::super::rules::PathRules;
use super::super::service::PathService;
use super::{Section, Transport, TransportKind, Web, Within};
use std::collections::BTreeMap;
use std::path::PathBuf;

impl Transport {
    /// Every endpoint that its connections are carried to, with its place; `at` is where the transport is.
    pub fn connections(&self, at: &Path) -> Vec<(Path, &ConnectingEndpoint)> {
        let services = self.services(at).into_iter();
        let of_services = services.flat_map(|(at, service)| service.kind().connections(&at));
        let of_rules = self.rules(at).into_iter().filter_map(|(at, rules)| {
            Some((at.key("forward_auth").key("endpoint"), &rules.forward_auth.as_ref()?.endpoint))
        });
        self.kind.kind().connections(at).into_iter().chain(of_services).chain(of_rules).collect()
    }

    /// Everything that WAMP clients connect to, with its place.
    pub fn sections(&self, at: &Path) -> Vec<(Path, Section<'_>)> {
        let services = self.services(at).into_iter();
        let of_services = services.filter_map(|(at, service)| Some((at, service.kind().section()?)));
        self.kind.kind().sections(at).into_iter().chain(of_services).collect()
    }

    /// What of it is not in this release, in a worker like this.
    pub(crate) fn unbuilt(&self, at: &Path, within: Within) -> Vec<Remark> {
        let mut remarks = self.kind.kind().unbuilt(at);
        for (at, section) in self.sections(at) {
            remarks.extend(section.unbuilt(&at, within));
        }
        for (at, service) in self.services(at) {
            remarks.extend(service.kind().unbuilt(&at, within));
        }
        remarks
    }

    /// The files with passwords that rules of its paths name, each with its place.
    pub fn passwords(&self, at: &Path) -> Vec<(Path, &PathBuf)> {
        let rules = self.rules(at).into_iter();
        rules.filter_map(|(at, rules)| Some((at.key("basic"), &rules.basic.as_ref()?.file))).collect()
    }

    /// The rules of its paths, each with its place.
    fn rules(&self, at: &Path) -> Vec<(Path, &PathRules)> {
        let (web, at) = match &self.kind {
            TransportKind::Web(web) => (Some(web), at.clone()),
            TransportKind::Universal(universal) => (universal.web.as_ref(), at.key("web")),
            _ => (None, at.clone()),
        };
        let mut found = Vec::new();
        for (host, _, rules) in web.into_iter().flat_map(Web::sites) {
            let at = if host.is_empty() { at.clone() } else { at.key("hosts").key(host) };
            found.extend(rules.iter().map(|(path, rules)| (at.key("rules").key(path), rules)));
        }
        found
    }

    /// Every path service, also those below other paths, with its place.
    pub fn services(&self, at: &Path) -> Vec<(Path, &PathService)> {
        let mut found = Vec::new();
        match &self.kind {
            TransportKind::Web(web) => add_sites(web, at, &mut found),
            TransportKind::Universal(universal) => {
                if let Some(web) = &universal.web {
                    add_sites(web, &at.key("web"), &mut found);
                }
            }
            _ => {}
        }
        found
    }
}

fn add_sites<'a>(web: &'a Web, at: &Path, found: &mut Vec<(Path, &'a PathService)>) {
    for (host, paths, _) in web.sites() {
        let at = if host.is_empty() { at.clone() } else { at.key("hosts").key(host) };
        add_paths(paths, &at, found);
    }
}

fn add_paths<'a>(
    paths: &'a BTreeMap<String, PathService>,
    at: &Path,
    found: &mut Vec<(Path, &'a PathService)>,
) {
    for (path, service) in paths {
        let at = at.key("paths").key(path);
        match service {
            PathService::Path(nested) => add_paths(&nested.paths, &at, found),
            _ => found.push((at, service)),
        }
    }
}
