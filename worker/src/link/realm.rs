//! The process that has the realms of a worker, and no clients.

use super::socket::{CHUNK, Unwritten, read, write_all};
use crate::controller::Controller;
use crate::wamp::{Turn, counters, hub, now};
use jackfield_shared::config::{RealmLink, Worker, WorkerKind};
use jackfield_shared::drain::Drain;
use jackfield_shared::ipc::{Counters, FromWorker};
use jackfield_shared::status::RealmCounters;
use jackfield_wamp::Now;
use jackfield_wamp::link::{Connection, Hub};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::sleep;
use tracing::{debug, info, warn};

/// The process that has the realms of a worker, and no clients.
pub(crate) struct RealmProcess {
    hub: RefCell<Hub>,
    bounds: RealmLink,
    start: Instant,
    controller: Rc<Controller>,
    listener: RefCell<Option<OwnedFd>>,
    /// The numbers of the edges that run, as the controller says.
    edges: RefCell<Vec<u64>>,
    links: RefCell<HashMap<Connection, Link>>,
    /// Counts the processes that have had these realms one after the other, from 1.
    epoch: Cell<u64>,
    /// How long it took until the realms were routed again.
    takeover: Cell<Option<Duration>>,
    /// When there is something to be done next, and whether edges are waited for, after the last step.
    next: Cell<(Option<Duration>, bool)>,
    changed: Notify,
}

/// A link to an edge.
struct Link {
    waits: Rc<Notify>,
    task: AbortHandle,
}

impl RealmProcess {
    /// The realms of a worker; `listener` is where its edges connect.
    pub(crate) fn new(
        worker: &Worker,
        listener: OwnedFd,
        edges: Vec<u64>,
        controller: &Rc<Controller>,
    ) -> Result<Rc<Self>, String> {
        Ok(Rc::new(Self {
            hub: RefCell::new(hub(worker)?),
            bounds: bounds(worker),
            start: Instant::now(),
            controller: Rc::clone(controller),
            listener: RefCell::new(Some(listener)),
            edges: RefCell::new(edges),
            links: RefCell::default(),
            epoch: Cell::new(1),
            takeover: Cell::new(None),
            next: Cell::default(),
            changed: Notify::new(),
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
        // The edges read to the end what was written, and find the successor.
        for (_, link) in self.links.borrow_mut().drain() {
            link.task.abort();
        }
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
        self.step(|hub, now| hub.take_over(now, edges, self.bounds.takeover_timeout));
        loop {
            let wait = self.next.get().0.map(|at| at.saturating_sub(self.start.elapsed()));
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.linked(stream),
                    Err(e) => {
                        warn!("can't accept a link of an edge: {e}");
                        sleep(Duration::from_millis(50)).await;
                    }
                },
                () = until(wait) => self.step(Hub::expire),
                () = self.changed.notified() => {}
            }
            if self.takeover.get().is_none() && !self.next.get().1 {
                self.takeover.set(Some(began.elapsed()));
                if self.epoch.get() > 1 {
                    info!("the realms are routed again after {} ms", began.elapsed().as_millis());
                    // From now on its end is answered at once.
                    let counters = Counters { realms: self.counters(), ..Counters::default() };
                    self.controller.send(FromWorker::Pong { seq: 0, counters });
                }
            }
        }
    }

    /// These edges run.
    pub(crate) fn set_edges(&self, edges: Vec<u64>) {
        self.step(|hub, now| hub.set_edges(now, &edges));
        *self.edges.borrow_mut() = edges;
    }

    fn step<T>(&self, step: impl FnOnce(&mut Hub, Now) -> T) -> T {
        let mut hub = self.hub.borrow_mut();
        let result = step(&mut hub, now(self.start));
        // What has caused nothing that would have to be written is settled at once.
        hub.acknowledge();
        self.flush(&mut hub);
        for (edge, reason) in hub.take_stuck() {
            self.controller.send(FromWorker::EdgeStuck { edge, reason });
        }
        let next = (hub.next_expiry(), hub.is_gathering());
        if self.next.replace(next) != next {
            self.changed.notify_one();
        }
        result
    }

    /// Wakes those links that have something to send.
    fn flush(&self, hub: &mut Hub) {
        for (connection, link) in &*self.links.borrow() {
            if hub.output(*connection).is_some_and(|output| !output.is_empty()) {
                link.waits.notify_one();
            }
        }
    }

    fn linked(self: &Rc<Self>, stream: UnixStream) {
        let connection = self.hub.borrow_mut().connected();
        let waits = Rc::new(Notify::new());
        let serving = Rc::clone(self).serve(connection, stream, Rc::clone(&waits));
        let task = spawn_local(serving).abort_handle();
        self.links.borrow_mut().insert(connection, Link { waits, task });
    }

    async fn serve(self: Rc<Self>, connection: Connection, stream: UnixStream, waits: Rc<Notify>) {
        let (reader, writer) = stream.into_split();
        tokio::select! {
            () = self.receive(connection, reader) => debug!("the link of an edge has ended"),
            why = self.send(connection, writer, &waits) => {
                if let Some(edge) = self.hub.borrow().edge_of(connection) {
                    self.controller.send(FromWorker::EdgeStuck { edge, reason: why });
                }
            }
        }
        self.links.borrow_mut().remove(&connection);
        self.step(|hub, now| hub.closed(now, connection));
    }

    async fn receive(&self, connection: Connection, reader: OwnedReadHalf) {
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = read(&reader, &mut chunk).await;
            if count == 0 {
                return;
            }
            if let Err(e) = self.step(|hub, now| hub.received(now, connection, &chunk[..count])) {
                return warn!("{e}; the link is closed");
            }
        }
    }

    /// Sends what is for an edge; completes with the reason why that can't be.
    async fn send(&self, connection: Connection, writer: OwnedWriteHalf, waits: &Notify) -> String {
        let patience = self.bounds.send_timeout;
        let mut buffer = Vec::new();
        loop {
            let notified = waits.notified();
            if let Some(output) = self.hub.borrow_mut().output(connection) {
                std::mem::swap(output, &mut buffer);
            }
            if buffer.is_empty() {
                notified.await;
                continue;
            }
            if buffer.len() as u64 > self.bounds.max_queue_size {
                return format!("{} bytes wait for it", buffer.len());
            }
            let written = |count| {
                let mut hub = self.hub.borrow_mut();
                hub.written(connection, count);
                hub.acknowledge();
                self.flush(&mut hub);
            };
            match write_all(&writer, &mut buffer, Some(patience), written).await {
                Ok(()) => {}
                // The reader comes to the end in its time.
                Err(Unwritten::Gone) => return std::future::pending().await,
                Err(Unwritten::Stuck) => {
                    return format!("it has taken nothing for {} s", patience.as_secs_f64());
                }
            }
        }
    }

    /// What was counted so far, for each realm.
    pub(crate) fn counters(&self) -> Vec<RealmCounters> {
        let last = self.takeover.get().filter(|_| self.epoch.get() > 1);
        // 0 would mean that there was none.
        let last_takeover_ms = last.map_or(0, |time| time.as_millis().max(1) as u64);
        let count = |realm| RealmCounters { last_takeover_ms, ..counters(realm, self.epoch.get()) };
        self.hub.borrow().realms().iter().map(count).collect()
    }
}

fn bounds(worker: &Worker) -> RealmLink {
    match &worker.kind {
        WorkerKind::Router(router) => router.realm_link.clone(),
        _ => RealmLink::default(),
    }
}

/// Completes after this time, or never.
async fn until(wait: Option<Duration>) {
    match wait {
        Some(wait) => sleep(wait).await,
        None => std::future::pending().await,
    }
}
