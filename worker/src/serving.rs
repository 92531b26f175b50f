//! A plan in effect: its transports, its listeners, what was counted on them.

use crate::connect::{Drained, Means};
use crate::context::Context;
use crate::controller::Controller;
use crate::front::Front;
use crate::launcher::Started;
use crate::link::{RealmProcess, keep_linked};
use crate::net::accept::{Capacity, Endpoint, Open, Tally};
use crate::net::backlog::Scratch;
use crate::net::budget::Budget;
use crate::net::chain::Chains;
use crate::net::connection::Connection;
use crate::net::listener::Listener;
use crate::net::pressure::Pressure;
use crate::net::stream::Peer;
use crate::offers::Offers;
use crate::proxy::{self, Routes};
use crate::publish::{embed, publish};
use crate::rlink::Links;
use crate::siblings::Siblings;
use crate::tls::{Challenges, Tickets};
use crate::transport::{self, Service};
use crate::upstream::Setting;
use crate::wamp::{self, Turn};
use jackfield_shared::config::{ListeningEndpoint, Processes, Transport, WorkerKind};
use jackfield_shared::drain::{Drain, Drainer};
use jackfield_shared::ipc::{ArtiPlan, Counters, DaemonService, FromWorker, Part, Plan, Slot};
use jackfield_shared::status::{Backend, Web};
use jackfield_shared::tls::{Challenge, Files, TicketKeys};
use std::cell::Cell;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::task::{AbortHandle, JoinSet};
use tracing::error;

/// Why a process with a part of routing can't do it.
const NO_LINK: &str = "the socket of the link between edges and realm process did not come: no descriptors are left in this process (see `ulimit -n`)";

/// What serves the connections of the process.
pub(crate) struct Serving {
    /// Brings them to their end.
    pub(crate) drainer: Drainer,
    /// Brings the sessions of realms to theirs.
    sessions: Drainer,
    context: Option<Rc<Context>>,
    pressure: Rc<Pressure>,
    transports: HashMap<String, Prepared>,
    /// Routes WAMP, if the worker has realms.
    wamp: Option<Rc<wamp::Router>>,
    /// Where the sessions of its clients go, in a proxy worker.
    routes: Option<Rc<Routes>>,
    /// Links of its realms to other routers.
    links: Links,
    /// The servers to which nobody new is carried.
    drained: Rc<Drained>,
    /// When it may.
    turn: Rc<Turn>,
    /// The realms of the worker, where this process has them and no clients.
    realms: Option<Rc<RealmProcess>>,
    /// Where the processes that have them listen, if they are others.
    links_place: Option<OwnedFd>,
    /// Whether the worker has other processes, which accept from the same sockets.
    has_others: bool,
    /// Whether accepting has begun.
    begun: bool,
    /// Whether a connection was accepted.
    has_worked: Rc<Cell<bool>>,
    /// Sockets that are not accepted from yet. They may not listen yet, either.
    held: Vec<(Slot, OwnedFd)>,
    /// Those that do, by their inodes.
    listeners: HashMap<u64, Accepting>,
    /// Those that accept, or publish; each says why it has ended.
    tasks: JoinSet<String>,
    tickets: Option<Tickets>,
}

/// A transport of the plan.
struct Prepared {
    transport: Transport,
    service: Rc<dyn Service>,
    front: Option<Rc<Front>>,
    capacity: Rc<Capacity>,
    tally: Rc<Tally>,
}

/// A listener that accepts.
struct Accepting {
    task: AbortHandle,
    retired: Rc<Cell<bool>>,
}

impl Serving {
    /// Makes every transport ready, or says why that can't be. Nothing is accepted before [`Self::accept`].
    pub(crate) fn prepare(
        plan: Plan,
        mut sockets: Vec<OwnedFd>,
        controller: &Rc<Controller>,
        launcher: Option<Started>,
    ) -> Result<Self, String> {
        let mut tasks = JoinSet::new();
        let launcher = launcher.map(|started| {
            let (launcher, running) = started.connect();
            tasks.spawn_local(running);
            launcher
        });
        let turn = Turn::new(if plan.turn { sockets.pop() } else { None });
        let (mut edge, mut links_place, mut realms) = (None, None, None);
        match plan.part {
            Part::Both => {}
            Part::Edge { number } => {
                (edge, links_place) = (Some(number), Some(sockets.pop().ok_or(NO_LINK)?));
            }
            Part::Realm { number, edges, listeners } => {
                let before = sockets.len().checked_sub(listeners.into()).ok_or(NO_LINK)?;
                let listeners = sockets.split_off(before);
                realms = Some(RealmProcess::new((&plan.worker, number), listeners, edges, controller)?);
            }
        }
        let arti = if plan.arti { sockets.pop().map(Rc::new) } else { None };
        let (scratch, budget) = (Rc::new(Scratch::new()), Budget::new(plan.worker.max_buffered_size()));
        let drained = Rc::new(Drained::new(&plan.drained));
        let means =
            Means { files: &plan.tls_files, arti: arti.as_ref(), wamp: None, drained: Some(&drained) };
        let (node, key) = (&plan.node, plan.node_key.as_ref());
        let setting = Setting { node, key, means, scratch: &scratch, budget: &budget };
        let links = if realms.is_some() { Links::default() } else { Links::new(&plan.worker, setting)? };
        let (wamp, routes) = match &plan.worker.kind {
            WorkerKind::Proxy(proxy) => {
                let (router, routes) = proxy::router(&plan.worker, proxy, setting)?;
                (Some(router), Some(routes))
            }
            _ if realms.is_some() => (None, None),
            _ => (wamp::router(&plan.worker, &plan.node, edge)?, None),
        };
        let means = Means { wamp: wamp.as_ref(), ..means };
        let challenges = Challenges::new(&plan.challenges);
        let context = Rc::new(Context {
            challenges: Rc::clone(&challenges),
            offers: Offers::of(&plan.worker),
            controller: Rc::clone(controller),
            scratch,
            budget,
            chains: Chains::default(),
            siblings: Rc::new(Siblings::new(controller)),
            launcher,
        });
        let tickets = plan.ticket_keys.map(Tickets::new);
        let mut transports = HashMap::new();
        let transports_here = if realms.is_some() { &[] } else { plan.worker.transports() };
        for transport in transports_here {
            let named = |e| format!("transport \"{}\": {e}", transport.id);
            let service = transport::service(transport, means).map_err(named)?;
            let front =
                Front::new(transport, &plan.tls_files, tickets.as_ref(), &challenges).map_err(named)?;
            let capacity = Capacity::new(most_connections(transport).into());
            let tally = Tally::new(transport.id.clone());
            let prepared = Prepared { transport: transport.clone(), service, front, capacity, tally };
            transports.insert(transport.id.clone(), prepared);
        }
        let (drainer, _) = Drainer::new();
        let mut serving = Self {
            drainer,
            sessions: Drainer::new().0,
            context: Some(context),
            pressure: Rc::new(Pressure::new()),
            transports,
            wamp,
            routes,
            links,
            drained,
            turn,
            realms,
            links_place,
            has_others: plan.worker.common.processes != Processes::Count(1),
            begun: false,
            has_worked: Rc::default(),
            held: Vec::new(),
            listeners: HashMap::new(),
            tasks,
            tickets,
        };
        serving.take(plan.slots, sockets)?;
        Ok(serving)
    }

    /// Takes listeners, which don't accept yet.
    fn take(&mut self, slots: Vec<Slot>, sockets: Vec<OwnedFd>) -> Result<(), String> {
        if sockets.len() != slots.len() {
            let (found, expected) = (sockets.len(), slots.len());
            return Err(format!(
                "{found} of {expected} listening sockets came: no descriptors are left in this process (see `ulimit -n`)"
            ));
        }
        if let Some(slot) = slots.iter().find(|slot| !self.transports.contains_key(slot.transport.as_str())) {
            let transport = &slot.transport;
            return Err(format!("a socket came for transport \"{transport}\", which is not in the plan"));
        }
        self.held.extend(slots.into_iter().zip(sockets));
        Ok(())
    }

    /// Begins to accept from every socket that was taken, all of which listen by now.
    ///
    /// They are registered here and not before: of a socket that does not listen epoll(7) reports a hang-up, which the
    /// runtime takes to be final, so that the process would look for connections for ever.
    pub(crate) fn accept(&mut self) -> Result<(), String> {
        if !std::mem::replace(&mut self.begun, true) {
            for prepared in self.transports.values() {
                prepared.service.begin(&self.drainer.drain());
            }
            if let Some(router) = &self.wamp {
                wamp::begin(router, &self.turn, self.sessions.drain());
                self.links.begin(router, &self.turn, &self.drainer.drain());
                if let Some(place) = self.links_place.take() {
                    self.tasks.spawn_local(keep_linked(Rc::clone(router), place));
                }
            }
            if let Some(realms) = &self.realms {
                let running = Rc::clone(realms).run(Rc::clone(&self.turn), self.drainer.drain());
                self.tasks.spawn_local(running);
            }
        }
        for (slot, socket) in std::mem::take(&mut self.held) {
            let (Some(prepared), Some(context)) =
                (self.transports.get(slot.transport.as_str()), &self.context)
            else {
                continue;
            };
            let address = slot.address.clone();
            let shared = matches!(&prepared.transport.endpoint, ListeningEndpoint::Tcp(tcp) if tcp.shared);
            let endpoint = Endpoint {
                listener: Listener::new(socket, self.has_others && !shared)
                    .map_err(|e| format!("{address}: {e}"))?,
                address: slot.address,
                is_onion: matches!(prepared.transport.endpoint, ListeningEndpoint::Onion(_)),
                tally: Rc::clone(&prepared.tally),
                capacity: Rc::clone(&prepared.capacity),
                pressure: Rc::clone(&self.pressure),
                retired: Rc::default(),
            };
            let retired = Rc::clone(&endpoint.retired);
            let (front, service) = (prepared.front.clone(), prepared.service.clone());
            let context = (Rc::clone(context), Rc::clone(&self.has_worked));
            let serve = serve(endpoint, front, service, context, self.drainer.drain());
            let (turn, drain) = (Rc::clone(&self.turn), self.drainer.drain());
            let task = self.tasks.spawn_local(async move {
                tokio::select! {
                    () = turn.come() => serve.await,
                    () = drain.begun() => {}
                }
                format!("{address} is not served any longer")
            });
            self.listeners.insert(slot.inode, Accepting { task, retired });
        }
        Ok(())
    }

    /// Accepts from more sockets of the plan's transports.
    pub(crate) fn listen(&mut self, slots: Vec<Slot>, sockets: Vec<OwnedFd>) -> Result<(), String> {
        self.take(slots, sockets)?;
        self.accept()
    }

    /// Accepts no longer from these sockets, and closes them.
    pub(crate) fn unlisten(&mut self, inodes: &[u64]) {
        for inode in inodes {
            if let Some(accepting) = self.listeners.remove(inode) {
                accepting.task.abort();
            }
        }
    }

    /// These edges of the worker run.
    pub(crate) fn set_edges(&self, edges: Vec<u64>) {
        if let Some(realms) = &self.realms {
            realms.set_edges(edges);
        }
    }

    /// Serves another process of the worker, whose clients have sessions here.
    pub(crate) fn serve_sibling(&self, socket: OwnedFd) {
        if let Some(context) = &self.context {
            context.siblings.serve(socket);
        }
    }

    /// Begins to drain; the queues of these sockets are emptied first.
    pub(crate) fn drain(&self, retired: &[u64]) {
        for accepting in retired.iter().filter_map(|inode| self.listeners.get(inode)) {
            accepting.retired.set(true);
        }
        self.drainer.begin();
    }

    /// Waits, a limited time, for what clients have said last to be routed by another process.
    pub(crate) async fn settled(&self) {
        if let Some(router) = &self.wamp {
            router.settled().await;
        }
    }

    /// Ends the sessions of realms; true: there may have been some until now.
    pub(crate) fn end_sessions(&self) -> bool {
        let may_be = self.wamp.is_some() && !self.sessions.drain().has_begun();
        self.sessions.begin();
        may_be
    }

    /// Makes new connections with the files of TLS as they are now; where they are no good, with the ones before.
    pub(crate) fn renew_tls(&self, files: &Files) {
        for Prepared { transport, front, service, .. } in self.transports.values() {
            let renewed = front.as_ref().map_or(Ok(()), |front| front.renew(files));
            if let Err(e) = renewed.and_then(|()| service.renew(files)) {
                error!("transport \"{}\": {e}; new connections are made as before", transport.id);
            }
        }
        let routes = self.routes.as_ref().map_or(Ok(()), |routes| routes.renew(files));
        for e in [routes, self.links.renew(files)].into_iter().filter_map(Result::err) {
            error!("{e}; new connections are made as before");
        }
    }

    /// Carries nobody new to these servers from now on.
    pub(crate) fn set_drained(&self, addresses: Vec<String>) {
        self.drained.set(addresses);
    }

    /// Answers these challenges of ACME from now on.
    pub(crate) fn set_challenges(&self, open: &[Challenge]) {
        if let Some(context) = &self.context {
            context.challenges.set(open);
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
        Ok(Self::of_tasks(drainer, tasks))
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
        Ok(Self::of_tasks(drainer, tasks))
    }

    /// What listens on nothing.
    fn of_tasks(drainer: Drainer, tasks: JoinSet<String>) -> Self {
        Self {
            drainer,
            sessions: Drainer::new().0,
            context: None,
            pressure: Rc::new(Pressure::new()),
            transports: HashMap::new(),
            wamp: None,
            routes: None,
            links: Links::default(),
            drained: Rc::default(),
            turn: Turn::new(None),
            realms: None,
            links_place: None,
            has_others: false,
            begun: false,
            has_worked: Rc::default(),
            held: Vec::new(),
            listeners: HashMap::new(),
            tasks,
            tickets: None,
        }
    }

    /// What was counted so far; of paths, what the controller has not been told.
    pub(crate) fn count(&self) -> Counters {
        let mut counters = Counters::default();
        let worker = self.context.as_ref().map(|context| context.offers.worker()).unwrap_or_default();
        for (id, Prepared { tally, service, .. }) in &self.transports {
            let (worker, transport) = (worker.to_owned(), id.clone());
            counters.listeners.push(tally.counters());
            let named = |web| Web { worker: worker.clone(), transport: transport.clone(), ..web };
            counters.web.extend(service.web().into_iter().map(named));
            let named = |backend| Backend { worker: worker.clone(), transport: transport.clone(), ..backend };
            counters.backends.extend(service.backends().into_iter().map(named));
        }
        counters.realms = match (&self.realms, &self.wamp) {
            (Some(realms), _) => realms.counters(),
            (None, Some(router)) => router.counters(),
            (None, None) => Vec::new(),
        };
        counters.connections =
            self.routes.as_ref().map_or_else(|| self.links.counters(), |routes| routes.counters());
        counters
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> u64 {
        self.transports.values().map(|prepared| prepared.tally.counters().connections.open).sum()
    }

    /// Completes with a reason if something isn't served, or published, any longer though draining has not begun: a
    /// process without it had better be replaced.
    pub(crate) async fn broken(&mut self) -> String {
        loop {
            match self.tasks.join_next().await {
                // It was to end.
                Some(Err(e)) if e.is_cancelled() => {}
                Some(ended) => {
                    return ended
                        .unwrap_or_else(|panic| format!("a task of the process has failed: {panic}"));
                }
                None => return std::future::pending().await,
            }
        }
    }
}

async fn serve(
    endpoint: Endpoint,
    front: Option<Rc<Front>>,
    service: Rc<dyn Service>,
    (context, has_worked): (Rc<Context>, Rc<Cell<bool>>),
    drain: Drain,
) {
    let connections = drain.clone();
    let is_onion = endpoint.is_onion;
    let accepted = move |stream, peer, open: Open| {
        // The controller knows by this that the process is of use, should it end soon.
        if !has_worked.replace(true) {
            let counters = Counters { listeners: vec![open.counters()], ..Counters::default() };
            context.controller.send(FromWorker::Pong { seq: 0, counters });
        }
        let peer = if is_onion { Peer::Onion } else { peer };
        let (drain, open) = (connections.clone(), Rc::new(open));
        let connection = Connection { stream, peer, to: None, drain, open };
        match &front {
            None => Rc::clone(&service).spawn(connection, Rc::clone(&context)),
            Some(front) => {
                let (service, context) = (service.clone(), Rc::clone(&context));
                front.spawn(connection, move |connection| service.spawn(connection, context));
            }
        }
    };
    endpoint.run(drain, accepted).await;
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
