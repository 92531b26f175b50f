//! Every endpoint of a configuration, and where it is.

use super::{
    ArchiveService, Backend, ConnectingEndpoint, ListeningEndpoint, Node, Path, PathService, Transport,
    TransportKind, Worker,
};
use std::collections::BTreeSet;

/// An endpoint.
#[derive(Clone, Copy, Debug)]
pub enum Endpoint<'a> {
    /// One that a transport listens on, or a guest.
    Listening(&'a ListeningEndpoint, Option<&'a Transport>),
    /// One that is connected to.
    Connecting(&'a ConnectingEndpoint),
}

impl Endpoint<'_> {
    /// Whether it takes the node's embedded Arti; the attribute that would name a tor daemon instead.
    pub fn arti(&self) -> Option<&'static str> {
        match self {
            Self::Listening(ListeningEndpoint::Onion(onion), _) => {
                onion.tor_control_endpoint.is_none().then_some("tor_control_endpoint")
            }
            Self::Connecting(ConnectingEndpoint::Tor(tor)) => {
                tor.tor_socks_port.is_none().then_some("tor_socks_port")
            }
            Self::Listening(..) | Self::Connecting(_) => None,
        }
    }

    /// Whether it is connected to through the node's embedded Arti.
    pub fn is_through_arti(&self) -> bool {
        matches!(self, Self::Connecting(_)) && self.arti().is_some()
    }
}

/// Every endpoint of a worker; `at` is where the worker itself is. Control ports of tor daemons are parts of their
/// onion services.
pub fn endpoints<'a>(worker: &'a Worker, at: &Path) -> Vec<(Path, Endpoint<'a>)> {
    let mut found = Vec::new();
    let kind = worker.kind.kind();
    for (index, transport) in kind.transports().iter().enumerate() {
        let at = kind.transport_path(at, index);
        found.push((at.key("endpoint"), Endpoint::Listening(&transport.endpoint, Some(transport))));
        let connections = transport.connections(&at).into_iter();
        found.extend(connections.map(|(at, endpoint)| (at, Endpoint::Connecting(endpoint))));
    }
    let sockets = kind.sockets().iter().enumerate();
    found.extend(sockets.map(|(index, socket)| {
        let at = at.key("listen").index(index).key("endpoint");
        (at, Endpoint::Listening(&socket.endpoint, None))
    }));
    let connections = kind.connections(at).into_iter();
    found.extend(connections.map(|(at, endpoint)| (at, Endpoint::Connecting(endpoint))));
    found
}

/// The endpoints of a node's workers, but of those that are disabled.
pub fn endpoints_of_node(node: &Node) -> impl Iterator<Item = (Path, Endpoint<'_>)> {
    let workers = node.workers.iter().enumerate().filter(|(_, worker)| !worker.disabled());
    workers.flat_map(|(index, worker)| endpoints(worker, &Path::default().key("workers").index(index)))
}

/// The addresses of all backends of a node's relays and reverse proxies, but of workers that are disabled.
pub fn backends_of_node(node: &Node) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut add = |backends: &[Backend]| {
        found.extend(backends.iter().map(|backend| backend.endpoint.to_string()));
    };
    for (at, endpoint) in endpoints_of_node(node) {
        let Endpoint::Listening(_, Some(transport)) = endpoint else { continue };
        if let TransportKind::StreamRelay(relay) = &transport.kind {
            add(&relay.backends);
        }
        for (_, service) in transport.services(&at) {
            if let PathService::Reverseproxy(proxy) = service {
                add(&proxy.backends);
            }
        }
    }
    found
}

/// The `archive` services of a node's workers, but of those that are disabled.
pub fn archives_of_node(node: &Node) -> Vec<(Path, &ArchiveService)> {
    let mut found = Vec::new();
    for (mut at, endpoint) in endpoints_of_node(node) {
        let Endpoint::Listening(_, Some(transport)) = endpoint else { continue };
        // The transport's own place is the one above its endpoint's.
        at.pop();
        for (at, service) in transport.services(&at) {
            if let PathService::Archive(archive) = service {
                found.push((at, archive));
            }
        }
    }
    found
}
