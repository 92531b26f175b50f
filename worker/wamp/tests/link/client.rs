//! A client: what it has sent, and what it knows by what it was sent.

use jackfield_wamp::{Id, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    Publish,
    Subscribe(&'static str),
    Unsubscribe(Id),
    Register(&'static str),
    Unregister(Id),
    /// With the number of the call.
    Call(u64),
    /// A subscription to ends of sessions.
    Leaves,
    /// With the number of its publication.
    Testament(u64),
    /// A question to the router.
    Meta,
}

/// A subscription, and what must have come by it.
#[derive(Clone, Debug)]
pub(crate) struct Subscribed {
    pub(crate) topic: &'static str,
    /// When SUBSCRIBED has come, by the count of moments.
    pub(crate) since: u64,
    pub(crate) got: BTreeSet<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Client {
    pub(crate) edge: u64,
    pub(crate) last_request: Id,
    pub(crate) pending: BTreeMap<Id, Pending>,
    pub(crate) subscriptions: BTreeMap<Id, Subscribed>,
    pub(crate) registrations: BTreeMap<Id, &'static str>,
    /// Requests of invocations, and the numbers of their calls.
    pub(crate) invocations: BTreeMap<Id, u64>,
    /// The last one by each registration.
    pub(crate) working: BTreeMap<Id, Id>,
    pub(crate) has_unregistered: bool,
    /// Those that it was told to stop.
    pub(crate) interrupted: BTreeSet<Id>,
    /// It was settled that it is there.
    pub(crate) is_settled: bool,
    /// Its subscription to ends of sessions, how many had gone then, and whose it has heard of.
    pub(crate) leaves: Option<Id>,
    pub(crate) leaves_since: usize,
    pub(crate) has_left: BTreeSet<Id>,
    pub(crate) has_left_twice: BTreeSet<Id>,
    /// The number of its testament.
    pub(crate) testament: Option<u64>,
    /// Events that were to be retained, by topic, in the order in which they came.
    pub(crate) retained: BTreeMap<&'static str, Vec<u64>>,
    pub(crate) wants_retained: bool,
    /// The answer of the router.
    pub(crate) answer: Option<Value>,
    /// The last event of each publisher.
    pub(crate) last_of: BTreeMap<Id, u64>,
}

impl Client {
    pub(crate) fn request(&mut self, pending: Pending) -> Id {
        self.last_request += 1;
        self.pending.insert(self.last_request, pending);
        self.last_request
    }
}
