//! The realms of the process, and who is connected to them.

use super::client::Client;
use super::clock;
use super::cookies::{Cookies, Stores};
use super::counts::counters;
use super::edges::Edges;
use super::guard::Guard;
use super::inner::{Inner, SERVICE_RESTART};
use super::known::Known;
use super::outbox::Outbox;
use super::passage::{Passages, Routes};
use bytes::Bytes;
use jackfield_shared::status::RealmCounters;
use jackfield_wamp::auth::{Connection, Methods};
use jackfield_wamp::link;
use jackfield_wamp::realm::{IdHash, Realm};
use jackfield_wamp::session::{Realms, Session};
use jackfield_wamp::{Dict, Id, Ids, Message, Now, Outgoing, Payload, codec};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::{timeout, timeout_at};
use tracing::warn;

/// The realms of the process, and who is connected to them.
pub(crate) struct Router {
    inner: RefCell<Inner>,
    start: Instant,
    /// What every client is told of the process (WELCOME's `x_cb_*`).
    told: Dict,
    /// Where cookies are kept, other than in memory.
    stores: RefCell<Stores>,
    /// Counts the processes that have routed these realms one after the other, from 1.
    epoch: Cell<u64>,
    /// The moment that the task of [`Self::run`] sleeps until.
    alarm: Cell<Option<Duration>>,
    changed: Notify,
}

/// What of routing is done elsewhere.
pub(super) enum Elsewhere {
    /// Nothing.
    Nothing,
    /// The realms are another process's.
    Realms(Edges),
    /// Each session is another router's.
    Sessions(Rc<dyn Routes>),
}

/// What is known of a client when it connects.
pub(super) struct Connecting {
    pub(super) connection: Connection,
    pub(super) outbox: Rc<Outbox>,
    pub(super) methods: Rc<Methods>,
    pub(super) cookie: Option<(Rc<Cookies>, String)>,
    /// Where its wrong proofs are counted, and with which address.
    pub(super) guard: Option<(Rc<Guard>, IpAddr)>,
}

impl Router {
    /// The realms `realms`, which nobody is connected to yet.
    pub(super) fn new(realms: Vec<Realm>, elsewhere: Elsewhere, mut ids: Ids, told: Dict) -> Rc<Self> {
        let (dropped, late) = (vec![0; realms.len()], vec![0; realms.len()]);
        let hash = IdHash::new(ids.random());
        let (edges, passages) = match elsewhere {
            Elsewhere::Nothing => (None, None),
            Elsewhere::Realms(edges) => (Some(edges), None),
            Elsewhere::Sessions(routes) => (None, Some(Passages::new(routes, hash.map()))),
        };
        let inner = Inner {
            realms: Known::new(realms),
            edges,
            passages,
            clients: hash.map(),
            ids,
            effects: Vec::new(),
            waiting: Vec::new(),
            dropped,
            late,
            closing: false,
        };
        Rc::new(Self {
            inner: RefCell::new(inner),
            start: Instant::now(),
            told,
            stores: RefCell::default(),
            epoch: Cell::new(1),
            alarm: Cell::new(None),
            changed: Notify::new(),
        })
    }

    /// Does what has to be done at some time, for as long as the process serves.
    pub(crate) async fn run(self: Rc<Self>) {
        loop {
            let next = self.alarm.get();
            let wait = next.map(|at| at.saturating_sub(self.start.elapsed()));
            let changed = self.changed.notified();
            match wait {
                None => changed.await,
                Some(wait) if timeout(wait, changed).await.is_ok() => {}
                Some(_) => {
                    self.step(Inner::expire);
                }
            }
        }
    }

    /// Takes what `step` does to its end, and sets the alarm.
    pub(super) fn step(&self, step: impl FnOnce(&mut Inner, Now)) {
        let mut inner = self.inner.borrow_mut();
        let now = clock::now(self.start);
        step(&mut inner, now);
        inner.apply(now);
        if !inner.waiting.is_empty() {
            inner.ask_waiting(now);
            inner.apply(now);
        }
        if let Some(edges) = &mut inner.edges {
            edges.wake();
        }
        let waiting = inner.waiting.iter().map(|question| question.until).min();
        let away = inner.edges.as_ref().and_then(Edges::next_expiry);
        let next = inner.realms.next_expiry().into_iter().chain(waiting).chain(away).min();
        if next != self.alarm.replace(next) {
            self.changed.notify_one();
        }
    }

    /// Waits, as long as a takeover may take, for what clients have said last to be routed: else the next process that has their
    /// realm would take those that have left for lost with this one. May be dropped and called again: the time goes on.
    pub(crate) async fn settled(&self) {
        let Some(until) = self.inner.borrow_mut().edges.as_mut().map(Edges::settled_by) else { return };
        let is_settled = |cx: &Context<'_>| {
            self.inner.borrow_mut().edges.as_mut().is_none_or(|edges| edges.is_settled(cx))
        };
        let settled = poll_fn(|cx| if is_settled(cx) { Poll::Ready(()) } else { Poll::Pending });
        if timeout_at(until.into(), settled).await.is_err() {
            warn!(
                "what clients have said last was not routed in time; a call that waits for its callee may fail"
            );
        }
    }

    /// Whether a message of a client can be taken now; if not, `cx` is woken when it can.
    pub(super) fn takes(&self, id: Id, cx: &Context<'_>) -> bool {
        let mut inner = self.inner.borrow_mut();
        let Inner { passages, clients, edges, .. } = &mut *inner;
        if let Some(passage) = passages.as_ref().and_then(|passages| passages.get(id)) {
            return passage.takes(cx);
        }
        let Some(edges) = edges else { return true };
        let realm = clients.get(&id).and_then(|client| client.realm);
        realm.is_none_or(|realm| edges.takes(realm, cx))
    }

    /// The number of this process and the names of its realms, if another one has them.
    pub(crate) fn edge(&self) -> Option<(u64, Vec<String>)> {
        let number = self.inner.borrow().edges.as_ref()?.number();
        Some((number, self.realm_names()))
    }

    /// The names of the realms, in the order of the configuration.
    pub(super) fn realm_names(&self) -> Vec<String> {
        self.inner.borrow().realms.list.iter().map(|realm| realm.name().to_owned()).collect()
    }

    /// There is a link to the process that has a realm, which is told of all sessions in it.
    pub(crate) fn linked(&self, realm: usize) {
        self.step(|inner, now| {
            if let Some(edges) = &mut inner.edges {
                edges.touch(realm).connected(now);
            }
        });
    }

    /// The link has ended.
    pub(crate) fn unlinked(&self, realm: usize) {
        self.step(|inner, _| {
            if let Some(edges) = &mut inner.edges {
                edges.disconnected(realm, &mut inner.effects);
            }
        });
    }

    /// Takes bytes of the process that has a realm; what they say is done by [`Self::turn_of_link`].
    pub(crate) fn take_from_link(&self, realm: usize, bytes: &[u8]) {
        if let Some(edges) = &mut self.inner.borrow_mut().edges {
            edges.feed(realm, bytes);
        }
    }

    /// Does some of what the process that has a realm has said; true: there may be more. Fails where the link is of no use.
    pub(crate) fn turn_of_link(&self, realm: usize) -> Result<bool, link::Error> {
        let mut result = Ok(false);
        self.step(|inner, _| {
            if let Some(edges) = &mut inner.edges {
                result = edges.turn(realm, &mut inner.effects);
            }
        });
        result
    }

    /// Bytes for the process that has a realm, as soon as there are some; in exchange for an empty buffer.
    pub(crate) async fn take_for_link(&self, realm: usize, buffer: &mut Vec<u8>) {
        let waits = self.inner.borrow().edges.as_ref().map(|edges| edges.waits(realm));
        let Some(waits) = waits else { return pending().await };
        loop {
            let notified = waits.notified();
            if let Some(edges) = &mut self.inner.borrow_mut().edges
                && !edges.output(realm).is_empty()
            {
                std::mem::swap(edges.output(realm), buffer);
                return;
            }
            notified.await;
        }
    }

    /// What every client is told of the process.
    pub(super) const fn told(&self) -> &Dict {
        &self.told
    }

    /// Where cookies are kept, other than in memory.
    pub(super) const fn stores(&self) -> &RefCell<Stores> {
        &self.stores
    }

    /// Takes the number of this process among those that route these realms one after the other.
    pub(super) fn set_epoch(&self, epoch: u64) {
        self.epoch.set(epoch);
    }

    /// Takes a client that has connected; it is known by the id that is returned until [`Self::disconnected`].
    pub(super) fn connected(&self, connecting: Connecting) -> Id {
        let mut inner = self.inner.borrow_mut();
        let id = loop {
            let id = inner.ids.id();
            if !inner.clients.contains_key(&id) {
                break id;
            }
        };
        let Connecting { connection, outbox, methods, cookie, guard } = connecting;
        if inner.closing {
            outbox.end(SERVICE_RESTART, "the service restarts");
        }
        let session = Session::new(id, connection);
        let held = VecDeque::new();
        let client = Client { session, outbox, methods, realm: None, last_realm: None, held, cookie, guard };
        inner.clients.insert(id, client);
        id
    }

    /// Takes a message of a client.
    pub(super) fn receive(&self, id: Id, bytes: &Bytes) {
        self.step(|inner, now| {
            let Some(client) = inner.clients.get(&id) else { return };
            match codec::decode(client.outbox.serializer(), bytes) {
                Ok(message) => inner.take(now, id, message),
                Err(e) => inner.violation(now, id, &e.to_string()),
            }
        });
    }

    /// Takes a message of a session within the process.
    pub(super) fn deliver(&self, id: Id, message: Message) {
        self.step(|inner, now| inner.take(now, id, message));
    }

    /// Checks that there is a realm with a role; the error says what there is not.
    pub(super) fn knows(&self, realm: &str, role: &str) -> Result<(), String> {
        let realms = &self.inner.borrow().realms;
        if !realms.has_realm(realm) {
            return Err(format!("the worker has no realm \"{realm}\""));
        }
        if !realms.has_role(realm, role) {
            return Err(format!("realm \"{realm}\" has no role \"{role}\""));
        }
        Ok(())
    }

    /// Ends the connection of a client that has violated the protocol.
    pub(super) fn violated(&self, id: Id, text: &str) {
        self.step(|inner, now| inner.violation(now, id, text));
    }

    /// Ends the connection of a client that does not come to a session.
    pub(super) fn give_up(&self, id: Id, code: u16, reason: &str) {
        if let Some(client) = self.inner.borrow().clients.get(&id) {
            client.outbox.end(code, reason);
        }
    }

    /// A client's connection has ended.
    pub(super) fn disconnected(&self, id: Id) {
        self.step(|inner, now| {
            let Some(client) = inner.clients.remove(&id) else { return };
            inner.waiting.retain(|question| question.client != id);
            inner.count_dropped(id, client.last_realm, client.outbox.dropped());
            inner.leave(now, id, client.realm);
        });
    }

    /// What was counted so far, for each realm.
    pub(crate) fn counters(&self) -> Vec<RealmCounters> {
        let inner = self.inner.borrow();
        if inner.passages.is_some() {
            return Vec::new();
        }
        let count = |(index, realm): (usize, &Realm)| {
            let clients = inner.clients.values().filter(|client| client.last_realm == Some(index));
            let (mut queued_bytes, mut events_dropped) = (0, inner.dropped[index]);
            for client in clients {
                queued_bytes += client.outbox.bytes() as u64;
                events_dropped += client.outbox.dropped();
            }
            let told = counters(realm, self.epoch.get());
            let results_dropped = told.results_dropped + inner.late[index];
            RealmCounters { queued_bytes, events_dropped, results_dropped, ..told }
        };
        inner.realms.list.iter().enumerate().map(count).collect()
    }

    /// Says GOODBYE to all clients, because the process ends: another one serves the realms from now on.
    pub(crate) fn close(&self) {
        self.step(|inner, now| {
            inner.closing = true;
            let ids: Vec<_> = inner.clients.keys().copied().collect();
            for id in ids {
                let Some(client) = inner.clients.get_mut(&id) else { continue };
                let was_told = client.outbox.is_in_realm();
                let realm = client.leave();
                client.session.kicked();
                if realm.is_some() {
                    let details = Dict::new().with("message", "the router restarts");
                    let reason = "wamp.close.system_shutdown".into();
                    let last = if was_told {
                        Message::Goodbye { details, reason }
                    } else {
                        // Another router was to have the session.
                        Message::Abort { details, reason, payload: Payload::None }
                    };
                    client.outbox.push(&Rc::new(Outgoing::new(last)));
                }
                client.outbox.end(SERVICE_RESTART, "the service restarts");
                inner.leave(now, id, realm);
            }
        });
    }
}
