//! What a process that routes a realm counts of it.

use jackfield_shared::status::RealmCounters;
use jackfield_wamp::realm::Realm;

/// What `realm` has counted in this epoch. Who serves its clients adds what waits for them.
pub(crate) fn counters(realm: &Realm, epoch: u64) -> RealmCounters {
    let (status, counters) = (realm.status(), realm.counters());
    let trouble = |(role, procedure, why): (&str, &str, &str)| {
        format!("authorizer {procedure} of role \"{role}\": {why}")
    };
    RealmCounters {
        name: realm.name().to_owned(),
        epoch,
        takeovers: epoch.saturating_sub(1),
        sessions: status.sessions as u64,
        subscriptions: status.subscriptions as u64,
        registrations: status.registrations as u64,
        calls: status.calls as u64,
        messages: counters.messages,
        events: counters.events,
        results_dropped: counters.late_answers,
        kept_bytes: (status.retained_bytes + status.history_bytes) as u64,
        troubles: realm.failing_authorizers().map(trouble).collect(),
        ..RealmCounters::default()
    }
}
