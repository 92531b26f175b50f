//! What the router does with sessions that another one has.

use super::inner::Inner;
use super::outbox::{Outbox, Queued};
use super::passage::Passage;
use super::router::Router;
use jackfield_wamp::realm::Effect;
use jackfield_wamp::session::Answer;
use jackfield_wamp::{Dict, Id, Message, Now, Outgoing, Payload, Value, kind};
use std::rc::Rc;

impl Router {
    /// The session of a passage is there: its client is told by WELCOME, and what it says goes to `to_router`.
    pub(crate) fn welcome(&self, passage: &Rc<Passage>, to_router: Rc<Outbox>, welcome: Message) {
        self.step(|inner, now| inner.welcome(now, passage, to_router, welcome));
    }

    /// There is no session for the client of a passage; the reason is a URI, the text for people.
    pub(crate) fn turn_away(&self, passage: &Rc<Passage>, reason: &str, text: &str) {
        self.step(|inner, now| inner.turn_away(now, passage, reason, text));
    }

    /// Passes a message of the router that has the session on to its client.
    pub(crate) fn pass(&self, passage: &Rc<Passage>, message: Message) {
        self.step(|inner, now| inner.pass(now, passage, message));
    }

    /// The session has ended other than by its client's wish.
    pub(crate) fn end_passage(&self, passage: &Rc<Passage>, reason: &str, text: &str) {
        self.step(|inner, now| inner.end_passage(now, passage, reason, text));
    }

    /// An authenticator has answered a [`Question`].
    pub(crate) fn answered(&self, client: Id, answer: Answer) {
        self.step(|inner, now| inner.answered(now, client, answer));
    }
}

impl Inner {
    fn has_passage(&self, passage: &Rc<Passage>) -> bool {
        self.passages.as_ref().is_some_and(|passages| passages.has(passage))
    }

    pub(super) fn welcome(
        &mut self,
        now: Now,
        passage: &Rc<Passage>,
        to_router: Rc<Outbox>,
        welcome: Message,
    ) {
        if !self.has_passage(passage) {
            return;
        }
        if let Some(client) = self.clients.get(&passage.client) {
            client.outbox.set_in_realm(true);
        }
        passage.open(to_router);
        self.send(now, passage.client, welcome);
    }

    pub(super) fn turn_away(&mut self, now: Now, passage: &Rc<Passage>, reason: &str, text: &str) {
        let id = passage.client;
        if !self.has_passage(passage) {
            return;
        }
        let Some(client) = self.clients.get_mut(&id) else { return };
        let realm = client.leave();
        let output = client.session.turned_away(reason, text);
        self.leave(now, id, realm);
        self.carry_out(now, id, output);
    }

    pub(super) fn pass(&mut self, now: Now, passage: &Rc<Passage>, message: Message) {
        if self.has_passage(passage) {
            self.send(now, passage.client, message);
        }
    }

    pub(super) fn end_passage(&mut self, now: Now, passage: &Rc<Passage>, reason: &str, text: &str) {
        if self.has_passage(passage) {
            self.end_session(now, passage.client, reason, text);
        }
    }

    /// Says GOODBYE to a client whose session another router has.
    pub(super) fn end_session(&mut self, now: Now, session: Id, reason: &str, text: &str) {
        let realm = self.clients.get(&session).and_then(|client| client.realm);
        self.leave(now, session, realm);
        let message = Some(text.to_owned()).filter(|text| !text.is_empty());
        self.effects.push(Effect::Goodbye { session, reason: reason.to_owned(), message });
    }

    /// Sends a message of a client to the router that has its session.
    pub(super) fn send_on(&mut self, now: Now, id: Id, message: Message) {
        let Some(passage) = self.passages.as_ref().and_then(|passages| passages.get(id)) else { return };
        let message = Rc::new(Outgoing::new(message));
        match passage.send(&message) {
            Some(Queued::Yes | Queued::Dropped) => {}
            None => self.violation(now, id, "nothing is expected before WELCOME"),
            // Whoever reads no client before there is room never comes here.
            Some(Queued::Full) => {
                self.end_session(now, id, "wamp.error.network_failure", "the router takes no messages");
            }
            Some(Queued::TooLong) => self.too_long_for_router(now, id, message.message()),
        }
    }

    /// A message of a client is longer than what the router takes: whoever waits for an answer is told.
    fn too_long_for_router(&mut self, now: Now, id: Id, message: &Message) {
        let text = "the payload is longer than what the router takes";
        let error = |request_type, request| Message::Error {
            request_type,
            request,
            details: Dict::new(),
            error: "wamp.error.payload_size_exceeded".into(),
            payload: Payload::one(text),
        };
        match message {
            Message::Call { request, .. } => self.send(now, id, error(kind::CALL, *request)),
            Message::Publish { request, options, .. } => {
                if options.get("acknowledge").and_then(Value::as_bool) == Some(true) {
                    self.send(now, id, error(kind::PUBLISH, *request));
                }
            }
            // The caller gets this in place of the result.
            Message::Yield { request, .. }
            | Message::Error { request_type: kind::INVOCATION, request, .. } => {
                self.send_on(now, id, error(kind::INVOCATION, *request));
            }
            _ => self.end_session(now, id, "wamp.error.payload_size_exceeded", text),
        }
    }
}
