//! Relays that lead back to themselves: every connection to one would be carried to itself until no descriptors are left.

use super::diagnostic::{Path, Severity};
use super::endpoint::{
    ConnectingEndpoint, IpVersion, ListenPort, ListeningEndpoint, TcpConnecting, TcpListening,
};
use super::endpoints::{Endpoint, endpoints_of_node};
use super::node::Node;
use super::transport::TransportKind;
use super::worker::WorkerKind;
use std::net::IpAddr;

/// A relay, or a transport of a proxy worker: where it listens, and where each of its backends is written and leads to.
struct Relay<'a> {
    listening: &'a ListeningEndpoint,
    backends: Vec<(Path, &'a ConnectingEndpoint)>,
}

/// An error for each backend, or connection of a proxy worker, by which one leads back to itself, directly or by way of other relays of the node, as
/// far as addresses are written out.
pub(super) fn remarks(node: &Node) -> Vec<(Severity, Path, String)> {
    let mut relays: Vec<_> =
        endpoints_of_node(node).filter_map(|(at, endpoint)| relay(at, endpoint)).collect();
    for (index, worker) in node.workers.iter().enumerate().filter(|(_, worker)| !worker.disabled()) {
        if let WorkerKind::Proxy(proxy) = &worker.kind {
            let speaks = proxy.transports.iter().filter(|transport| transport.kind.kind().speaks_wamp());
            let at = Path::default().key("workers").index(index);
            relays.extend(speaks.map(|transport| Relay {
                listening: &transport.endpoint,
                backends: worker.kind.kind().connections(&at),
            }));
        }
    }
    let next: Vec<Vec<Vec<usize>>> = relays
        .iter()
        .map(|relay| {
            let reached =
                |backend| (0..relays.len()).filter(|&to| leads_to(backend, relays[to].listening)).collect();
            relay.backends.iter().map(|(_, backend)| reached(backend)).collect()
        })
        .collect();
    let mut found = Vec::new();
    for (index, relay) in relays.iter().enumerate() {
        for ((at, _), reached) in relay.backends.iter().zip(&next[index]) {
            let mut seen = vec![false; relays.len()];
            let mut todo = reached.clone();
            while let Some(at) = todo.pop() {
                if !std::mem::replace(&mut seen[at], true) {
                    todo.extend(next[at].iter().flatten());
                }
            }
            if seen[index] {
                let how = if reached.contains(&index) {
                    "is the relay's own address"
                } else {
                    "leads back to this relay, by way of others"
                };
                let message = format!(
                    "{how}: a connection would be carried round until no descriptors are left; name another server"
                );
                let remark = (Severity::Error, at.clone(), message);
                // All transports of a proxy worker lead over the same connections.
                if !found.contains(&remark) {
                    found.push(remark);
                }
            }
        }
    }
    found
}

fn relay(mut at: Path, endpoint: Endpoint<'_>) -> Option<Relay<'_>> {
    let Endpoint::Listening(listening, Some(transport)) = endpoint else { return None };
    if !matches!(transport.kind, TransportKind::StreamRelay(_)) {
        return None;
    }
    // The transport's own place is the one above its endpoint's.
    at.pop();
    Some(Relay { listening, backends: transport.connections(&at) })
}

fn leads_to(backend: &ConnectingEndpoint, listening: &ListeningEndpoint) -> bool {
    match (backend, listening) {
        (ConnectingEndpoint::Tcp(to), ListeningEndpoint::Tcp(at)) => tcp_leads_to(to, at),
        (ConnectingEndpoint::Unix(to), ListeningEndpoint::Unix(at)) => to.path == at.path,
        _ => false,
    }
}

fn tcp_leads_to(to: &TcpConnecting, at: &TcpListening) -> bool {
    let ListenPort::Port(port) = at.port else { return false };
    if to.port != port {
        return false;
    }
    // A name leads to whatever somebody else says; this one never does.
    let of = |host: &str| match host {
        "localhost" => vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])],
        host => host.parse().into_iter().collect(),
    };
    let targets = of(&to.host);
    let takes = |target: &IpAddr| target.is_loopback() || target.is_unspecified();
    match at.interface.as_str() {
        "" if at.version == Some(IpVersion::V6) => targets.iter().any(|t| t.is_ipv6() && takes(t)),
        "" | "0.0.0.0" => targets.iter().any(|t| t.is_ipv4() && takes(t)),
        "::" => targets.iter().any(takes),
        interface => {
            let own = of(interface);
            to.host.eq_ignore_ascii_case(interface) || targets.iter().any(|target| own.contains(target))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::source::Format;
    use crate::config::{Severity, parse};

    /// Where the errors are in a node whose relays listen and connect so.
    fn errors(relays: &[(&str, &str)]) -> Vec<String> {
        let transport = |(listening, backend): &(&str, &str)| {
            format!(r#"{{"type": "stream.relay", "endpoint": {listening}, "backends": [{backend}]}}"#)
        };
        let transports: Vec<_> = relays.iter().map(transport).collect();
        let text = format!(
            r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{}]}}]}}"#,
            transports.join(", ")
        );
        let loaded = parse(&text, Format::Json, "config.json", "/node".as_ref(), &|_| None);
        let errors: Vec<_> = loaded.of(Severity::Error).map(|error| error.path.clone()).collect();
        assert_eq!(loaded.node.is_none(), !errors.is_empty());
        errors
    }

    #[test]
    fn a_relay_to_its_own_address_is_an_error_where_it_can_be_seen() {
        let on = |port: u16| format!(r#"{{"type": "tcp", "port": {port}}}"#);
        let at = |interface: &str| format!(r#"{{"type": "tcp", "port": 1000, "interface": "{interface}"}}"#);
        let to = |host: &str, port: u16| format!(r#"{{"type": "tcp", "host": "{host}", "port": {port}}}"#);
        let unix = |path: &str| format!(r#"{{"type": "unix", "path": "{path}"}}"#);
        for (listening, backend, is_loop) in [
            (on(1000), to("127.0.0.1", 1000), true),
            (on(1000), to("localhost", 1000), true),
            (on(1000), to("::1", 1000), false),
            (on(1000), to("127.0.0.1", 1001), false),
            (on(1000), to("192.0.2.1", 1000), false),
            (at("::"), to("127.0.0.1", 1000), true),
            (at("127.0.0.2"), to("127.0.0.1", 1000), false),
            (at("127.0.0.2"), to("127.0.0.2", 1000), true),
            (at("Name.test"), to("name.test", 1000), true),
            (unix("a"), unix("a"), true),
            (unix("a"), unix("b"), false),
        ] {
            let found = errors(&[(&listening, &backend)]);
            assert_eq!(!found.is_empty(), is_loop, "{listening} {backend}: {found:?}");
        }
        let round = [
            (on(1000), to("127.0.0.1", 1001)),
            (on(1001), to("127.0.0.1", 1000)),
            (on(1002), to("127.0.0.1", 1000)),
        ];
        let round: Vec<_> =
            round.iter().map(|(listening, backend)| (listening.as_str(), backend.as_str())).collect();
        let expected = [0, 1].map(|n| format!("workers[0].transports[{n}].backends[0]"));
        assert_eq!(errors(&round), expected, "the third leads into the circle, and is not in it");
    }
}
