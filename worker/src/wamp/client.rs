//! A connected client, as the router knows it.

use super::cookies::Cookies;
use super::guard::Guard;
use super::outbox::Outbox;
use jackfield_wamp::auth::Methods;
use jackfield_wamp::session::Session;
use jackfield_wamp::{Dict, Message, Now, Value};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;

/// A connected client.
pub(super) struct Client {
    pub(super) session: Session,
    pub(super) outbox: Rc<Outbox>,
    pub(super) methods: Rc<Methods>,
    /// Where its realm is, while it is in one.
    pub(super) realm: Option<usize>,
    /// Where the realm is that it was in last: events that are dropped count there.
    pub(super) last_realm: Option<usize>,
    /// What came while an authenticator is asked.
    pub(super) held: VecDeque<Message>,
    pub(super) cookie: Option<(Rc<Cookies>, String)>,
    /// Where its wrong proofs are counted, and with which address.
    pub(super) guard: Option<(Rc<Guard>, IpAddr)>,
}

impl Client {
    /// Takes it out of its realm, for the router's part.
    pub(super) fn leave(&mut self) -> Option<usize> {
        self.outbox.set_in_realm(false);
        self.realm.take()
    }

    /// Whether a message may not be looked at, because its address has sent too many wrong proofs.
    pub(super) fn is_shut_out(&self, message: &Message, now: Now) -> bool {
        let proves = match message {
            Message::Authenticate { .. } => true,
            Message::Hello { details, .. } => wants_proof(details),
            _ => false,
        };
        proves
            && self.realm.is_none()
            && self.guard.as_ref().is_some_and(|(guard, address)| guard.is_spent(*address, now.clock))
    }
}

/// Whether a client asks to be let in by what could be guessed.
fn wants_proof(details: &Dict) -> bool {
    let methods = details.get("authmethods").and_then(Value::as_list).unwrap_or_default();
    methods
        .iter()
        .any(|method| !matches!(method.as_str(), Some("anonymous" | "anonymous-proxy" | "tls" | "cookie")))
}
