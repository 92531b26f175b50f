//! The certificates that a node gets by itself: which there are, and how their directories can reach the node.

use super::diagnostic::{Path, Remark, Severity};
use super::endpoint::{Acme, ListenPort, ListeningEndpoint};
use super::node::Node;
use super::transport::Transport;

/// Every ACME section of the node, where it is, and the transport that it is of.
pub fn acme_of_node(node: &Node) -> Vec<(Path, &Acme, &Transport)> {
    let mut found = Vec::new();
    for (index, worker) in node.workers.iter().enumerate().filter(|(_, worker)| !worker.disabled()) {
        let at = Path::default().key("workers").index(index).key("transports");
        for (index, transport) in worker.transports().iter().enumerate() {
            if let Some(acme) = transport.endpoint.tls().and_then(|tls| tls.acme.as_ref()) {
                found.push((at.index(index).key("endpoint").key("tls").key("acme"), acme, transport));
            }
        }
    }
    found
}

/// Whether the node answers plain HTTP at port 80, where directories ask for challenges (HTTP-01).
pub fn answers_at_port_80(node: &Node) -> bool {
    let workers = node.workers.iter().filter(|worker| !worker.disabled());
    workers.flat_map(|worker| worker.transports()).any(|transport| {
        transport.endpoint.tls().is_none() && listens_at(transport, 80) && transport.kind.kind().speaks_http()
    })
}

fn listens_at(transport: &Transport, port: u16) -> bool {
    matches!(&transport.endpoint, ListeningEndpoint::Tcp(tcp) if tcp.port == ListenPort::Port(port))
}

/// What there is to say about the ACME sections together.
pub(super) fn review(node: &Node) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let all = acme_of_node(node);
    let is_reached = answers_at_port_80(node) || all.iter().any(|(.., transport)| listens_at(transport, 443));
    for (index, (at, acme, _)) in all.iter().enumerate() {
        let first = all.iter().take(index).find(|(_, other, _)| other.name() == acme.name());
        if let Some((first, ..)) = first.filter(|(_, other, _)| other != acme) {
            let text = format!(
                "the certificate for {:?} has other settings at {first}: use the same, or begin with another domain",
                acme.name()
            );
            remarks.push((Severity::Error, at.key("domains"), text));
        }
        if !is_reached {
            let text = "the directory connects to port 443 (TLS-ALPN-01): make sure that this leads here; or let a web \
                        transport of the node listen at port 80 (HTTP-01)";
            remarks.push((Severity::Warning, at.clone(), text.to_owned()));
        }
    }
    remarks
}
