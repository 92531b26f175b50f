//! A session from its first message to its last: the opening handshake, authentication, the closing handshake.
//!
//! [`Session`] is a state machine of one connection: messages of the client and answers of authenticators come in, an
//! [`Output`] goes out. What routes goes on to a realm.

mod authenticate;
mod decoy;
mod grant;
mod hello;
#[cfg(test)]
mod tests;

use crate::auth::{Connection, Methods, Remembered};
use crate::realm::Joining;
use crate::rlink::MARK;
use crate::{Dict, Id, Ids, Message, Now, Payload, Value};
use authenticate::Asking;
pub(crate) use grant::EVERYWHERE;
use grant::Grant;
use hello::Hello;

/// The realms that there are.
pub trait Realms {
    /// Whether there is one of this name.
    fn has_realm(&self, name: &str) -> bool;
    /// Whether it has this role.
    fn has_role(&self, realm: &str, role: &str) -> bool;
    /// What the router can do in it (WELCOME's `roles`).
    fn roles(&self, realm: &str) -> Dict;
}

/// The session of a connection.
#[derive(Debug)]
pub struct Session {
    /// One id for all sessions that follow each other on the connection.
    id: Id,
    connection: Connection,
    state: State,
    /// Refused attempts.
    refused: u32,
}

#[derive(Debug)]
enum State {
    /// Nothing was said yet.
    Fresh,
    /// No session any longer, or not yet after a refusal: HELLO begins one, other messages are ignored.
    Between,
    /// A procedure decides.
    Asking(Box<Asking>),
    /// The client has to answer a challenge.
    Challenged(Box<(Hello, Grant, crate::auth::Pending)>),
    /// In the realm.
    Open { realm: String },
    /// The router has said GOODBYE.
    Leaving,
}

/// Characters of an authenticator's text that reach a client, at most.
const LONGEST_TEXT: usize = 200;

/// Refused attempts on one connection before it is closed.
pub const MOST_REFUSED: u32 = 3;

/// What is to be done after a message.
#[derive(Debug)]
pub enum Output {
    /// Nothing.
    Nothing,
    /// Send CHALLENGE.
    Send(Message),
    /// Send ABORT, then close the connection if so said.
    Abort {
        /// The message.
        message: Message,
        /// Whether the connection is closed after it.
        close: bool,
        /// Whether somebody has failed to prove who he is, which counts for his address.
        failed: bool,
    },
    /// Let the client into its realm, then send WELCOME.
    Join(Box<Joined>),
    /// Hand the message to the realm.
    Deliver(Message),
    /// Take the session out of its realm, then send GOODBYE.
    Leave {
        /// The realm.
        realm: String,
        /// The message.
        goodbye: Message,
        /// Whether the client's cookie stands for nothing from now on.
        logout: bool,
    },
    /// Call an authenticator; its answer goes to [`Session::answered`].
    Ask {
        /// The realm to call it in.
        realm: String,
        /// The role to call it as, where a session is needed for that.
        role: Option<String>,
        /// Its URI.
        procedure: String,
        /// The arguments.
        payload: Payload,
    },
    /// The client has violated the protocol: take the session out of its realm, send ABORT, close the connection.
    Violation(String),
    /// The client gave up: take the session out of its realm, close the connection.
    End,
}

/// A client that is let in.
#[derive(Debug)]
pub struct Joined {
    /// The realm.
    pub realm: String,
    /// What the realm is told.
    pub joining: Joining,
    /// WELCOME.
    pub welcome: Message,
    /// What its cookie stands for from now on.
    pub remember: Remembered,
    /// What the client can do (HELLO's `roles`).
    pub roles: Value,
}

/// Why a client is not let in.
#[derive(Debug)]
pub(crate) struct Refusal {
    reason: String,
    text: Option<String>,
    /// Whether a proof was wrong, or missing.
    failed: bool,
}

impl Refusal {
    pub(crate) fn new(reason: &str, text: impl Into<String>) -> Self {
        Self { reason: reason.into(), text: Some(text.into()), failed: false }
    }

    fn no_such_realm(text: impl Into<String>) -> Self {
        Self::new("wamp.error.no_such_realm", text)
    }

    /// What an authenticator says. Its text goes to the client as one line of limited length.
    fn of_authenticator(uri: String, payload: &Payload) -> Self {
        let reason = if crate::uri::is_valid(&uri, crate::uri::Check::Loose) {
            uri
        } else {
            "wamp.error.authentication_failed".into()
        };
        let text = payload.decode().ok().and_then(|(args, _)| {
            let text = match args.into_iter().next()? {
                Value::Str(text) => text,
                Value::Int(number) => number.to_string(),
                _ => return None,
            };
            Some(text.lines().next().unwrap_or_default().chars().take(LONGEST_TEXT).collect())
        });
        // One that is gone or silent says nothing about the client.
        let failed = !matches!(
            reason.as_str(),
            "wamp.error.no_such_procedure" | "wamp.error.timeout" | "wamp.error.canceled"
        );
        Self { reason, text, failed }
    }

    fn not_authorized(text: impl Into<String>) -> Self {
        Self { failed: true, ..Self::new("wamp.error.not_authorized", text) }
    }
}

/// What a handshake is decided by.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations)]
pub struct Terms<'a> {
    /// What the transport accepts.
    pub methods: &'a Methods,
    /// The realms that there are.
    pub realms: &'a dyn Realms,
}

impl Session {
    /// A connection that has said nothing.
    #[must_use]
    pub fn new(id: Id, connection: Connection) -> Self {
        Self { id, connection, state: State::Fresh, refused: 0 }
    }

    /// The id of its sessions.
    #[must_use]
    pub const fn id(&self) -> Id {
        self.id
    }

    /// The realm it is in.
    #[must_use]
    pub fn realm(&self) -> Option<&str> {
        if let State::Open { realm } = &self.state { Some(realm) } else { None }
    }

    /// Whether the client waits for an authenticator: what it sends meanwhile waits.
    #[must_use]
    pub const fn is_asking(&self) -> bool {
        matches!(self.state, State::Asking(_))
    }

    /// Takes a message of the client.
    pub fn receive(&mut self, now: Now, message: Message, terms: Terms<'_>, ids: &mut Ids) -> Output {
        match (&self.state, message) {
            (State::Open { .. }, Message::Goodbye { reason, .. }) => self.leave(&reason),
            (State::Open { .. }, Message::Abort { .. }) => Output::End,
            (State::Open { .. }, message) => match &message {
                Message::Publish { .. }
                | Message::Subscribe { .. }
                | Message::Unsubscribe { .. }
                | Message::Call { .. }
                | Message::Cancel { .. }
                | Message::Register { .. }
                | Message::Unregister { .. }
                | Message::Yield { .. } => Output::Deliver(message),
                Message::Error { request_type: crate::kind::INVOCATION, .. } => Output::Deliver(message),
                _ => self.unexpected(&message, "in a session"),
            },
            (State::Leaving, Message::Goodbye { .. }) => {
                self.state = State::Between;
                Output::Nothing
            }
            (State::Leaving, _) => Output::Nothing,
            (State::Fresh | State::Between, Message::Hello { realm, details }) => {
                let hello = match Hello::read(realm, &details) {
                    Ok(hello) => hello,
                    Err(text) => return self.violation(text),
                };
                self.hello(now, hello, terms, ids)
            }
            (State::Fresh | State::Between, Message::Authenticate { .. }) => {
                self.refuse(Refusal::not_authorized("no pending authentication"))
            }
            (State::Challenged(_), Message::Abort { .. }) => {
                self.state = State::Between;
                Output::Nothing
            }
            // The answer that is under way must not be taken for one about whoever says HELLO next.
            (State::Asking(_), Message::Abort { .. }) => {
                self.state = State::Leaving;
                Output::End
            }
            (State::Challenged(_), Message::Authenticate { signature, .. }) => {
                self.authenticate(&signature, terms)
            }
            (State::Fresh | State::Between, Message::Abort { .. })
            | (State::Between, Message::Goodbye { .. }) => Output::Nothing,
            (State::Between, message) => match message.kind() {
                // Sent before the client knew that its session is over.
                crate::kind::PUBLISH..=crate::kind::YIELD => Output::Nothing,
                _ => self.unexpected(&message, "after the end of a session"),
            },
            (State::Fresh, message) => self.unexpected(&message, "before HELLO"),
            (State::Challenged(_) | State::Asking(_), message) => {
                self.unexpected(&message, "during authentication")
            }
        }
    }

    /// Refuses a client whose address has sent too many wrong proofs.
    pub fn too_many_failures(&mut self) -> Output {
        let text = "too many wrong proofs came from this address; try again later";
        match self.refuse(Refusal::new("wamp.error.authentication_failed", text)) {
            Output::Abort { message, .. } => Output::Abort { message, close: true, failed: false },
            output => output,
        }
    }

    /// Refuses a client that was let in here, and is not by the router that is to have its session.
    pub fn turned_away(&mut self, reason: &str, text: &str) -> Output {
        self.refuse(Refusal::new(reason, text))
    }

    /// Takes what an authenticator has answered.
    pub fn answered(&mut self, now: Now, answer: Answer, terms: Terms<'_>, ids: &mut Ids) -> Output {
        match std::mem::replace(&mut self.state, State::Between) {
            State::Asking(asking) => self.told(now, *asking, answer, terms, ids),
            other => {
                self.state = other;
                Output::Nothing
            }
        }
    }

    /// The realm has ended the session; the client's GOODBYE is waited for.
    pub fn kicked(&mut self) {
        if let State::Open { .. } = self.state {
            self.state = State::Leaving;
        }
    }

    fn leave(&mut self, reason: &str) -> Output {
        let State::Open { realm } = std::mem::replace(&mut self.state, State::Between) else {
            return Output::Nothing;
        };
        // The reference answers so, whatever the reason, and its clients expect it.
        let goodbye = Message::Goodbye { details: Dict::new(), reason: "wamp.close.normal".into() };
        Output::Leave { realm, goodbye, logout: reason == "wamp.close.logout" }
    }

    fn unexpected(&mut self, message: &Message, when: &str) -> Output {
        self.violation(format!("{} is not expected {when}", message.name()))
    }

    fn violation(&mut self, text: String) -> Output {
        Output::Violation(text)
    }

    fn refuse(&mut self, refusal: Refusal) -> Output {
        self.state = State::Between;
        self.refused += 1;
        let details = match refusal.text {
            Some(text) => Dict::new().with("message", text),
            None => Dict::new(),
        };
        let message = Message::Abort { details, reason: refusal.reason, payload: Payload::None };
        Output::Abort { message, close: self.refused >= MOST_REFUSED, failed: refusal.failed }
    }

    /// Lets the client in.
    fn accept(&mut self, hello: &Hello, grant: Grant, terms: Terms<'_>) -> Output {
        let Grant { realm, authid, role, method, provider, extra, transport } = grant;
        let (realm, authid) = (realm.unwrap_or_default(), authid.unwrap_or_default());
        let role = role.unwrap_or_default();
        let mut told = extra.clone().unwrap_or_default();
        if let Some(link) = hello.authextra.as_ref().and_then(|extra| extra.get(MARK)?.as_str())
            && told.get(MARK).is_none()
        {
            told.push(MARK, link);
        }
        told.0.extend(self.connection.node.0.iter().cloned());
        let mut details = self.connection.node.clone();
        details.push("realm", realm.as_str());
        details.push("authid", authid.as_str());
        details.push("authrole", role.as_str());
        details.push("authmethod", method.as_str());
        details.push("authprovider", provider);
        details.push("authextra", told.clone());
        details.push("roles", terms.realms.roles(&realm));
        let remember = Remembered {
            realm: realm.clone(),
            authid: authid.clone(),
            authrole: role.clone(),
            authmethod: method.clone(),
            authextra: extra,
        };
        let joining = Joining {
            session: self.id,
            authid,
            authrole: role,
            authmethod: method,
            authprovider: provider.into(),
            authextra: Some(told),
            transport: transport.unwrap_or_else(|| self.connection.transport.clone()),
            features: hello.features,
        };
        self.state = State::Open { realm: realm.clone() };
        self.refused = 0;
        let welcome = Message::Welcome { session: self.id, details };
        let roles = hello.roles.clone();
        Output::Join(Box::new(Joined { realm, joining, welcome, remember, roles }))
    }
}

/// What an authenticator has answered: a result, or the URI and arguments of an error.
pub type Answer = Result<Payload, (String, Payload)>;
