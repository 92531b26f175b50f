//! The process that has the realms of a worker, and no clients.

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

/// The process that has the realms of a worker, and no clients.
pub(crate) struct RealmProcess {
    common: Rc<Common>,
    realms: Vec<Rc<Routed>>,
    /// Tells sessions of realms that there are no longer so.
    nowhere: Rc<Routed>,
    listener: RefCell<Option<OwnedFd>>,
    /// The numbers of the edges that run, as the controller says.
    edges: RefCell<Vec<u64>>,
    /// The realms that edges have links for, as they say.
    known: RefCell<BTreeMap<u64, HashSet<String>>>,
    /// Counts the processes that have had these realms one after the other, from 1.
    epoch: Cell<u64>,
}

impl RealmProcess {
    /// The realms of a worker; `listener` is where its edges connect.
    pub(crate) fn new(
        worker: &Worker,
        listener: OwnedFd,
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
        Ok(Rc::new(Self {
            realms: hubs(worker)?.into_iter().map(|hub| Routed::new(&common, hub)).collect(),
            nowhere: Routed::new(&common, no_realm()),
            common,
            listener: RefCell::new(Some(listener)),
            edges: RefCell::new(edges),
            known: RefCell::default(),
            epoch: Cell::new(1),
        }))
    }

    /// Waits until no other process has the realms, and then routes them until draining begins. Completes with a reason
    /// when that can't be.
    pub(crate) async fn run(self: Rc<Self>, turn: Rc<Turn>, drain: Drain) -> String {
        let routing = async {
            self.epoch.set(turn.take().await);
            Rc::clone(&self).route().await
        };
        let reason = tokio::select! {
            reason = routing => reason,
            () = drain.begun() => "the realms are handed over".to_owned(),
        };
        // No link is served any longer. The edges read to the end what was written, and find the successor.
        turn.end();
        reason
    }

    async fn route(self: Rc<Self>) -> String {
        let Some(listener) = self.listener.borrow_mut().take() else {
            return "there is no socket".to_owned();
        };
        let listener = std::os::unix::net::UnixListener::from(listener);
        let listener = listener.set_nonblocking(true).and_then(|()| UnixListener::from_std(listener));
        let listener = match listener {
            Ok(listener) => listener,
            Err(e) => return format!("the socket for edges can't be used: {e}"),
        };
        let began = Instant::now();
        let edges = self.edges.borrow().clone();
        if self.epoch.get() > 1 {
            info!("taking the realms over from {} edges", edges.len());
        }
        // What is in it ends with it.
        let mut tasks = JoinSet::new();
        for realm in &self.realms {
            tasks.spawn_local(Rc::clone(realm).run(edges.clone()));
        }
        let mut is_taking_over = true;
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => _ = tasks.spawn_local(Rc::clone(&self).connected(stream)),
                    Err(e) => {
                        warn!("can't accept a link of an edge: {e}");
                        sleep(Duration::from_millis(50)).await;
                    }
                },
                () = self.common.opened.notified() => {}
                Some(ended) = tasks.join_next() => {
                    if let Err(e) = ended {
                        return format!("a task of the process has failed: {e}");
                    }
                }
            }
            if is_taking_over && self.realms.iter().all(|realm| realm.takeover().is_some()) {
                is_taking_over = false;
                if self.epoch.get() > 1 {
                    info!("the realms are routed again after {} ms", began.elapsed().as_millis());
                    // From now on its end is answered at once.
                    let counters = Counters { realms: self.counters(), ..Counters::default() };
                    self.common.controller.send(FromWorker::Pong { seq: 0, counters });
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
                let realm = realm.unwrap_or(&self.nowhere);
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
        let (edges, known) = (self.edges.borrow(), self.known.borrow());
        for (realm, name) in self.realms.iter().filter_map(|realm| Some((realm, realm.name()?))) {
            let has = |edge: &&u64| known.get(*edge).is_none_or(|names| names.contains(&name));
            let edges: Vec<_> = edges.iter().filter(has).copied().collect();
            realm.set_edges(&edges);
        }
    }

    /// What was counted so far, for each realm.
    pub(crate) fn counters(&self) -> Vec<RealmCounters> {
        self.realms.iter().flat_map(|realm| realm.counters(self.epoch.get())).collect()
    }
}

fn bounds(worker: &Worker) -> RealmLink {
    match &worker.kind {
        WorkerKind::Router(router) => router.realm_link.clone(),
        _ => RealmLink::default(),
    }
}
