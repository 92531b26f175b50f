//! What the router does with a message, under one borrow: who it is from, what comes of it, and who gets that.

use super::client::Client;
use super::cookies::Cookies;
use super::edges::Edges;
use super::known::Known;
use super::outbox::Queued;
use super::passage::{Passages, Question};
use super::question::Waiting;
use jackfield_wamp::realm::{Effect, IdMap};
use jackfield_wamp::session::{Joined, Output, Terms};
use jackfield_wamp::{Dict, Id, Ids, Message, Now, Outgoing, Payload, kind};
use std::rc::Rc;
use std::time::Duration;
use tracing::{debug, info};

/// Close code after a violation (RFC 6455 section 7.4.1).
const PROTOCOL_ERROR: u16 = 1002;
const NORMAL: u16 = 1000;
/// Close code of an end that the client has to expect, and may try again after (IANA registry of RFC 6455).
pub(super) const SERVICE_RESTART: u16 = 1012;
const POLICY_VIOLATION: u16 = 1008;

/// Messages of a client that wait while an authenticator is asked.
const MOST_HELD: usize = 100;
/// Bytes of these, at most.
const MOST_HELD_BYTES: usize = 1 << 20;

pub(super) struct Inner {
    pub(super) realms: Known,
    /// What has the realms' sessions where another process has the realms; then those above are configuration alone.
    pub(super) edges: Option<Edges>,
    /// The sessions of the clients, where other routers have them; then, too.
    pub(super) passages: Option<Passages>,
    pub(super) clients: IdMap<Client>,
    pub(super) ids: Ids,
    pub(super) effects: Vec<Effect>,
    /// Questions to authenticators that are not registered.
    pub(super) waiting: Vec<Waiting>,
    /// Events that clients who are gone did not take, for each realm.
    pub(super) dropped: Vec<u64>,
    /// Results that were dropped because their calls had been answered here, for each realm.
    pub(super) late: Vec<u64>,
    /// Whether the process ends.
    pub(super) closing: bool,
}

impl Inner {
    /// Does what is due.
    pub(super) fn expire(&mut self, now: Now) {
        let due: Vec<_> =
            self.realms.due.range(..=(now.clock, usize::MAX)).map(|(_, index)| *index).collect();
        for index in due {
            self.realms.touch(index).expire(now, &mut self.effects);
        }
        if let Some(edges) = &mut self.edges {
            edges.expire(now, &mut self.effects);
        }
    }

    pub(super) fn take(&mut self, now: Now, id: Id, message: Message) {
        let Self { realms, clients, ids, .. } = self;
        let Some(client) = clients.get_mut(&id) else { return };
        if client.session.is_asking() && !matches!(message, Message::Abort { .. }) {
            let size = message.size();
            if client.held.len() < MOST_HELD && client.outbox.held() + size <= MOST_HELD_BYTES {
                client.outbox.hold(size);
                client.held.push_back(message);
                return;
            }
            return self.violation(now, id, "too many messages during authentication");
        }
        if client.is_shut_out(&message, now) {
            let output = client.session.too_many_failures();
            return self.carry_out(now, id, output);
        }
        let terms = Terms { methods: &client.methods, realms };
        match client.session.receive(now, message, terms, ids) {
            Output::Deliver(message) => {
                if let Some(realm) = client.realm {
                    self.route(now, realm, id, message);
                }
            }
            output => self.carry_out(now, id, output),
        }
    }

    /// Does what a session has come to.
    pub(super) fn carry_out(&mut self, now: Now, id: Id, output: Output) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        match output {
            Output::Nothing => {}
            Output::Deliver(message) => {
                if let Some(realm) = client.realm {
                    self.route(now, realm, id, message);
                }
            }
            Output::Send(message) => self.send(now, id, message),
            Output::Abort { message, close, failed } => {
                if let Some((guard, address)) = client.guard.as_ref().filter(|_| failed) {
                    guard.failed(*address, now.clock);
                }
                self.send(now, id, message);
                if close {
                    self.end(id, POLICY_VIOLATION, "too many refused attempts");
                }
            }
            Output::Join(joined) => self.join(now, id, *joined),
            Output::Leave { goodbye, logout, .. } => {
                let realm = client.leave();
                let cookie = client.cookie.clone().filter(|_| logout);
                self.leave(now, id, realm);
                self.send(now, id, goodbye);
                if let Some((cookies, value)) = cookie {
                    self.log_out(now, &cookies, &value);
                }
            }
            Output::Ask { realm, role, procedure, payload } => {
                if let Some(passages) = &self.passages {
                    return passages.ask(Question { client: id, realm, role, procedure, payload });
                }
                if let Some(&realm) = self.realms.names.get(&realm) {
                    self.ask(now, Waiting { client: id, realm, procedure, payload, until: Duration::ZERO });
                }
            }
            Output::Violation(text) => self.violation(now, id, &text),
            Output::End => {
                let realm = client.leave();
                self.leave(now, id, realm);
                self.end(id, NORMAL, "");
            }
        }
    }

    /// Hands a message of a session to its realm.
    fn route(&mut self, now: Now, realm: usize, id: Id, message: Message) {
        if self.passages.is_some() {
            return self.send_on(now, id, message);
        }
        match &mut self.edges {
            Some(edges) => {
                edges.touch(realm).receive(now, &self.realms.list[realm], id, message, &mut self.effects);
            }
            None => self.realms.touch(realm).receive(now, id, message, &mut self.effects),
        }
    }

    fn join(&mut self, now: Now, id: Id, joined: Joined) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(index) = self.realms.names.get(&joined.realm).copied() else { return };
        client.realm = Some(index);
        let was_in = client.last_realm.replace(index);
        let dropped = client.outbox.take_dropped();
        self.count_dropped(id, was_in, dropped);
        let Some(client) = self.clients.get_mut(&id) else { return };
        if let Some((cookies, value)) = &client.cookie {
            cookies.remember(value, joined.remember.clone());
        }
        if let Some(passages) = &mut self.passages {
            return passages.begin(Rc::clone(&client.outbox), joined);
        }
        client.outbox.set_in_realm(true);
        self.send(now, id, joined.welcome);
        match &mut self.edges {
            Some(edges) => edges.touch(index).join(self.realms.list[index].name(), joined.joining),
            None => self.realms.touch(index).join(now, joined.joining, &mut self.effects),
        }
    }

    /// Lets a cookie stand for nothing; all that came in by it have to go.
    fn log_out(&mut self, now: Now, cookies: &Rc<Cookies>, value: &str) {
        cookies.forget(value);
        let came_so = |client: &Client| {
            let (own, own_value) = client.cookie.as_ref()?;
            (own_value == value && own.share_with(cookies)).then_some(client.realm?)
        };
        let others: Vec<_> =
            self.clients.iter().filter_map(|(id, client)| Some((*id, came_so(client)?))).collect();
        for (id, realm) in others {
            let logout = "wamp.close.logout";
            if self.passages.is_some() {
                self.end_session(now, id, logout, "");
                continue;
            }
            let reason = Some(logout);
            match &mut self.edges {
                Some(edges) => edges.touch(realm).kill(id, reason),
                None => _ = self.realms.touch(realm).kill(now, id, reason, None, &mut self.effects),
            }
        }
    }

    pub(super) fn leave(&mut self, now: Now, id: Id, realm: Option<usize>) {
        let Some(realm) = realm else { return };
        if let Some(passages) = &mut self.passages {
            return passages.leave(id);
        }
        match &mut self.edges {
            Some(edges) => edges.touch(realm).leave(id),
            None => self.realms.touch(realm).leave(now, id, &mut self.effects),
        }
    }

    /// Counts events that a client of a realm did not take.
    pub(super) fn count_dropped(&mut self, id: Id, realm: Option<usize>, dropped: u64) {
        if let Some(index) = realm.filter(|_| dropped > 0) {
            self.dropped[index] += dropped;
            info!("WAMP session {id}: {dropped} events were dropped, because the client did not take them");
        }
    }

    fn end(&self, id: Id, code: u16, reason: &str) {
        if let Some(client) = self.clients.get(&id) {
            client.outbox.end(code, reason);
        }
    }

    pub(super) fn violation(&mut self, now: Now, id: Id, text: &str) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        debug!("WAMP session {id}: {text}");
        let realm = client.leave();
        client.session.kicked();
        self.leave(now, id, realm);
        let details = Dict::new().with("message", text);
        let reason = "wamp.error.protocol_violation".into();
        self.send(now, id, Message::Abort { details, reason, payload: Payload::None });
        self.end(id, PROTOCOL_ERROR, text);
    }

    pub(super) fn send(&mut self, now: Now, id: Id, message: Message) {
        self.push(now, id, &Rc::new(Outgoing::new(message)));
    }

    fn push(&mut self, now: Now, id: Id, message: &Rc<Outgoing>) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        match client.outbox.push(message) {
            Queued::Yes | Queued::Dropped => {}
            Queued::Full => {
                let realm = client.leave();
                client.session.kicked();
                client.outbox.end(POLICY_VIOLATION, "the client does not take its messages");
                info!("WAMP session {id}: closed, because the client does not take its messages");
                self.leave(now, id, realm);
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
                    self.route(now, realm, id, answer);
                }
            }
            _ => self.end(id, POLICY_VIOLATION, "a message is longer than what the client takes"),
        }
    }

    /// Does what the realms want, until they want no more.
    pub(super) fn apply(&mut self, now: Now) {
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
                            client.leave();
                            client.session.kicked();
                        }
                        let details =
                            message.map_or_else(Dict::new, |text| Dict::new().with("message", text));
                        self.send(now, session, Message::Goodbye { details, reason });
                    }
                    Effect::Violation { session, text } => self.violation(now, session, &text),
                    Effect::Answer { token, answer } => self.answered(now, token, answer),
                    Effect::Late(session) => {
                        let realm = self.clients.get(&session).and_then(|client| client.last_realm);
                        realm.into_iter().for_each(|index| self.late[index] += 1);
                    }
                    Effect::Hub(_) => {}
                }
            }
        }
    }

    /// An authenticator has answered: its client goes on, with what it has sent meanwhile.
    pub(super) fn answered(&mut self, now: Now, id: Id, answer: jackfield_wamp::session::Answer) {
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
            client.outbox.release(message.size());
            self.take(now, id, message);
        }
    }
}
