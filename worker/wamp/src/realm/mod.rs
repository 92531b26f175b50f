//! A realm: its sessions, what they have subscribed to and registered, and the calls under way.
//!
//! [`Realm`] is one state machine: messages of its sessions and the time come in, [`Effect`]s go out.

mod alike;
mod args;
mod audit;
mod authorize;
mod broker;
mod config;
mod dealer;
pub(crate) mod errors;
mod features;
pub(crate) mod hash;
mod lasting;
mod lifecycle;
mod machine;
mod meta;
mod options;
mod pattern;
mod permission;
mod restore;
mod session;
mod status;

pub use config::{Access, Allow, Bounds, Config, Disclose, Kept, Role, Rule, Store, TimeoutUnit};
pub use hash::{IdHash, IdHasher, IdMap};
pub use lasting::{Lasting, LastingEvent, LastingKey};
pub use machine::Realm;
pub(crate) use options::CancelMode;
pub use restore::{Restored, Stamp};
pub use status::{Counters, Status};

use crate::{Dict, Id, Outgoing, Payload};
use std::rc::Rc;

/// What is to be done after a step, in this order.
pub(crate) type Effects = Vec<Effect>;

/// A session that joins: what its handshake has found out.
#[derive(Clone, Debug)]
pub struct Joining {
    /// Its id, random and unused in the realm.
    pub session: Id,
    /// Who it is.
    pub authid: String,
    /// What it may do, by the name of a role of the realm.
    pub authrole: String,
    /// How it has authenticated.
    pub authmethod: String,
    /// Who has authenticated it.
    pub authprovider: String,
    /// Further details of the authentication.
    pub authextra: Option<Dict>,
    /// The connection, as the meta API tells it (`transport`).
    pub transport: Dict,
    /// What its client can, as far as the router's behaviour depends on it.
    pub features: ClientFeatures,
}

/// Features that a client announces (HELLO.Details.roles), as far as the router's behaviour depends on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientFeatures {
    /// callee: `call_canceling` (or `call_cancelling`): takes INTERRUPT.
    pub callee_canceling: bool,
    /// callee: `call_timeout`.
    pub callee_timeout: bool,
    /// callee: `progressive_call_results`.
    pub callee_progressive_results: bool,
    /// callee: `registration_revocation`: takes UNREGISTERED with request 0.
    pub callee_revocation: bool,
    /// callee: `progressive_call_invocations`.
    pub callee_progressive_invocations: bool,
    /// caller: `call_canceling`.
    pub caller_canceling: bool,
    /// caller: `progressive_call_results`.
    pub caller_progressive_results: bool,
    /// subscriber: `subscription_revocation`: takes UNSUBSCRIBED with request 0.
    pub subscriber_revocation: bool,
}

impl ClientFeatures {
    /// Everything that a client can announce.
    pub const ALL: Self = Self {
        callee_canceling: true,
        callee_timeout: true,
        callee_progressive_results: true,
        callee_revocation: true,
        callee_progressive_invocations: true,
        caller_canceling: true,
        caller_progressive_results: true,
        subscriber_revocation: true,
    };
}

/// What is to be done after a step.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send a message to a session.
    Send {
        /// The receiver.
        to: Id,
        /// What it gets.
        message: Rc<Outgoing>,
    },
    /// Send one event to several sessions, in this order.
    Fan {
        /// The receivers.
        to: Vec<Id>,
        /// What they get.
        message: Rc<Outgoing>,
    },
    /// The realm ended a session (kill): it is gone here already; its connection gets this GOODBYE and has a limited
    /// time for its answer.
    Goodbye {
        /// The session.
        session: Id,
        /// The reason, a URI.
        reason: String,
        /// For people.
        message: Option<String>,
    },
    /// A session has violated the protocol: it gets ABORT with `wamp.error.protocol_violation`, then it is closed; the
    /// driver calls [`Realm::leave`].
    Violation {
        /// The session.
        session: Id,
        /// What it did, for people.
        text: String,
    },
    /// What a hub wants to know, and nobody else is told.
    Hub(ForHub),
    /// A result came for a call of this session that has its answer, and was dropped. Only of an edge.
    Late(Id),
    /// The answer to [`Realm::call`].
    Answer {
        /// The caller's name for the call.
        token: u64,
        /// The result's payload, or the error's URI and payload.
        answer: Result<Payload, (String, Payload)>,
    },
}

/// What a hub, which has the realms of clients elsewhere, is to know of a step.
#[derive(Clone, Debug)]
pub enum ForHub {
    /// The message of this step waits for an authorizer. Only with a [`Stamp`], as the two that follow.
    Held,
    /// From here on, what a message has caused that had been held until now.
    Cause(Stamp),
    /// That message was held, and its session has gone.
    Dropped(Stamp),
    /// The call of this step waits for a callee.
    Queued,
    /// This of the realm with this name is to outlive the process. Only of a realm that was told to tell it, as the three that follow.
    Keep(Box<str>, Lasting),
    /// That no longer.
    Forget(LastingKey),
    /// A session has joined, or has other testaments.
    Testaments(Id),
    /// A session has gone.
    Gone(Id),
}
