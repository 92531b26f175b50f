//! One realm in the process that has the realms: its hub, and the links of the edges.

use super::socket::{Chunk, Unwritten, read, write_all};
use super::turns::Turns;
use crate::controller::Controller;
use crate::wamp::{counters, in_turn, now};
use jackfield_shared::config::RealmLink;
use jackfield_shared::ipc::FromWorker;
use jackfield_shared::status::RealmCounters;
use jackfield_wamp::Now;
use jackfield_wamp::link::{Connection, Hub};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{debug, warn};

/// What the realms of a process have in common.
pub(super) struct Common {
    pub(super) bounds: RealmLink,
    pub(super) start: Instant,
    pub(super) controller: Rc<Controller>,
    pub(super) chunk: Chunk,
    /// A realm is routed again.
    pub(super) opened: Notify,
    /// Edges that were said to hold others up.
    pub(super) stuck: RefCell<BTreeSet<u64>>,
}

impl Common {
    /// An edge is to be replaced; that is said once.
    fn is_stuck(&self, edge: u64, reason: String) {
        if self.stuck.borrow_mut().insert(edge) {
            self.controller.send(FromWorker::EdgeStuck { edge, reason });
        }
    }
}

/// One realm.
pub(super) struct Routed {
    common: Rc<Common>,
    hub: RefCell<Hub>,
    turns: Turns,
    /// Counts the processes that have had the realm one after the other, from 1; 0: another one has it yet.
    epoch: Cell<u64>,
    began: Notify,
    links: RefCell<HashMap<Connection, Link>>,
    /// How long it took until the realm was routed.
    takeover: Cell<Option<Duration>>,
    /// When there is something to be done next, and whether edges are waited for, after the last step.
    next: Cell<(Option<Duration>, bool)>,
    changed: Notify,
    /// There is room for more in what waits for edges.
    room: Notify,
}

/// A link to an edge.
#[derive(Default)]
struct Link {
    /// There is something to be sent.
    waits: Rc<Notify>,
    /// Nothing can be sent any longer.
    gone: bool,
}

impl Routed {
    pub(super) fn new(common: &Rc<Common>, hub: Hub) -> Rc<Self> {
        Rc::new(Self {
            common: Rc::clone(common),
            hub: RefCell::new(hub),
            turns: Turns::default(),
            epoch: Cell::new(0),
            began: Notify::new(),
            links: RefCell::default(),
            takeover: Cell::new(None),
            next: Cell::default(),
            changed: Notify::new(),
            room: Notify::new(),
        })
    }

    /// Its name; absent: it is none.
    pub(super) fn name(&self) -> Option<String> {
        self.hub.borrow().realms().first().map(|realm| realm.name().to_owned())
    }

    /// From now on no other process has it; so many have had it by now.
    pub(super) fn begin(&self, epoch: u64) {
        self.epoch.set(epoch);
        self.began.notify_waiters();
    }

    /// Counts the processes that have had it; 0: another one has it yet.
    pub(super) const fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    /// Completes when no other process has it.
    pub(super) async fn has_begun(&self) {
        loop {
            let began = self.began.notified();
            if self.epoch.get() > 0 {
                return;
            }
            began.await;
        }
    }

    /// How long it took until it was routed; absent: it is not yet.
    pub(super) const fn takeover(&self) -> Option<Duration> {
        self.takeover.get()
    }

    /// Takes the realm over from these edges, and does what has to be done at some time.
    pub(super) async fn run(self: Rc<Self>, edges: Vec<u64>) -> String {
        let began = Instant::now();
        let limit = self.common.bounds.takeover_timeout;
        self.step(|hub, now| hub.take_over(now, edges, limit));
        loop {
            let (at, gathers) = self.next.get();
            if self.takeover.get().is_none() && !gathers {
                self.takeover.set(Some(began.elapsed()));
                self.common.opened.notify_one();
            }
            let wait = at.map(|at| at.saturating_sub(self.common.start.elapsed()));
            tokio::select! {
                () = until(wait) => self.step(Hub::expire),
                () = self.changed.notified() => {}
            }
        }
    }

    /// These edges run and have links for the realm.
    pub(super) fn set_edges(&self, edges: &[u64]) {
        self.step(|hub, now| hub.set_edges(now, edges));
    }

    fn step<T>(&self, step: impl FnOnce(&mut Hub, Now) -> T) -> T {
        let mut hub = self.hub.borrow_mut();
        let result = step(&mut hub, now(self.common.start));
        // What has caused nothing that would have to be written is settled at once.
        hub.acknowledge();
        self.flush(&mut hub);
        for (edge, reason) in hub.take_stuck() {
            self.common.is_stuck(edge, reason);
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

    /// Serves the link of an edge, of which these bytes have come already, to its end.
    pub(super) async fn serve(&self, reader: OwnedReadHalf, writer: OwnedWriteHalf, came: &[u8]) {
        let connection = self.hub.borrow_mut().connected();
        let link = Link::default();
        let waits = Rc::clone(&link.waits);
        self.links.borrow_mut().insert(connection, link);
        self.hub.borrow_mut().feed(connection, came);
        tokio::select! {
            () = self.receive(connection, reader) => debug!("the link of an edge has ended"),
            why = self.send(connection, writer, &waits) => {
                let edge = self.hub.borrow().edge_of(connection);
                if let Some(edge) = edge {
                    self.common.is_stuck(edge, why);
                }
            }
        }
        self.links.borrow_mut().remove(&connection);
        self.room.notify_waiters();
        self.step(|hub, now| hub.closed(now, connection));
    }

    async fn receive(&self, connection: Connection, reader: OwnedReadHalf) {
        loop {
            loop {
                let began = Instant::now();
                let some = |hub: &mut Hub, now: Now| {
                    in_turn(|| began.elapsed(), |most| hub.turn(now, connection, most))
                };
                match self.turns.take(|| self.step(some)).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(e) => return warn!("{e}; the link is closed"),
                }
                self.has_room().await;
            }
            self.has_room().await;
            match read(&reader, &self.common.chunk).await {
                0 => return,
                count => self.hub.borrow_mut().feed(connection, &self.common.chunk.first(count)),
            }
        }
    }

    /// Waits until edges have taken of what waits for them: nobody's messages are worth to lose an edge that is behind.
    async fn has_room(&self) {
        loop {
            let room = self.room.notified();
            if !self.is_full() {
                return;
            }
            room.await;
        }
    }

    fn is_full(&self) -> bool {
        let most = self.common.bounds.max_queue_size / 4;
        let mut hub = self.hub.borrow_mut();
        let links = self.links.borrow();
        let mut bytes = links
            .iter()
            .filter(|(_, link)| !link.gone)
            .filter_map(|(connection, _)| hub.output(*connection).map(|output| output.len() as u64));
        bytes.any(|bytes| bytes > most)
    }

    /// Sends what is for an edge; completes with the reason why that can't be.
    async fn send(&self, connection: Connection, writer: OwnedWriteHalf, waits: &Notify) -> String {
        let patience = self.common.bounds.send_timeout;
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
            self.room.notify_waiters();
            if buffer.len() as u64 > self.common.bounds.max_queue_size {
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
                Err(Unwritten::Gone) => {
                    if let Some(link) = self.links.borrow_mut().get_mut(&connection) {
                        link.gone = true;
                    }
                    self.room.notify_waiters();
                    return std::future::pending().await;
                }
                Err(Unwritten::Stuck) => {
                    return format!("it has taken nothing for {} s", patience.as_secs_f64());
                }
            }
        }
    }

    /// What was counted so far, in this epoch.
    pub(super) fn counters(&self) -> Vec<RealmCounters> {
        let epoch = self.epoch.get().max(1);
        let last = self.takeover.get().filter(|_| epoch > 1);
        // 0 would mean that there was none.
        let last_takeover_ms = last.map_or(0, |time| time.as_millis().max(1) as u64);
        let count = |realm| RealmCounters { last_takeover_ms, ..counters(realm, epoch) };
        self.hub.borrow().realms().iter().map(count).collect()
    }
}

/// Completes after this time, or never.
async fn until(wait: Option<Duration>) {
    match wait {
        Some(wait) => sleep(wait).await,
        None => std::future::pending().await,
    }
}
