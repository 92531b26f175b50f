//! Figures of a realm.

use super::Realm;

/// What has happened in a realm since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages of sessions.
    pub messages: u64,
    /// Sessions that joined.
    pub joined: u64,
    /// Events that were published, with those of the meta API.
    pub publications: u64,
    /// Events that were sent, one for each receiver.
    pub events: u64,
    /// Calls, with those of the router itself.
    pub calls: u64,
    /// Results that were sent to callers, without progressive ones.
    pub results: u64,
    /// Calls that were answered by an error after they had been sent to a callee or the meta API.
    pub errors: u64,
    /// Results and errors of callees that came after their calls had ended, and were dropped.
    pub late_answers: u64,
    /// Calls that were past their time limits.
    pub timeouts: u64,
    /// Requests that were not allowed.
    pub denied: u64,
    /// Violations of the protocol.
    pub violations: u64,
    /// Sessions that were ended by a procedure or by the node.
    pub kills: u64,
}

/// What there is in a realm now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Sessions.
    pub sessions: usize,
    /// Subscriptions; any number of sessions share one.
    pub subscriptions: usize,
    /// Registrations; several sessions may share one.
    pub registrations: usize,
    /// Calls that callees have not answered.
    pub calls: usize,
    /// Calls among them that wait for a callee at its limit.
    pub queued_calls: usize,
    /// Topics with a retained event.
    pub retained_topics: usize,
    /// Bytes of retained events.
    pub retained_bytes: usize,
    /// Bytes of the event history.
    pub history_bytes: usize,
    /// Sessions whose requests wait for an authorizer.
    pub asking: usize,
}

impl Realm {
    /// What has happened.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// The roles whose authorizers failed the last time that they were asked, their procedures, and why, for people.
    pub fn failing_authorizers(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.roles.failures()
    }

    /// What there is now. It goes through all registrations and sessions.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            sessions: self.sessions.len(),
            subscriptions: self.broker.subscriptions.len(),
            registrations: self.dealer.registrations.len(),
            calls: self.dealer.calls.len(),
            queued_calls: self.dealer.registrations.iter().map(|(_, r)| r.queue.len()).sum(),
            retained_topics: self.broker.retained.topics(),
            retained_bytes: self.broker.retained.bytes(),
            history_bytes: self.broker.history.bytes(),
            asking: self.sessions.values().filter(|own| own.asked.is_some()).count(),
        }
    }
}
