//! The path services of a transport, and the connections that it makes to others.

use super::super::diagnostic::Path;
use super::super::endpoint::ConnectingEndpoint;
use super::super::service::PathService;
use super::{RawsocketSection, Transport, TransportKind, Web, WebsocketPath};
use std::collections::BTreeMap;

impl Transport {
    /// Whether WAMP clients may connect.
    pub(crate) fn speaks_wamp(&self) -> bool {
        match &self.kind {
            TransportKind::Websocket(_) | TransportKind::Rawsocket(_) | TransportKind::Mqtt(_) => true,
            TransportKind::Universal(universal) => {
                universal.mqtt.is_some()
                    || matches!(universal.rawsocket, Some(RawsocketSection::Rawsocket(_)))
                    || universal
                        .websocket
                        .iter()
                        .flatten()
                        .any(|(_, path)| matches!(path, WebsocketPath::Websocket(_)))
                    || universal.web.iter().any(|web| web.paths.values().any(serves_wamp))
            }
            TransportKind::Web(web) => web.paths.values().any(serves_wamp),
            _ => false,
        }
    }

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
            TransportKind::StreamRelay(_)
            | TransportKind::Websocket(_)
            | TransportKind::Rawsocket(_)
            | TransportKind::Mqtt(_)
            | TransportKind::Flashpolicy(_)
            | TransportKind::WebsocketTestee(_)
            | TransportKind::RawsocketTestee(_)
            | TransportKind::StreamTestee(_) => {}
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

fn serves_wamp(service: &PathService) -> bool {
    match service {
        PathService::Path(nested) => nested.paths.values().any(serves_wamp),
        PathService::Websocket(_)
        | PathService::Longpoll(_)
        | PathService::Publisher(_)
        | PathService::Caller(_)
        | PathService::Webhook(_)
        | PathService::Wap(_) => true,
        _ => false,
    }
}
