//! What becomes of onion services: the process that publishes them tells, and is believed for as long as it lives.

use super::Supervisor;
use super::event::Source;
use crate::sockets::Bound;
use jackfield_shared::config::Transport;
use jackfield_shared::ipc::Publication;
use jackfield_shared::log::Level;
use jackfield_shared::status::{EndpointState, State};

impl Supervisor {
    /// A process tells what has become of a service.
    pub(super) fn published(&mut self, source: &Source, publication: Publication) {
        let Publication { worker, transport, state, reason } = &publication;
        let level = match state {
            EndpointState::Bound | EndpointState::Publishing | EndpointState::Published => Level::Info,
            EndpointState::Degraded => Level::Warn,
            EndpointState::Failed => Level::Error,
        };
        let name = format!("{worker}, {transport}");
        let text = match (self.uri(worker, transport), reason) {
            (Some(uri), None) => format!("{state}: {uri} for {name}"),
            (Some(uri), Some(reason)) => format!("{state}: {uri} for {name}: {reason}"),
            (None, _) => return,
        };
        self.hub.publish(source.record(level, text));
        let Some(process) = self.processes.get_mut(&source.key) else { return };
        process
            .publications
            .retain(|p| (&p.worker, &p.transport) != (&publication.worker, &publication.transport));
        process.publications.push(publication);
    }

    /// Where a service is to be reached, as a URI.
    fn uri(&self, worker: &str, transport: &str) -> Option<String> {
        let mut services = self.serving().flat_map(|(_, worker)| worker.services());
        let service =
            services.find(|service| (&*service.worker, &*service.transport) == (worker, transport))?;
        let (_, worker) = self.serving().find(|(_, candidate)| candidate.id() == worker)?;
        match worker.transports().iter().find(|candidate| candidate.id == transport) {
            Some(transport) => Some(uri(transport, &service.address, service.port)),
            // What a guest speaks is not known.
            None => Some(format!("tcp://{}:{}", service.address, service.port)),
        }
    }

    /// Address and state of the onion service behind an endpoint, if it is one.
    pub(super) fn publication(&self, bound: &Bound) -> Option<(String, EndpointState, Option<String>)> {
        let onion = bound.onion.clone()?;
        let is_it = |worker: &str, transport: &str| worker == bound.worker && transport == bound.transport;
        for (key, worker) in self.serving() {
            if !worker.services().iter().any(|service| is_it(&service.worker, &service.transport)) {
                continue;
            }
            let Some(slot) = self.fleet.worker(key).and_then(|worker| worker.slots().first()) else {
                continue;
            };
            let current = slot.current().and_then(|process| self.processes.get(&process.id()));
            let mut told = current.into_iter().flat_map(|process| &process.publications);
            let told = told.rfind(|p| is_it(&p.worker, &p.transport));
            let (state, reason) = match (slot.state(), told) {
                (State::Ready, Some(told)) => (told.state, told.reason.clone()),
                (State::Starting | State::Ready, _) => (EndpointState::Publishing, None),
                (state, _) => {
                    let failed = state == State::Failed;
                    let degraded = if failed { EndpointState::Failed } else { EndpointState::Degraded };
                    let why = slot.reason().map(|why| format!(": {why}")).unwrap_or_default();
                    (
                        degraded,
                        Some(format!("worker {}, which publishes, is in state {state}{why}", worker.id())),
                    )
                }
            };
            return Some((onion, state, reason));
        }
        None
    }
}

/// The scheme is that of the transport's clients.
fn uri(transport: &Transport, address: &str, port: u16) -> String {
    let (s, default) = if transport.has_tls() { ("s", 443) } else { ("", 80) };
    match transport.kind.kind().scheme() {
        Some(scheme) if port == default => format!("{scheme}{s}://{address}/"),
        Some(scheme) => format!("{scheme}{s}://{address}:{port}/"),
        None => format!("tcp://{address}:{port}"),
    }
}
