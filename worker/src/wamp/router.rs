//! The realms of the process, and who is connected to them.

mod ask;

use self::ask::Waiting;
use super::cookies::Cookies;
use super::outbox::{Outbox, Queued};
use bytes::Bytes;
use jackfield_shared::ipc::RealmCounters;
use jackfield_wamp::auth::{Connection, Methods};
use jackfield_wamp::realm::{Effect, Leaving, Realm};
use jackfield_wamp::session::{Joined, Output, Realms, Session, Terms};
use jackfield_wamp::{Dict, Id, Ids, Message, Now, Outgoing, Payload, codec, kind};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::{debug, info};

/// Close code after a violation (RFC 6455 section 7.4.1).
const PROTOCOL_ERROR: u16 = 1002;
const NORMAL: u16 = 1000;
/// Close code of an end that the client has to expect, and may try again after (IANA registry of RFC 6455).
const SERVICE_RESTART: u16 = 1012;
const POLICY_VIOLATION: u16 = 1008;

/// Messages of a client that wait while an authenticator is asked.
const MOST_HELD: usize = 100;

/// The realms of the process, and who is connected to them.
pub(crate) struct Router {
    inner: RefCell<Inner>,
    start: Instant,
    /// What every client is told of the process (WELCOME's `x_cb_*`).
    told: Dict,
    /// The moment that the task of [`Self::run`] sleeps until.
    alarm: Cell<Option<Duration>>,
    changed: Notify,
}

struct Inner {
    realms: Known,
    clients: HashMap<Id, Client>,
    ids: Ids,
    effects: Vec<Effect>,
    /// Questions to authenticators that are not registered.
    waiting: Vec<Waiting>,
    /// Authenticators that were registered at some time.
    known: HashSet<(usize, String)>,
    /// Events that clients who are gone did not take, for each realm.
    dropped: Vec<u64>,
    /// Whether the process ends.
    closing: bool,
}

/// The realms by their names.
#[derive(Default)]
struct Known {
    list: Vec<Realm>,
    names: HashMap<String, usize>,
}

impl Realms for Known {
    fn has_realm(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    fn has_role(&self, realm: &str, role: &str) -> bool {
        self.names.get(realm).is_some_and(|index| self.list[*index].has_role(role))
    }

    fn roles(&self, realm: &str) -> Dict {
        self.names.get(realm).map_or_else(Dict::new, |index| self.list[*index].roles())
    }
}

/// A connected client.
struct Client {
    session: Session,
    outbox: Rc<Outbox>,
    methods: Rc<Methods>,
    rawsocket: bool,
    /// Where its realm is, while it is in one.
    realm: Option<usize>,
    /// What came while an authenticator is asked.
    held: VecDeque<Message>,
    cookie: Option<(Rc<Cookies>, String)>,
}

/// What is known of a client when it connects.
pub(super) struct Connecting {
    pub(super) connection: Connection,
    pub(super) outbox: Rc<Outbox>,
    pub(super) methods: Rc<Methods>,
    pub(super) rawsocket: bool,
    pub(super) cookie: Option<(Rc<Cookies>, String)>,
}

impl Router {
    /// The realms `realms`, which nobody is connected to yet.
    pub(super) fn new(realms: Vec<Realm>, ids: Ids, told: Dict) -> Rc<Self> {
        let names =
            realms.iter().enumerate().map(|(index, realm)| (realm.name().to_owned(), index)).collect();
        let dropped = vec![0; realms.len()];
        let inner = Inner {
            realms: Known { list: realms, names },
            clients: HashMap::new(),
            ids,
            effects: Vec::new(),
            waiting: Vec::new(),
            known: HashSet::new(),
            dropped,
            closing: false,
        };
        Rc::new(Self {
            inner: RefCell::new(inner),
            start: Instant::now(),
            told,
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
                    self.step(|inner, now| {
                        for realm in &mut inner.realms.list {
                            realm.expire(now, &mut inner.effects);
                        }
                    });
                }
            }
        }
    }

    /// Takes what `step` does to its end, and sets the alarm.
    fn step(&self, step: impl FnOnce(&mut Inner, Now)) {
        let mut inner = self.inner.borrow_mut();
        let now = self.now();
        step(&mut inner, now);
        inner.apply(now);
        if !inner.waiting.is_empty() {
            inner.ask_waiting(now);
            inner.apply(now);
        }
        let waiting = inner.waiting.iter().map(|question| question.until);
        let next = inner.realms.list.iter().filter_map(Realm::next_expiry).chain(waiting).min();
        if next != self.alarm.replace(next) {
            self.changed.notify_one();
        }
    }

    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now { clock: self.start.elapsed(), wall }
    }

    /// What every client is told of the process.
    pub(super) const fn told(&self) -> &Dict {
        &self.told
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
        let Connecting { connection, outbox, methods, rawsocket, cookie } = connecting;
        if inner.closing {
            outbox.end(SERVICE_RESTART, "the service restarts");
        }
        let session = Session::new(id, connection);
        let client =
            Client { session, outbox, methods, rawsocket, realm: None, held: VecDeque::new(), cookie };
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
            if let Some(realm) = client.realm {
                inner.dropped[realm] += client.outbox.dropped();
            }
            if client.outbox.dropped() > 0 {
                let dropped = client.outbox.dropped();
                info!(
                    "WAMP session {id}: {dropped} events were dropped, because the client did not take them"
                );
            }
            inner.leave(now, id, client.realm, Leaving::Lost);
        });
    }

    /// Whether a client is in a realm.
    pub(super) fn is_open(&self, id: Id) -> bool {
        self.inner.borrow().clients.get(&id).is_some_and(|client| client.realm.is_some())
    }

    /// Whether a client is connected by RawSocket.
    pub(super) fn is_rawsocket(&self, id: Id) -> bool {
        self.inner.borrow().clients.get(&id).is_some_and(|client| client.rawsocket)
    }

    /// What was counted so far, for each realm.
    pub(crate) fn counters(&self) -> Vec<RealmCounters> {
        let inner = self.inner.borrow();
        let count = |(index, realm): (usize, &Realm)| {
            let (status, counters) = (realm.status(), realm.counters());
            let clients = inner.clients.values().filter(|client| client.realm == Some(index));
            let (mut queued_bytes, mut events_dropped) = (0, inner.dropped[index]);
            for client in clients {
                queued_bytes += client.outbox.bytes() as u64;
                events_dropped += client.outbox.dropped();
            }
            let trouble = |(role, procedure, why): (&str, &str, &str)| {
                format!("authorizer {procedure} of role \"{role}\": {why}")
            };
            RealmCounters {
                name: realm.name().to_owned(),
                sessions: status.sessions as u64,
                subscriptions: status.subscriptions as u64,
                registrations: status.registrations as u64,
                calls: status.calls as u64,
                messages: counters.messages,
                events: counters.events,
                queued_bytes,
                events_dropped,
                kept_bytes: (status.retained_bytes + status.history_bytes) as u64,
                troubles: realm.failing_authorizers().map(trouble).collect(),
            }
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
                let realm = client.realm.take();
                client.session.kicked();
                if realm.is_some() {
                    let details = Dict::new().with("message", "the router restarts");
                    let goodbye = Message::Goodbye { details, reason: "wamp.close.system_shutdown".into() };
                    client.outbox.push(&Rc::new(Outgoing::new(goodbye)));
                }
                client.outbox.end(SERVICE_RESTART, "the service restarts");
                inner.leave(now, id, realm, Leaving::Lost);
            }
        });
    }
}

impl Inner {
    fn take(&mut self, now: Now, id: Id, message: Message) {
        let Self { realms, clients, ids, effects, .. } = self;
        let Some(client) = clients.get_mut(&id) else { return };
        if client.session.is_asking() && !matches!(message, Message::Abort { .. }) {
            if client.held.len() < MOST_HELD {
                client.held.push_back(message);
                return;
            }
            return self.violation(now, id, "too many messages during authentication");
        }
        let terms = Terms { methods: &client.methods, realms };
        match client.session.receive(now, message, terms, ids) {
            Output::Deliver(message) => {
                if let Some(realm) = client.realm {
                    realms.list[realm].receive(now, id, message, effects);
                }
            }
            output => self.carry_out(now, id, output),
        }
    }

    /// Does what a session has come to.
    fn carry_out(&mut self, now: Now, id: Id, output: Output) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        match output {
            Output::Nothing => {}
            Output::Deliver(message) => {
                if let Some(realm) = client.realm {
                    self.realms.list[realm].receive(now, id, message, &mut self.effects);
                }
            }
            Output::Send(message) => self.send(now, id, message),
            Output::Abort { message, close, .. } => {
                self.send(now, id, message);
                if close {
                    self.end(id, POLICY_VIOLATION, "too many refused attempts");
                }
            }
            Output::Join(joined) => self.join(now, id, *joined),
            Output::Leave { goodbye, logout, .. } => {
                let realm = client.realm.take();
                if logout && let Some((cookies, value)) = &client.cookie {
                    cookies.forget(value);
                }
                self.leave(now, id, realm, Leaving::Goodbye);
                self.send(now, id, goodbye);
            }
            Output::Ask { realm, procedure, payload } => {
                if let Some(&realm) = self.realms.names.get(&realm) {
                    self.ask(now, Waiting { client: id, realm, procedure, payload, until: Duration::ZERO });
                }
            }
            Output::Violation(text) => self.violation(now, id, &text),
            Output::End => {
                let realm = client.realm.take();
                self.leave(now, id, realm, Leaving::Lost);
                self.end(id, NORMAL, "");
            }
        }
    }

    fn join(&mut self, now: Now, id: Id, joined: Joined) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(index) = self.realms.names.get(&joined.realm).copied() else { return };
        client.realm = Some(index);
        if let Some((cookies, value)) = &client.cookie {
            cookies.remember(value, joined.remember);
        }
        self.send(now, id, joined.welcome);
        self.realms.list[index].join(now, joined.joining, &mut self.effects);
    }

    fn leave(&mut self, now: Now, id: Id, realm: Option<usize>, how: Leaving) {
        if let Some(realm) = realm {
            self.realms.list[realm].leave(now, id, how, &mut self.effects);
        }
    }

    fn end(&self, id: Id, code: u16, reason: &str) {
        if let Some(client) = self.clients.get(&id) {
            client.outbox.end(code, reason);
        }
    }

    fn violation(&mut self, now: Now, id: Id, text: &str) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        debug!("WAMP session {id}: {text}");
        let realm = client.realm.take();
        client.session.kicked();
        self.leave(now, id, realm, Leaving::Lost);
        let details = Dict::new().with("message", text);
        let reason = "wamp.error.protocol_violation".into();
        self.send(now, id, Message::Abort { details, reason, payload: Payload::None });
        self.end(id, PROTOCOL_ERROR, text);
    }

    fn send(&mut self, now: Now, id: Id, message: Message) {
        self.push(now, id, &Rc::new(Outgoing::new(message)));
    }

    fn push(&mut self, now: Now, id: Id, message: &Rc<Outgoing>) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        match client.outbox.push(message) {
            Queued::Yes | Queued::Dropped => {}
            Queued::Full => {
                let realm = client.realm.take();
                client.session.kicked();
                client.outbox.end(POLICY_VIOLATION, "the client does not take its messages");
                info!("WAMP session {id}: closed, because the client does not take its messages");
                self.leave(now, id, realm, Leaving::Lost);
            }
            Queued::TooLong => self.too_long(now, id, message.message()),
        }
    }

    /// A message is longer than what its receiver takes: whoever waits for an answer is told, and events are dropped.
    fn too_long(&mut self, now: Now, id: Id, message: &Message) {
        let error = |request_type, request| {
            let text = "the payload is longer than what the receiver takes";
            Message::Error {
                request_type,
                request,
                details: Dict::new(),
                error: "wamp.error.payload_size_exceeded".into(),
                payload: Payload::one(text),
            }
        };
        match message {
            Message::Event { .. } => {}
            Message::Result { request, .. } | Message::Error { request_type: kind::CALL, request, .. } => {
                let error = Rc::new(Outgoing::new(error(kind::CALL, *request)));
                if let Some(client) = self.clients.get(&id) {
                    client.outbox.push(&error);
                }
            }
            Message::Invocation { request, .. } => {
                let realm = self.clients.get(&id).and_then(|client| client.realm);
                if let Some(realm) = realm {
                    let answer = error(kind::INVOCATION, *request);
                    self.realms.list[realm].receive(now, id, answer, &mut self.effects);
                }
            }
            _ => self.end(id, POLICY_VIOLATION, "a message is longer than what the client takes"),
        }
    }

    /// Does what the realms want, until they want no more.
    fn apply(&mut self, now: Now) {
        while !self.effects.is_empty() {
            for effect in std::mem::take(&mut self.effects) {
                match effect {
                    Effect::Send { to, message } => self.push(now, to, &message),
                    Effect::Fan { to, message } => {
                        for to in to {
                            self.push(now, to, &message);
                        }
                    }
                    Effect::Goodbye { session, reason, message } => {
                        if let Some(client) = self.clients.get_mut(&session) {
                            client.realm = None;
                            client.session.kicked();
                        }
                        let details =
                            message.map_or_else(Dict::new, |text| Dict::new().with("message", text));
                        self.send(now, session, Message::Goodbye { details, reason });
                    }
                    Effect::Violation { session, text } => self.violation(now, session, &text),
                    Effect::Answer { token, answer } => self.answered(now, token, answer),
                }
            }
        }
    }

    /// An authenticator has answered: its client goes on, with what it has sent meanwhile.
    fn answered(&mut self, now: Now, id: Id, answer: jackfield_wamp::session::Answer) {
        let Self { realms, clients, ids, .. } = self;
        let Some(client) = clients.get_mut(&id) else { return };
        let terms = Terms { methods: &client.methods, realms };
        let output = client.session.answered(now, answer, terms, ids);
        self.carry_out(now, id, output);
        while let Some(client) = self.clients.get_mut(&id) {
            if client.session.is_asking() {
                break;
            }
            let Some(message) = client.held.pop_front() else { break };
            self.take(now, id, message);
        }
    }
}
