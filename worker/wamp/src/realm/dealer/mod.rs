//! The dealer: registrations and calls.

mod answer;
mod call;
mod cancel;
mod policy;
mod queue;
mod register;

use super::hash::{IdHash, IdMap};
use super::options::Invoke;
use super::pattern::Patterns;
use crate::rlink::is_forwarded;
use crate::uri::Match;
use crate::{Dict, Id, Payload};
use slab::Slab;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A key into the table of calls.
pub(crate) type CallKey = usize;

/// Registrations and the calls that are under way.
#[derive(Debug)]
pub(crate) struct Dealer {
    pub(crate) registrations: Slab<Registration>,
    pub(crate) by_id: IdMap<usize>,
    pub(crate) table: Patterns<usize>,
    pub(crate) calls: Slab<Call>,
    /// The calls that have a time limit, by it.
    pub(crate) timers: BTreeMap<(Duration, u64), CallKey>,
    /// Procedures with a limit of their own for calls that wait.
    pub(crate) queue_limits: Patterns<usize>,
    /// The limit of the others.
    pub(crate) queue_limit: usize,
    /// Bytes of the arguments of all calls that wait.
    pub(crate) queued_bytes: usize,
    /// Calls wait though callees are free: not all is known yet.
    pub(crate) frozen: bool,
    /// The last request of an invocation that any session got.
    pub(crate) last_invocation: Id,
}

/// A registration: it is there as long as it has callees.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) id: Id,
    pub(crate) uri: Box<str>,
    pub(crate) policy: Match,
    pub(crate) invoke: Invoke,
    /// Since 1970.
    pub(crate) created: Duration,
    /// In the order of registering.
    pub(crate) callees: Vec<Callee>,
    /// The place of the callee whose turn is next (roundrobin).
    turn: usize,
    /// Calls that wait for a callee.
    pub(crate) queue: VecDeque<CallKey>,
}

/// A callee of a registration.
#[derive(Debug)]
pub(crate) struct Callee {
    pub(crate) session: Id,
    /// How many calls it takes at a time; 0: any number.
    concurrency: u64,
    active: u64,
    forward_timeout: bool,
    /// Whether it is a link between routers.
    link: bool,
}

/// Who gets the answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Session {
        session: Id,
        request: Id,
    },
    /// The session whose request waits for its authorizer.
    Authorizer(Id),
    /// The testaments of a session that has left, which wait for its authorizer.
    Will(usize),
    /// Whoever called [`Realm::call`](super::Realm::call), by the token given.
    Router(u64),
    /// It has been answered or is gone; the callee is still busy.
    Nobody,
}

/// A call under way.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) caller: Caller,
    /// Where its first CALL came from, if a session sent it.
    pub(crate) name: Option<(u64, u64)>,
    pub(crate) registration: Id,
    pub(crate) target: Target,
    /// What invocations that bring further arguments repeat, as long as they may come.
    pub(crate) input: Option<Box<Dict>>,
    /// It was cancelled by `kill`: the callee's answer is still to come.
    pub(crate) killed: bool,
    pub(crate) deadline: Option<(Duration, u64)>,
}

impl Call {
    /// Whether its arguments come in several parts.
    fn is_progressive(&self) -> bool {
        self.input.is_some() || matches!(&self.target, Target::Queued(inputs) if inputs.len() > 1)
    }

    /// Whether it waits and has come over a link between routers.
    fn is_forwarded(&self) -> bool {
        let Target::Queued(inputs) = &self.target else { return false };
        inputs.first().is_some_and(|(details, _)| is_forwarded(details))
    }
}

/// Where a call is.
#[derive(Debug)]
pub(crate) enum Target {
    /// It waits for a callee, with its arguments, the first and further ones.
    Queued(Vec<(Dict, Payload)>),
    Callee {
        session: Id,
        request: Id,
    },
}

impl Target {
    /// The bytes of the arguments that wait, about.
    pub(crate) fn size(&self) -> usize {
        let Self::Queued(inputs) = self else { return 0 };
        inputs.iter().map(input_size).sum()
    }

    /// Whether it is this invocation.
    pub(crate) fn is(&self, callee: Id, invocation: Id) -> bool {
        matches!(self, Self::Callee { session, request } if (*session, *request) == (callee, invocation))
    }
}

/// The bytes of arguments that wait, about.
pub(crate) fn input_size((details, payload): &(Dict, Payload)) -> usize {
    details.size() + payload.size() + 64
}

impl Dealer {
    pub(crate) fn new(hash: IdHash) -> Self {
        Self {
            registrations: Slab::new(),
            by_id: hash.map(),
            table: Patterns::default(),
            calls: Slab::new(),
            timers: BTreeMap::new(),
            queue_limits: Patterns::default(),
            queue_limit: 0,
            queued_bytes: 0,
            frozen: false,
            last_invocation: 0,
        }
    }
}
