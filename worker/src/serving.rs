//! A plan in effect: its transports, its listeners, what was counted on them.

use crate::connect::Means;
use crate::context::Context;
use crate::controller::Controller;
use crate::drain::{Drain, Drainer};
use crate::net::accept::{Capacity, Endpoint, Tally};
use crate::net::backlog::Scratch;
use crate::net::front::Front;
use crate::net::listener::Listener;
use crate::net::pressure::Pressure;
use crate::net::stream::Peer;
use crate::offers::Offers;
use crate::publish::{embed, publish};
use crate::tls::Tickets;
use crate::transport::{Connection, Service};
use jackfield_shared::config::{ListeningEndpoint, Transport};
use jackfield_shared::ipc::{ArtiPlan, DaemonService, ListenerCounters, Plan};
use jackfield_shared::tls::{Files, TicketKeys};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::task::JoinSet;
use tracing::error;

/// What serves the connections of the process.
pub(crate) struct Serving {
    /// Brings them to their end.
    pub(crate) drainer: Drainer,
    tallies: Vec<Rc<Tally>>,
    /// Those that accept, or publish; each says why it has ended.
    tasks: JoinSet<String>,
    /// What has files of TLS, each with its transport.
    secured: Vec<Secured>,
    tickets: Option<Tickets>,
}

/// A transport's parts that TLS files are made into.
struct Secured {
    transport: String,
    front: Option<Rc<Front>>,
    service: Service,
}

/// A transport of the plan and how many connections it may have.
struct Prepared {
    service: Service,
    front: Option<Rc<Front>>,
    capacity: Rc<Capacity>,
}

impl Serving {
    /// Registers every listener and begins to accept, or says why that can't be.
    pub(crate) fn start(
        plan: Plan,
        mut sockets: Vec<OwnedFd>,
        controller: &Rc<Controller>,
    ) -> Result<Self, String> {
        let arti = if plan.arti { sockets.pop().map(Rc::new) } else { None };
        let means = Means { files: &plan.tls_files, arti: arti.as_ref() };
        if sockets.len() != plan.slots.len() {
            let (found, expected) = (sockets.len(), plan.slots.len());
            return Err(format!("the plan came with {found} listening sockets, expected {expected}"));
        }
        let context = Rc::new(Context {
            offers: Offers::of(&plan.worker),
            controller: Rc::clone(controller),
            scratch: Scratch::new(),
        });
        let tickets = plan.ticket_keys.map(Tickets::new);
        let mut transports = HashMap::new();
        for transport in plan.worker.transports() {
            let named = |e| format!("transport \"{}\": {e}", transport.id);
            let service = Service::new(transport, means).map_err(named)?;
            let front = Front::new(transport, &plan.tls_files, tickets.as_ref()).map_err(named)?;
            let capacity = Capacity::new(most_connections(transport).into());
            transports.insert(transport.id.as_str(), (transport, Prepared { service, front, capacity }));
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
            endpoints.push((endpoint, prepared.front.clone(), prepared.service.clone()));
        }
        let (drainer, drain) = Drainer::new();
        let tallies = endpoints.iter().map(|(endpoint, ..)| Rc::clone(&endpoint.tally)).collect();
        let mut tasks = JoinSet::new();
        for (_, prepared) in transports.values() {
            prepared.service.begin(&drain);
        }
        for (endpoint, front, service) in endpoints {
            let address = endpoint.address.clone();
            let serving = serve(endpoint, front, service, Rc::clone(&context), drain.clone());
            tasks.spawn_local(async move {
                serving.await;
                format!("{address} is not served any longer")
            });
        }
        let secured = transports.into_iter().map(|(id, (_, prepared))| {
            let Prepared { front, service, .. } = prepared;
            Secured { transport: id.to_owned(), front, service }
        });
        let secured = secured.collect();
        Ok(Self { drainer, tallies, tasks, secured, tickets })
    }

    /// Makes new connections with the files of TLS as they are now; where they are no good, with the ones before.
    pub(crate) fn renew_tls(&self, files: &Files) {
        for Secured { transport, front, service } in &self.secured {
            let renewed = front.as_ref().map_or(Ok(()), |front| front.renew(files));
            if let Err(e) = renewed.and_then(|()| service.renew(files)) {
                error!("transport \"{transport}\": {e}; new connections are made as before");
            }
        }
    }

    /// Seals session tickets with these keys from now on.
    pub(crate) fn renew_ticket_keys(&self, keys: TicketKeys) {
        if let Some(tickets) = &self.tickets {
            tickets.renew(keys);
        }
    }

    /// Publishes onion services that other processes serve, or says why that can't be.
    pub(crate) fn publish(services: Vec<DaemonService>, controller: &Rc<Controller>) -> Result<Self, String> {
        let (drainer, drain) = Drainer::new();
        let mut tasks = JoinSet::new();
        publish(services, controller, &drain, &mut tasks)?;
        Ok(Self { drainer, tallies: Vec::new(), tasks, secured: Vec::new(), tickets: None })
    }

    /// Runs the embedded Arti, or says why that can't be.
    pub(crate) fn embed(
        plan: ArtiPlan,
        mut sockets: Vec<OwnedFd>,
        controller: &Rc<Controller>,
    ) -> Result<Self, String> {
        let (drainer, drain) = Drainer::new();
        let mut tasks = JoinSet::new();
        embed(plan, sockets.pop(), controller, drain, &mut tasks)?;
        Ok(Self { drainer, tallies: Vec::new(), tasks, secured: Vec::new(), tickets: None })
    }

    /// What was counted so far, for each listener.
    pub(crate) fn counters(&self) -> Vec<ListenerCounters> {
        self.tallies.iter().map(|tally| tally.counters()).collect()
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.counters().connections.open).sum()
    }

    /// Completes with a reason if something isn't served, or published, any longer though draining has not begun: a
    /// process without it had better be replaced.
    pub(crate) async fn broken(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(ended) => ended.unwrap_or_else(|panic| format!("a task of the process has failed: {panic}")),
            None => std::future::pending().await,
        }
    }
}

async fn serve(
    endpoint: Endpoint,
    front: Option<Rc<Front>>,
    service: Service,
    context: Rc<Context>,
    drain: Drain,
) {
    let connections = drain.clone();
    let is_onion = endpoint.is_onion;
    let accepted = move |stream, peer, open| {
        let peer = if is_onion { Peer::Onion } else { peer };
        let (drain, open) = (connections.clone(), Rc::new(open));
        let connection = Connection { stream, peer, to: None, drain, open };
        match &front {
            None => service.spawn(connection, &context),
            Some(front) => {
                let (service, context) = (service.clone(), Rc::clone(&context));
                front.spawn(connection, move |connection| service.spawn(connection, &context));
            }
        }
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
