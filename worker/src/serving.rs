//! A plan in effect: its transports, its listeners, what was counted on them.

use crate::context::Context;
use crate::controller::Controller;
use crate::drain::{Drain, Drainer};
use crate::net::accept::{Capacity, Endpoint, Tally};
use crate::net::backlog::Scratch;
use crate::net::listener::Listener;
use crate::net::pressure::Pressure;
use crate::net::stream::Peer;
use crate::offers::Offers;
use crate::publish::publish;
use crate::transport::{Connection, Service};
use jackfield_shared::config::{ListeningEndpoint, Transport};
use jackfield_shared::ipc::{ListenerCounters, OnionService, Plan};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::task::JoinSet;

/// What serves the connections of the process.
pub(crate) struct Serving {
    /// Brings them to their end.
    pub(crate) drainer: Drainer,
    tallies: Vec<Rc<Tally>>,
    /// Those that accept, or publish.
    tasks: JoinSet<()>,
}

/// A transport of the plan and how many connections it may have.
struct Prepared {
    service: Service,
    capacity: Rc<Capacity>,
}

impl Serving {
    /// Registers every listener and begins to accept, or says why that can't be.
    pub(crate) fn start(
        plan: Plan,
        sockets: Vec<OwnedFd>,
        controller: &Rc<Controller>,
    ) -> Result<Self, String> {
        if sockets.len() != plan.slots.len() {
            let (found, expected) = (sockets.len(), plan.slots.len());
            return Err(format!("the plan came with {found} listening sockets, expected {expected}"));
        }
        let context = Rc::new(Context {
            offers: Offers::of(&plan.worker),
            controller: Rc::clone(controller),
            scratch: Scratch::new(),
        });
        let mut transports = HashMap::new();
        for transport in plan.worker.transports() {
            let service =
                Service::new(transport).map_err(|e| format!("transport \"{}\": {e}", transport.id))?;
            let capacity = Capacity::new(most_connections(transport).into());
            transports.insert(transport.id.as_str(), (transport, Prepared { service, capacity }));
        }
        let pressure = Rc::new(Pressure::new());
        // Everything that can fail comes before the first connection is accepted.
        let mut endpoints = Vec::new();
        for (slot, socket) in plan.slots.into_iter().zip(sockets) {
            let Some((transport, prepared)) = transports.get(slot.transport.as_str()) else {
                return Err(format!(
                    "a socket came for transport \"{}\", which is not in the plan",
                    slot.transport
                ));
            };
            let listener = listener(socket, transport).map_err(|e| format!("{}: {e}", slot.address))?;
            let endpoint = Endpoint {
                listener,
                address: slot.address,
                is_onion: matches!(transport.endpoint, ListeningEndpoint::Onion(_)),
                tally: Tally::new(slot.transport),
                capacity: Rc::clone(&prepared.capacity),
                pressure: Rc::clone(&pressure),
            };
            endpoints.push((endpoint, prepared.service.clone()));
        }
        let (drainer, drain) = Drainer::new();
        let tallies = endpoints.iter().map(|(endpoint, _)| Rc::clone(&endpoint.tally)).collect();
        let mut tasks = JoinSet::new();
        for (_, prepared) in transports.values() {
            prepared.service.begin(&drain);
        }
        for (endpoint, service) in endpoints {
            tasks.spawn_local(serve(endpoint, service, Rc::clone(&context), drain.clone()));
        }
        Ok(Self { drainer, tallies, tasks })
    }

    /// Publishes onion services that other processes serve, or says why that can't be.
    pub(crate) fn publish(services: Vec<OnionService>, controller: &Rc<Controller>) -> Result<Self, String> {
        let (drainer, drain) = Drainer::new();
        let mut tasks = JoinSet::new();
        publish(services, controller, &drain, &mut tasks)?;
        Ok(Self { drainer, tallies: Vec::new(), tasks })
    }

    /// What was counted so far, for each listener.
    pub(crate) fn counters(&self) -> Vec<ListenerCounters> {
        self.tallies.iter().map(|tally| tally.counters()).collect()
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.counters().connections.open).sum()
    }

    /// Completes if a listener isn't served, or a service published, any longer though draining has not begun, which is a fault of ours:
    /// a process without it had better be replaced.
    pub(crate) async fn broken(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(_) => "a listener is not served any longer, or a service not published".into(),
            None => std::future::pending().await,
        }
    }
}

async fn serve(endpoint: Endpoint, service: Service, context: Rc<Context>, drain: Drain) {
    let connections = drain.clone();
    let is_onion = endpoint.is_onion;
    let accepted = move |stream, peer, open| {
        let peer = if is_onion { Peer::Onion } else { peer };
        service.spawn(Connection { stream, peer, drain: connections.clone(), open: Rc::new(open) }, &context);
    };
    endpoint.run(drain, accepted).await;
}

fn listener(socket: OwnedFd, transport: &Transport) -> std::io::Result<Listener> {
    let listener = Listener::new(socket)?;
    let endpoint = match &transport.endpoint {
        ListeningEndpoint::Onion(onion) => onion.target.as_deref(),
        other => Some(other),
    };
    match endpoint {
        Some(ListeningEndpoint::Tcp(tcp)) => listener.set_options(tcp.nodelay, tcp.keepalive)?,
        Some(_) => {}
        None => listener.set_options(true, None)?,
    }
    Ok(listener)
}

fn most_connections(transport: &Transport) -> u32 {
    let endpoint = match &transport.endpoint {
        ListeningEndpoint::Tcp(tcp) => tcp.max_connections,
        ListeningEndpoint::Unix(unix) => unix.max_connections,
        ListeningEndpoint::Onion(onion) => onion.max_connections,
        ListeningEndpoint::Twisted(_) => None,
    };
    endpoint.unwrap_or(transport.max_connections)
}
