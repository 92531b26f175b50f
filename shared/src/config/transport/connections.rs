//! The path services of a transport, and the connections that it makes to others.

use super::super::diagnostic::Path;
use super::super::endpoint::ConnectingEndpoint;
use super::super::service::PathService;
use super::{Transport, TransportKind, Web};
use std::collections::BTreeMap;

impl Transport {
    /// Every endpoint that its connections are relayed to, with its place; `at` is where the transport is.
    pub fn connections(&self, at: &Path) -> Vec<(Path, &ConnectingEndpoint)> {
        let mut found = Vec::new();
        if let TransportKind::StreamRelay(relay) = &self.kind {
            add_all(&relay.backends, at, &mut found);
        }
        for (at, service) in self.services(at) {
            match service {
                PathService::Reverseproxy(proxy) => add_all(&proxy.backends, &at, &mut found),
                PathService::WebsocketReverseproxy(proxy) => {
                    found.push((at.key("backend").key("endpoint"), &proxy.backend.websocket.endpoint));
                }
                _ => {}
            }
        }
        found
    }

    /// Every path service, also those below other paths, with its place.
    pub fn services(&self, at: &Path) -> Vec<(Path, &PathService)> {
        let mut found = Vec::new();
        match &self.kind {
            TransportKind::Web(Web { paths, .. }) => add_paths(paths, at, &mut found),
            TransportKind::Universal(universal) => {
                if let Some(web) = &universal.web {
                    add_paths(&web.paths, &at.key("web"), &mut found);
                }
            }
            _ => {}
        }
        found
    }
}

type Found<'a> = Vec<(Path, &'a ConnectingEndpoint)>;

fn add_all<'a>(backends: &'a [ConnectingEndpoint], at: &Path, found: &mut Found<'a>) {
    let at = at.key("backends");
    found.extend(backends.iter().enumerate().map(|(index, backend)| (at.index(index), backend)));
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
