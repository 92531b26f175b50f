//! Questions to authenticators, and how long one is waited for that is not registered.

use super::inner::Inner;
use jackfield_wamp::{Id, Now, Payload};
use std::time::Duration;

/// How long one is waited for that is not registered, where it may come: in the first time of the process, and when it was
/// registered before.
const ABSENT: Duration = Duration::from_secs(10);
/// The first time of a process, in which components still start.
const FIRST: Duration = Duration::from_secs(30);

/// A question of a client to an authenticator.
pub(super) struct Waiting {
    pub(super) client: Id,
    /// Where the realm is that it is asked in.
    pub(super) realm: usize,
    pub(super) procedure: String,
    pub(super) payload: Payload,
    /// Until when it waits, if it does.
    pub(super) until: Duration,
}

impl Inner {
    /// Asks an authenticator, or keeps the question until it is registered.
    pub(super) fn ask(&mut self, now: Now, question: Waiting) {
        let known = (question.realm, question.procedure.clone());
        let is_there = self.realms.list[question.realm].has_procedure(&question.procedure);
        if !is_there && (now.clock < FIRST || self.known.contains(&known)) {
            self.waiting.push(Waiting { until: now.clock + ABSENT, ..question });
            return;
        }
        if is_there {
            self.known.insert(known);
        }
        self.call(now, question);
    }

    fn call(&mut self, now: Now, question: Waiting) {
        let Waiting { client, realm, procedure, payload, .. } = question;
        let realm = self.realms.touch(realm);
        let timeout = realm.authenticator_timeout();
        realm.call(now, client, &procedure, payload, timeout, &mut self.effects);
    }

    /// Asks those authenticators that are there now, and those that were waited for long enough.
    pub(super) fn ask_waiting(&mut self, now: Now) {
        let mut index = 0;
        while let Some(question) = self.waiting.get(index) {
            let is_there = self.realms.list[question.realm].has_procedure(&question.procedure);
            if is_there || question.until <= now.clock {
                let question = self.waiting.swap_remove(index);
                self.call(now, question);
            } else {
                index += 1;
            }
        }
    }
}
