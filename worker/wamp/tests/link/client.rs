//! A client: what it has sent, and what it knows by what it was sent.

use jackfield_wamp::Id;
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
}

/// A subscription, and what must have come by it.
#[derive(Clone, Debug)]
pub(crate) struct Subscribed {
    pub(crate) topic: &'static str,
    /// The number of the first publication that was sent after SUBSCRIBED had come.
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
