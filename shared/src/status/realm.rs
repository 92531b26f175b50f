//! Realms in the answer.

use serde::{Deserialize, Serialize};

/// A realm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Realm {
    /// Id of the worker that routes it.
    pub worker: String,
    /// What the process that routes it has told, with what those have that serve its clients.
    #[serde(flatten)]
    pub told: RealmCounters,
}

/// A realm, as the process that routes it sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealmCounters {
    /// Its name.
    pub name: String,
    /// Counts the processes that have routed it one after the other, from 1.
    #[serde(default)]
    pub epoch: u64,
    /// How often another process has taken it over, with its sessions.
    #[serde(default)]
    pub takeovers: u64,
    /// What the last time took until it was routed again, in milliseconds; 0: there was none, which is `null` in JSON.
    #[serde(default, with = "null_if_zero")]
    pub last_takeover_ms: u64,
    /// Sessions in it.
    pub sessions: u64,
    /// Subscriptions; any number of sessions share one.
    pub subscriptions: u64,
    /// Registrations; several sessions may share one.
    pub registrations: u64,
    /// Calls that are not answered yet.
    pub calls: u64,
    /// Messages of clients so far.
    pub messages: u64,
    /// Events to clients so far.
    pub events: u64,
    /// Bytes that wait for clients.
    pub queued_bytes: u64,
    /// Events that were dropped, because their clients did not take them.
    pub events_dropped: u64,
    /// Results of calls that were dropped, because the calls had ended before.
    #[serde(default)]
    pub results_dropped: u64,
    /// Bytes of retained events and of the event history.
    pub kept_bytes: u64,
    /// What does not work, for operators.
    pub troubles: Vec<String>,
}

impl std::ops::AddAssign for RealmCounters {
    /// Puts together what two processes tell of a realm: one that routes it, and one that serves clients of it.
    fn add_assign(&mut self, other: Self) {
        self.epoch = self.epoch.max(other.epoch);
        self.takeovers = self.takeovers.max(other.takeovers);
        self.last_takeover_ms = self.last_takeover_ms.max(other.last_takeover_ms);
        self.sessions += other.sessions;
        self.subscriptions += other.subscriptions;
        self.registrations += other.registrations;
        self.calls += other.calls;
        self.messages += other.messages;
        self.events += other.events;
        self.queued_bytes += other.queued_bytes;
        self.events_dropped += other.events_dropped;
        self.results_dropped += other.results_dropped;
        self.kept_bytes += other.kept_bytes;
        let more = other.troubles.into_iter().filter(|trouble| !self.troubles.contains(trouble));
        let more: Vec<_> = more.collect();
        self.troubles.extend(more);
    }
}

/// A number that is `null` in JSON where it is 0.
mod null_if_zero {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        Some(*number).filter(|number| *number > 0).serialize(serializer)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(deserializer: D) -> Result<u64, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_realm_is_what_its_process_and_the_edges_tell_together() {
        let realm = RealmCounters {
            name: "realm1".into(),
            epoch: 3,
            takeovers: 2,
            last_takeover_ms: 7,
            sessions: 5,
            subscriptions: 4,
            registrations: 1,
            calls: 2,
            kept_bytes: 10,
            troubles: vec!["a".into()],
            ..RealmCounters::default()
        };
        let edge = |messages| RealmCounters {
            name: "realm1".into(),
            messages,
            events: 9,
            queued_bytes: 100,
            events_dropped: 1,
            results_dropped: 2,
            troubles: vec!["a".into(), "b".into()],
            ..RealmCounters::default()
        };
        let mut told = edge(20);
        told += realm.clone();
        told += edge(22);
        let edges = RealmCounters {
            messages: 42,
            events: 18,
            queued_bytes: 200,
            events_dropped: 2,
            results_dropped: 4,
            ..realm
        };
        assert_eq!(told, RealmCounters { troubles: vec!["a".into(), "b".into()], ..edges });
    }

    #[test]
    fn a_realm_that_nobody_took_over_has_no_last_takeover() {
        let at = |ms| {
            let told = RealmCounters { last_takeover_ms: ms, ..RealmCounters::default() };
            serde_json::to_value(Realm { worker: "w".into(), told }).unwrap()
        };
        assert_eq!((&at(0)["last_takeover_ms"], &at(7)["last_takeover_ms"]), (&json!(null), &json!(7)));
        for ms in [0, 7] {
            assert_eq!(serde_json::from_value::<Realm>(at(ms)).unwrap().told.last_takeover_ms, ms);
        }
    }
}
