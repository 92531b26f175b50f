//! The process that has realms of a worker, and no clients.

use super::routed::{Common, Routed};
use super::socket::{Chunk, read};
use crate::controller::Controller;
use crate::wamp::{Turn, hubs, no_realm};
use bytes::BytesMut;
use jackfield_shared::config::{RealmLink, Worker, WorkerKind};
use jackfield_shared::drain::Drain;
use jackfield_shared::ipc::{Counters, FromWorker};
use jackfield_shared::status::RealmCounters;
use jackfield_wamp::link::{About, Greeting};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// The process that has realms of a worker, and no clients.
pub(crate) struct RealmProcess {
    common: Rc<Common>,
    realms: Vec<Rc<Routed>>,
    /// Realms that other processes of the worker have.
    elsewhere: HashSet<String>,
    /// Tells sessions of realms that there are no longer so.
    nowhere: Rc<Routed>,
    listeners: RefCell<Vec<OwnedFd>>,
    /// The numbers of the edges that run, as the controller says.
    edges: RefCell<Vec<u64>>,
    /// The realms that edges have links for, as they say.
    known: RefCell<BTreeMap<u64, HashSet<String>>>,
    /// When it began to take a realm over, if it has.
    taking_over: Cell<Option<Instant>>,
}

impl RealmProcess {
    /// The realms that a process with this number has; `listeners` are where edges connect.
    pub(crate) fn new(
        (worker, number): (&Worker, u16),
        listeners: Vec<OwnedFd>,
        edges: Vec<u64>,
        controller: &Rc<Controller>,
    ) -> Result<Rc<Self>, String> {
        let common = Rc::new(Common {
            bounds: bounds(worker),
            start: Instant::now(),
            controller: Rc::clone(controller),
            chunk: Chunk::default(),
            opened: Notify::new(),
            stuck: RefCell::default(),
        });
        let realms: Vec<_> =
            hubs(worker, number.into())?.into_iter().map(|hub| Routed::new(&common, hub)).collect();
        let own: Vec<_> = realms.iter().filter_map(|realm| realm.name()).collect();
        let nowhere = Routed::new(&common, no_realm());
        nowhere.begin(1);
        Ok(Rc::new(Self {
            elsewhere: names(worker).filter(|name| !own.contains(name)).collect(),
            realms,
            nowhere,
            common,
            listeners: RefCell::new(listeners),
            edges: RefCell::new(edges),
            known: RefCell::default(),
            taking_over: Cell::new(None),
        }))
    }

    /// Routes each realm as soon as no other process has it, until draining begins. Completes with a reason when that can't be.
    pub(crate) async fn run(self: Rc<Self>, turn: Rc<Turn>, drain: Drain) -> String {
        let reason = tokio::select! {
            reason = Rc::clone(&self).route(Rc::clone(&turn)) => reason,
            () = drain.begun() => "the realms are handed over".to_owned(),
        };
        // No link is served any longer. The edges read to the end what was written, and find the successor.
        turn.end();
        reason
    }

    async fn route(self: Rc<Self>, turn: Rc<Turn>) -> String {
        // What is in it ends with it.
        let mut tasks = JoinSet::new();
        for listener in self.listeners.take() {
            let listener = std::os::unix::net::UnixListener::from(listener);
            match listener.set_nonblocking(true).and_then(|()| UnixListener::from_std(listener)) {
                Ok(listener) => tasks.spawn_local(Rc::clone(&self).accept(listener)),
                Err(e) => return format!("a socket for edges can't be used: {e}"),
            };
        }
        for realm in &self.realms {
            tasks.spawn_local(Rc::clone(&self).route_realm(Rc::clone(realm), Rc::clone(&turn)));
        }
        let mut is_taking_over = true;
        loop {
            tokio::select! {
                () = self.common.opened.notified() => {}
                Some(ended) = tasks.join_next() => {
                    return ended.unwrap_or_else(|e| format!("a task of the process has failed: {e}"));
                }
            }
            if is_taking_over && self.realms.iter().all(|realm| realm.takeover().is_some()) {
                is_taking_over = false;
                if let Some(began) = self.taking_over.get() {
                    info!("the realms are routed again after {} ms", began.elapsed().as_millis());
                    // From now on its end is answered at once.
                    let counters = Counters { realms: self.counters(), ..Counters::default() };
                    self.common.controller.send(FromWorker::Pong { seq: 0, counters });
                }
            }
        }
    }

    /// Routes a realm, as soon as no other process has it.
    async fn route_realm(self: Rc<Self>, realm: Rc<Routed>, turn: Rc<Turn>) -> String {
        let name = realm.name().unwrap_or_default();
        realm.begin(turn.take_realm(&name).await);
        let edges = self.edges_of(&name);
        if realm.epoch() > 1 && self.taking_over.get().is_none() {
            self.taking_over.set(Some(Instant::now()));
            info!("taking the realms over from {} edges", edges.len());
        }
        realm.run(edges).await
    }

    /// Accepts connections of edges, each of which is served to its end. Completes with a reason when that can't be.
    async fn accept(self: Rc<Self>, listener: UnixListener) -> String {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => _ = tasks.spawn_local(Rc::clone(&self).connected(stream)),
                    Err(e) => {
                        warn!("can't accept a link of an edge: {e}");
                        sleep(Duration::from_millis(50)).await;
                    }
                },
                Some(ended) = tasks.join_next() => {
                    if let Err(e) = ended {
                        return format!("a task of the process has failed: {e}");
                    }
                }
            }
        }
    }

    /// Serves a connection of an edge.
    async fn connected(self: Rc<Self>, stream: UnixStream) {
        let (reader, writer) = stream.into_split();
        let mut came = BytesMut::new();
        let greeting = timeout(self.common.bounds.send_timeout, self.greeting(&reader, &mut came)).await;
        let Ok(Some(Greeting { edge, about })) = greeting else { return };
        match about {
            About::Realm(name) => {
                let realm = self.realms.iter().find(|realm| realm.name().as_ref() == Some(&name));
                if realm.is_none() && self.elsewhere.contains(&name) {
                    // It has moved meanwhile; the edge looks for it again.
                    return;
                }
                let realm = realm.unwrap_or(&self.nowhere);
                realm.has_begun().await;
                realm.serve(reader, writer, &came).await;
            }
            About::Realms(names) => {
                self.known.borrow_mut().insert(edge, names.into_iter().collect());
                self.tell_edges();
                while read(&reader, &self.common.chunk).await > 0 {}
                self.known.borrow_mut().remove(&edge);
            }
        }
    }

    /// Whose a connection is. None: it has ended, or is of no use.
    async fn greeting(&self, reader: &OwnedReadHalf, came: &mut BytesMut) -> Option<Greeting> {
        loop {
            let count = read(reader, &self.common.chunk).await;
            came.extend_from_slice(&self.common.chunk.first(count));
            match Greeting::take(came) {
                _ if count == 0 => return None,
                Ok(Some(greeting)) => return Some(greeting),
                Ok(None) => {}
                Err(e) => {
                    warn!("{e}; the link is closed");
                    return None;
                }
            }
        }
    }

    /// These edges run.
    pub(crate) fn set_edges(&self, edges: Vec<u64>) {
        *self.edges.borrow_mut() = edges;
        self.tell_edges();
    }

    /// Nobody waits for an edge that has ended, or that does not know the realm: it is of another configuration.
    fn tell_edges(&self) {
        for (realm, name) in self.realms.iter().filter_map(|realm| Some((realm, realm.name()?))) {
            realm.set_edges(&self.edges_of(&name));
        }
    }

    /// The edges that know a realm, as far as they have said what they know.
    fn edges_of(&self, realm: &str) -> Vec<u64> {
        let known = self.known.borrow();
        let has = |edge: &u64| known.get(edge).is_none_or(|names| names.contains(realm));
        self.edges.borrow().iter().copied().filter(has).collect()
    }

    /// What was counted so far, for each realm.
    pub(crate) fn counters(&self) -> Vec<RealmCounters> {
        self.realms.iter().flat_map(|realm| realm.counters()).collect()
    }
}

/// The names of all realms of a worker.
fn names(worker: &Worker) -> impl Iterator<Item = String> {
    let router = if let WorkerKind::Router(router) = &worker.kind { Some(router) } else { None };
    router.into_iter().flat_map(|router| &router.realms).filter_map(|realm| realm.name.clone())
}

fn bounds(worker: &Worker) -> RealmLink {
    match &worker.kind {
        WorkerKind::Router(router) => router.realm_link.clone(),
        _ => RealmLink::default(),
    }
}
