//! What a realm is configured to do.

use crate::uri::{Check, Match};
use std::time::Duration;

/// The configuration of a realm.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Its name.
    pub name: String,
    /// The roles of its sessions. A session whose role is none of them may do nothing; one of the role `trusted`, if
    /// that is not among them, belongs to the router itself and may do everything.
    pub roles: Vec<Role>,
    /// How URIs are checked.
    pub uri_check: Check,
    /// Whether there are the procedures and events of `wamp.`.
    pub meta_api: bool,
    /// The unit of CALL.Options.timeout.
    pub call_timeout_unit: TimeoutUnit,
    /// How long an authorizer may take.
    pub authorizer_timeout: Duration,
    /// How long an authenticator may take.
    pub authenticator_timeout: Duration,
    /// How long a client waits for an authenticator that is not registered; zero: not at all.
    pub authenticator_wait: Duration,
    /// How long a callee may take to answer a call that was cancelled by `kill`.
    pub kill_timeout: Duration,
    /// What may grow.
    pub bounds: Bounds,
    /// Event history and call queues.
    pub store: Option<Store>,
}

impl Config {
    /// A realm without roles, with the defaults of everything else.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            meta_api: true,
            authorizer_timeout: Duration::from_secs(5),
            authenticator_timeout: Duration::from_secs(5),
            authenticator_wait: Duration::ZERO,
            kill_timeout: Duration::from_secs(60),
            ..Self::default()
        }
    }
}

/// The unit of CALL.Options.timeout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeoutUnit {
    /// Milliseconds, as the specification says.
    #[default]
    Milliseconds,
    /// Seconds, as Crossbar.io takes it.
    Seconds,
}

impl TimeoutUnit {
    pub(crate) const fn of(self, timeout: u64) -> Duration {
        match self {
            Self::Milliseconds => Duration::from_millis(timeout),
            Self::Seconds => Duration::from_secs(timeout),
        }
    }
}

/// What may grow in a realm, and how far. Beyond it requests are refused with `jackfield.error.limit_reached`.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Subscriptions of a session.
    pub subscriptions: usize,
    /// Registrations of a session.
    pub registrations: usize,
    /// Calls of a session that are not answered yet.
    pub calls: usize,
    /// Requests of a session that wait while its authorizer is asked.
    pub held: usize,
    /// Bytes of these, about.
    pub held_bytes: usize,
    /// Bytes of the arguments of all calls of the realm that wait for a callee at its limit.
    pub queued_bytes: usize,
    /// Testaments of a session.
    pub testaments: usize,
    /// Bytes of the testaments of a session, about.
    pub testament_bytes: usize,
    /// Bytes of all retained events of the realm, with their topics.
    pub retained_bytes: usize,
    /// Retained events of a topic: one for everybody and those that were for some only.
    pub retained_variants: usize,
    /// Bytes of the event history of the realm.
    pub history_bytes: usize,
    /// Answers of authorizers that are kept for a role; when there are as many, all are forgotten.
    pub authorizations: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            subscriptions: 10_000,
            registrations: 10_000,
            calls: 16_384,
            held: 1_000,
            held_bytes: 16 << 20,
            queued_bytes: 64 << 20,
            testaments: 100,
            testament_bytes: 1 << 20,
            retained_bytes: 64 << 20,
            retained_variants: 16,
            history_bytes: 64 << 20,
            authorizations: 10_000,
        }
    }
}

/// A role of a realm.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What its sessions may do.
    pub access: Access,
}

/// How is decided what the sessions of a role may do.
#[derive(Clone, Debug)]
pub enum Access {
    /// By rules; of those that match a URI the most specific one decides: one for the whole URI, else the wildcard
    /// with the longest parts before its wildcards, else the longest prefix. Without one nothing is allowed.
    Static(Vec<Rule>),
    /// By a procedure of this realm, which is called for each action.
    Dynamic {
        /// The procedure.
        authorizer: String,
        /// Who is disclosed where the procedure does not say.
        disclose: Disclose,
    },
}

/// A rule of a role.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// The URI.
    pub uri: String,
    /// How it is compared with those of actions.
    pub policy: Match,
    /// What is allowed.
    pub allow: Allow,
    /// Who is disclosed.
    pub disclose: Disclose,
}

/// The actions that a rule allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Allow {
    pub call: bool,
    pub register: bool,
    pub publish: bool,
    pub subscribe: bool,
}

impl Allow {
    /// All of them.
    pub const ALL: Self = Self { call: true, register: true, publish: true, subscribe: true };
}

/// Whom the router discloses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disclose {
    /// The caller to callees.
    pub caller: bool,
    /// The publisher to subscribers.
    pub publisher: bool,
}

/// The configuration of event history and call queues (`store`).
#[derive(Clone, Debug)]
pub struct Store {
    /// The limit of those that have none.
    pub limit: usize,
    /// Topics whose events are kept.
    pub event_history: Vec<Kept>,
    /// Procedures whose calls wait for a callee at its limit. In a realm with a store those of all others wait, too,
    /// up to `limit`.
    pub call_queues: Vec<Kept>,
}

/// A URI whose events or calls are kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The URI.
    pub uri: String,
    /// How it is compared.
    pub policy: Match,
    /// How many are kept, if not as many as the store says.
    pub limit: Option<usize>,
}
